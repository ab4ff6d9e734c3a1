"""The whole way on real repositories, with real ruff, shellcheck and secret detector."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from reviewer import diff
from reviewer.checking import suggestion as suggestions
from reviewer.errors import UsageError
from reviewer.evidence import Options, Side, collect, recheck
from reviewer.evidence.analyzers import DEFAULTS
from reviewer.finding import Category, Severity, Source, SourceKind
from tests.evidence.samples import NO_ANALYZERS, fake_analyzer, found, staged

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repo import Repo

_GITHUB_TOKEN = "ghp_" + "a8Kd0qPz3LmNx7Rt5VbWc2Ye9UgHj4SfT1Io"
_MUTABLE = "def collect(into=[]):\n    return into\n"


def test_ruff_reports_a_defect_of_an_added_line_with_its_rule_and_address(repo: Repo) -> None:
    repo.commit(files={"a.py": "x = 1\n"})
    repo.stage({"a.py": "x = 1\n\n\n" + _MUTABLE})
    (finding,) = staged(repo).findings
    assert (finding.path, finding.line, finding.category) == ("a.py", 4, Category.BUG)
    assert finding.source == Source(
        SourceKind.TOOL, "ruff", "B006", "https://docs.astral.sh/ruff/rules/mutable-argument-default"
    )
    assert finding.scope == "collect"
    assert finding.suggestion is not None
    assert finding.suggestion.shown
    assert "into=None" in finding.suggestion.replacement


def test_style_is_not_reported(repo: Repo) -> None:
    repo.commit()
    repo.stage({"a.py": "import os,sys\nimport subprocess\nassert   True\nl = lambda : 0\ny = zip([1],[2])\n"})
    assert not staged(repo).findings


def test_the_staged_content_counts_not_the_working_tree(repo: Repo) -> None:
    repo.commit(files={"a.py": "x = 1\n"})
    repo.stage({"a.py": "x = 1\ny = 2\n"})
    repo.write({"a.py": "x = 1\n" + _MUTABLE})
    assert not staged(repo).findings
    repo.stage({"a.py": "x = 1\n" + _MUTABLE})
    repo.write({"a.py": "x = 1\n"})
    assert found(staged(repo)) == [("a.py", 2, "B006")]


def test_the_configuration_in_the_change_does_not_switch_a_rule_off(repo: Repo) -> None:
    repo.commit()
    repo.stage({"a.py": _MUTABLE, "ruff.toml": 'exclude = ["a.py"]\n', "s.sh": "#!/bin/sh\ncd /tmp/x\n"})
    repo.stage({".shellcheckrc": "disable=SC2164\n"})
    assert found(staged(repo)) == [("a.py", 1, "B006"), ("s.sh", 2, "SC2164")]


def test_shellcheck_finding_has_a_fix_that_applies(repo: Repo) -> None:
    repo.commit()
    repo.stage({"run": "#!/bin/bash\ncd build\nmake\n"})
    (finding,) = staged(repo).findings
    assert finding.source == Source(SourceKind.TOOL, "shellcheck", "SC2164", "https://www.shellcheck.net/wiki/SC2164")
    assert finding.suggestion is not None
    assert finding.suggestion.replacement == "cd build || exit"


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        pytest.param(_MUTABLE, _MUTABLE + "\n\nx = 1\n", [], id="untouched"),
        pytest.param(_MUTABLE + "x = 1\n", "x = 1\n" + _MUTABLE, [], id="moved"),
        pytest.param(_MUTABLE, "if True:\n" + textwrap.indent(_MUTABLE, "    "), [], id="indented"),
        pytest.param(_MUTABLE, _MUTABLE + "\n\n" + _MUTABLE, [5], id="a second copy"),
        pytest.param(_MUTABLE, _MUTABLE.replace("into=[]", "into=[], flag=None"), [1], id="the line itself changed"),
    ],
)
def test_only_what_the_change_introduces_is_reported(repo: Repo, before: str, after: str, lines: list[int]) -> None:
    repo.commit(files={"a.py": before})
    repo.stage({"a.py": after})
    assert [one.line for one in staged(repo).findings if one.sources[0].rule == "B006"] == lines


def test_a_renamed_file_is_compared_with_what_it_was(repo: Repo) -> None:
    body = _MUTABLE + "".join(f"x{i} = {i}\n" for i in range(30))
    repo.commit(files={"a.py": body})
    repo.git("mv", "a.py", "b.py")
    repo.stage({"b.py": body + "\n\ndef more(into={}):\n    return into\n"})
    assert found(staged(repo)) == [("b.py", 35, "B006")]


def test_a_statement_of_several_lines_is_reported_on_its_changed_line(repo: Repo) -> None:
    before = 'def run(a, b):\n    return "%s %s" % (\n        a,\n        b,\n    )\n'
    repo.commit(files={"a.py": before})
    repo.stage({"a.py": before.replace("        b,\n", "        b, a,\n")})
    assert found(staged(repo)) == [("a.py", 4, "F507")]


def test_a_syntax_error_is_reported_unless_the_old_side_has_one_too(repo: Repo) -> None:
    repo.commit(files={"a.py": "x = 1\ny = 2\nz = 3\n", "old.py": 'print "a"\n'})
    repo.stage({"a.py": "x = (1\ny = 2\nz = 3\n", "old.py": 'print "a"\nprint "b"\n'})
    # The parser notices an open bracket at the end of the file; the change is where it was opened.
    assert found(staged(repo)) == [("a.py", 1, "invalid-syntax")]


def test_new_syntax_is_no_error(repo: Repo) -> None:
    repo.commit()
    repo.stage({"a.py": 'type Pair[T] = tuple[T, T]\nprint(f"{"x"}")\n'})
    assert not staged(repo).findings


def test_a_secret_is_reported_without_its_value(repo: Repo) -> None:
    repo.commit(files={"a.py": "x = 1\n"})
    repo.stage({"a.py": f'x = 1\ntoken = "{_GITHUB_TOKEN}"\n'})
    (finding,) = staged(repo).findings
    assert (finding.line, finding.severity, finding.category) == (2, Severity.ERROR, Category.SECURITY)
    assert finding.source is not None
    assert (finding.source.name, finding.source.rule) == ("betterleaks", "github-pat")
    assert _GITHUB_TOKEN not in repr(finding)
    assert finding.line_text == 'token = "…"'
    assert finding.secret == _GITHUB_TOKEN


def test_only_the_value_of_a_password_is_the_secret(repo: Repo) -> None:
    repo.commit(files={"settings.yml": "a: 1\n"})
    password = "tr0ub4" + "dor"
    repo.stage({"settings.yml": f"a: 1\ndb:\n  password: {password}\n"})
    (finding,) = staged(repo).findings
    assert (finding.line_text, finding.secret) == ("  password: …", password)


def test_a_private_key_is_one_finding_of_two_sources(repo: Repo) -> None:
    key = subprocess.run(
        ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f", str(repo.root.parent / "key")],
        capture_output=True,
        check=False,
    )
    if key.returncode:
        body = "\n".join("MIIEpAIBAAKCAQEA7bq1Hs0wZk3yXn9Qv5Lr2Tt8Uo4Pf6Gd1Ja" + str(i) * 3 for i in range(1, 9))
        text = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n"
    else:
        text = (repo.root.parent / "key").read_text()
    repo.commit()
    repo.stage({"deploy.pem": text})
    (finding,) = staged(repo).findings
    assert [(source.name, source.rule) for source in finding.sources] == [
        ("built-in", "private-key"),
        ("betterleaks", "private-key"),
    ]
    assert text.split("\n")[2] not in repr(finding)


def test_conflict_markers_and_bidirectional_controls_are_reported_in_any_language(repo: Repo) -> None:
    repo.commit(files={"notes.xyz": "a\n"})
    repo.stage({"notes.xyz": "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> topic\n", "x.go": 'package x // "\u202e"\n'})
    assert found(staged(repo, NO_ANALYZERS)) == [
        ("notes.xyz", 2, "conflict-marker"),
        ("x.go", 1, "bidirectional-control"),
    ]


def test_a_packaged_rule_and_ruff_are_one_finding_of_both(repo: Repo, tmp_path: Path) -> None:
    rule = tmp_path / "rules" / "python" / "shared-default.yml"
    rule.parent.mkdir(parents=True)
    rule.write_text(
        "id: shared-default\nlanguage: Python\nseverity: error\nmessage: The default of $N is shared.\n"
        "metadata: {category: bug, aliases: ['ruff:B006']}\n"
        "rule: {kind: default_parameter, has: {field: value, kind: list}, pattern: $N=$V}\n"
    )
    rule.write_text(rule.read_text().replace("pattern: $N=$V", "regex: '=', all: [{has: {field: name, pattern: $N}}]"))
    repo.commit()
    repo.stage({"a.py": _MUTABLE})
    (finding,) = staged(repo, Options(rules_folder=tmp_path / "rules")).findings
    assert [(source.kind, source.rule) for source in finding.sources] == [
        (SourceKind.RULE, "shared-default"),
        (SourceKind.TOOL, "B006"),
    ]
    assert finding.severity is Severity.ERROR
    assert finding.message == "The default of into is shared."
    assert finding.suggestion is not None  # ruff's


def test_two_rules_on_one_line_stay_two_findings_with_different_fingerprints(repo: Repo) -> None:
    repo.commit()
    repo.stage({"a.py": "def f(a=[]): return undefined_name\n"})
    evidence = staged(repo)
    assert sorted(rule for _, _, rule in found(evidence)) == ["B006", "F821"]
    assert len({finding.fingerprint for finding in evidence.findings}) == 2


def test_a_patch_without_an_old_side_makes_changed_lines_new() -> None:
    patch = b"--- a/a.py\n+++ b/a.py\n@@ -1 +1,2 @@\n x = 1\n+def f(a=[]): return a\n"
    new = Side(lambda paths: dict.fromkeys(paths, b"x = 1\ndef f(a=[]): return a\n"))
    nothing = Side(dict.fromkeys)
    assert found(collect(diff.parse(patch, "patch"), new, nothing)) == [("a.py", 2, "B006")]


def test_a_change_without_text_is_no_evidence(repo: Repo) -> None:
    repo.commit(files={"gone.py": _MUTABLE, "b.bin": b"\0\1"})
    repo.git("rm", "-q", "gone.py")
    repo.stage({"b.bin": b"\0\2"})
    assert staged(repo) == staged(repo, NO_ANALYZERS)
    assert not staged(repo).findings


def test_bytes_that_are_not_utf8_are_analyzed(repo: Repo) -> None:
    repo.commit()
    repo.stage({"a.sh": b"#!/bin/sh\n# \xe9t\xe9\ncd build\n"})
    assert ("a.sh", 3, "SC2164") in found(staged(repo))


def test_a_fix_keeps_the_line_endings_of_the_file(repo: Repo) -> None:
    text = "def collect(into=[]):\r\n    return into\r\n"
    repo.git("config", "core.autocrlf", "false")
    repo.commit()
    repo.stage({"a.py": text})
    (finding,) = staged(repo).findings
    assert finding.suggestion is not None
    fixed = suggestions.apply(text, finding.suggestion)
    assert fixed == "def collect(into=None):\r\n    if into is None:\r\n        into = []\r\n    return into\r\n"


def test_odd_names_reach_the_analyzers(repo: Repo) -> None:
    names = ["-rf.py", "a b.py", "ü/{files}.py", "x;touch pwned.py"]
    repo.commit()
    repo.stage(dict.fromkeys(names, _MUTABLE))
    assert sorted(path for path, _, _ in found(staged(repo))) == sorted(names)
    assert not (repo.root / "pwned.py").exists()


def test_a_broken_analyzer_is_a_note_and_the_others_still_report(repo: Repo, tmp_path: Path) -> None:
    broken = fake_analyzer(tmp_path, "sys.exit('no license\\x1b[31m')")
    repo.commit()
    repo.stage({"a.py": _MUTABLE})
    evidence = staged(repo, Options(analyzers=(*DEFAULTS, broken)))
    assert found(evidence) == [("a.py", 1, "B006")]
    assert evidence.notes == ("fake: failed with exit status 1 (no license\u241b[31m)",)


def test_a_rule_that_does_not_compile_is_a_note_and_the_others_still_report(repo: Repo, tmp_path: Path) -> None:
    folder = tmp_path / "rules" / "python"
    folder.mkdir(parents=True)
    head = "language: Python\nmessage: m\nmetadata: {category: bug}\n"
    (folder / "bad.yml").write_text("id: bad\n" + head + "rule: {kind: no_such_kind}\n")
    (folder / "good.yml").write_text("id: good\n" + head + "rule: {pattern: f($A)}\n")
    repo.commit()
    repo.stage({"a.py": "f(1)\n", "b.py": "f(2)\n"})
    evidence = staged(repo, Options(analyzers=(), rules_folder=tmp_path / "rules"))
    assert found(evidence) == [("a.py", 1, "good"), ("b.py", 1, "good")]
    (note,) = evidence.notes
    assert note.startswith("rule bad: ")
    assert "no_such_kind" in note
    again = recheck("a.py", "f(1)\n", evidence.findings[0].sources, Options(rules_folder=tmp_path / "rules"))
    assert again is not None
    assert len(again) == 1


def test_an_analyzer_of_the_whole_tree_sees_the_rest_of_each_side(repo: Repo, tmp_path: Path) -> None:
    # It reports the changed file's first line once for each line of a file that it is not given.
    code = "for line in open('count.txt'):\n    print('a.py:1: too many')"
    counting = fake_analyzer(tmp_path, code, tree=True)
    repo.commit(files={"count.txt": "1\n", "a.py": "x = 1\n"})
    repo.stage({"a.py": "x  =  1\n"})
    assert not staged(repo, Options(analyzers=(counting,))).findings  # on the old side too
    repo.stage({"count.txt": "1\n2\n"})
    assert found(staged(repo, Options(analyzers=(counting,)))) == [("a.py", 1, "")]


def test_an_analyzer_cannot_reach_the_users_index(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit(files={"a.py": "x = 1\n"})
    repo.stage({"a.py": "x = 2\n"})
    monkeypatch.setenv("GIT_INDEX_FILE", str(repo.root / ".git" / "index"))
    monkeypatch.setenv("GIT_DIR", str(repo.root / ".git"))
    spying = fake_analyzer(tmp_path, "print('a.py:1: ' + str([k for k in os.environ if k.startswith('GIT_')]))")
    monkeypatch.chdir(repo.root)
    (finding,) = staged(repo, Options(analyzers=(spying,), rules=False)).findings
    assert finding.message == "[]"


def test_sarif_results_are_kept_on_changed_lines_of_the_same_text(repo: Repo, tmp_path: Path) -> None:
    repo.commit(files={"src/a.py": "x = 1\ny = 2\n"})
    repo.stage({"src/a.py": "x = 1\ny = 3\nz = 4\n"})

    def result(line: int, uri: str = "src/a.py", snippet: str | None = None) -> dict[str, object]:
        region: dict[str, object] = {"startLine": line}
        if snippet is not None:
            region["snippet"] = {"text": snippet}
        place = {"artifactLocation": {"uri": uri}, "region": region}
        return {"ruleId": f"R{line}", "message": {"text": "m"}, "locations": [{"physicalLocation": place}]}

    results = [
        result(1),  # unchanged
        result(2, "file:///home/runner/work/x/src/a.py"),
        result(3, snippet="z = 4\n"),
        result(3, snippet="other = 1"),
        result(2, "../../etc/passwd"),
        result(2, "a.py"),
    ]
    log = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "T"}}, "results": results}]}
    path = tmp_path / "log.sarif"
    path.write_text(json.dumps(log))
    evidence = staged(repo, Options(analyzers=(), sarif=(path,)))
    assert found(evidence) == [("src/a.py", 2, "R2"), ("src/a.py", 3, "R3")]
    assert evidence.notes == ("1 SARIF results are about another version of their lines and were left out.",)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff\xfe", b'{"runs": 3}', b"[" * 200_000])
def test_a_file_that_is_not_sarif_is_a_usage_error(repo: Repo, tmp_path: Path, content: bytes) -> None:
    repo.commit()
    repo.stage({"a.py": "x = 1\n"})
    path = tmp_path / "log.sarif"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is not a SARIF file"):
        staged(repo, Options(analyzers=(), sarif=(path,)))


def test_recheck_runs_the_findings_own_source_on_the_whole_text() -> None:
    ruff = Source(SourceKind.TOOL, "ruff", "B006")
    again = recheck("a.py", _MUTABLE + "\n\nprint(undefined_name)\n", (ruff,))
    assert again is not None
    assert [one.sources[0].rule for one in again] == ["B006", "F821"]
    assert recheck("a.py", "def f(a=None): return a\n", (ruff,)) == ()


def test_recheck_of_a_rule_does_not_run_analyzers() -> None:
    rule = Source(SourceKind.RULE, "built-in", "conflict-marker")
    again = recheck("a.xyz", "<<<<<<< a\n=======\n>>>>>>> b\n", (rule,), Options(analyzers=()))
    assert again is not None
    assert [one.sources[0].rule for one in again] == ["conflict-marker"]


def test_what_cannot_run_again_is_unknown() -> None:
    assert recheck("a.py", "x = 1\n", (Source(SourceKind.MODEL, "qwen"),)) is None
    assert recheck("a.py", "x = 1\n", (Source(SourceKind.TOOL, "CodeQL", "py/x"),)) is None


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, reviewer.evidence\n"
        "heavy = {'ast_grep_py', 'yaml', 'betterleaks', 'psutil', 'tree_sitter'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
