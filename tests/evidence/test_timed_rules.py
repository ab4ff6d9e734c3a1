"""Rules that take too long on a file are ended, and a note says so."""

from __future__ import annotations

import dataclasses
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest

from reviewer.evidence import Options, recheck, rules, timed_rules
from reviewer.evidence.rule_cache import RuleError
from reviewer.syntax import MAX_BYTES
from tests.evidence.samples import found, reviewed, staged

if TYPE_CHECKING:
    from reviewer.evidence.diagnostic import Diagnostic
    from tests.repo import Repo

# Each statement is compared with all before it: some minutes for the file below.
QUADRATIC = """\
id: a-slow
language: python
message: Comes after a return.
metadata: {category: bug}
rule: {kind: expression_statement, follows: {kind: return_statement, stopBy: end}}
"""
LINEAR = """\
id: fast
language: python
severity: error
message: Here is `$X`.
note: Call it `c`.
url: https://example.org/
metadata: {category: bug, aliases: ["ruff:X1"]}
rule: {pattern: b = $X}
fix: c = $X
"""
BROKEN = QUADRATIC.replace("a-slow", "broken").replace("return_statement", "no_such_kind")
LONG = "a = 1\n" * 60_000 + "b = 'é\udcff'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "slow.yml").write_text(QUADRATIC)
    (tmp_path / "python" / "fast.yml").write_text(LINEAR)
    return tmp_path


def scan(folder: Path, text: str, slow: timed_rules.Slow, broken: list[str] | None = None) -> list[Diagnostic]:
    return list(timed_rules.scan(reviewed("a.py", text), folder, broken, slow, threading.Event()))


def test_a_slow_rule_is_ended_and_what_the_others_found_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed_rules, "MAX_SECONDS", 6.0)
    slow: timed_rules.Slow = {}
    (one,) = scan(folder, LONG, slow)
    assert (one.source.rule, one.line) == ("fast", 60_001)
    assert slow == {"a.py": {"a-slow"}}
    assert list(timed_rules.notes(slow)) == [
        "a.py: 1 built-in rule did not finish within 6 seconds and so reported nothing (a-slow)."
    ]
    assert scan(folder, LONG, slow) == [one], "it is not tried again"


def test_a_large_file_is_scanned_like_a_small_one(folder: Path) -> None:
    (folder / "python" / "slow.yml").write_text(BROKEN)
    text = "# é\n" * 20_000 + "b = 'é\udcff'\n"
    broken: list[str] = []
    elsewhere = scan(folder, text, {}, broken)
    assert elsewhere == list(rules.scan(reviewed("a.py", text), folder, []))
    assert elsewhere[0].edits
    assert elsewhere[0].advice
    assert ["rule broken" in message for message in broken] == [True]
    with pytest.raises(RuleError, match="rule broken"):
        scan(folder, text, {})


@pytest.mark.parametrize("program", [sys.executable, "/missing/python", "/bin/false"])
def test_a_large_file_is_scanned_wherever_python_is(
    folder: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Mock(side_effect=timed_rules._here)
    monkeypatch.setattr(timed_rules, "_here", here)
    started = program == sys.executable
    monkeypatch.setattr(sys, "executable", program)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(folder.parent)
    slow: timed_rules.Slow = {}
    found = scan(Path(folder.name), "# a\n" * 20_000 + "b = 1\n", slow)
    assert [one.source.rule for one in found] == ["fast"]
    assert not slow
    assert here.called is not started


def test_the_clock_is_looked_at_between_the_rules_on_a_small_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timed_rules, "MAX_SECONDS", -1.0)
    slow: timed_rules.Slow = {}
    assert [one.source.rule for one in scan(folder, "b = 1\nreturn 1\na\n", slow)] == ["fast"]
    assert slow == {"a.py": {"a-slow"}}


def test_a_review_says_what_did_not_finish(repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed_rules, "MAX_SECONDS", -1.0)
    options = Options(analyzers=(), rules_folder=folder)
    repo.commit("first", {"a.py": "return 1\na\n"})
    repo.stage({"a.py": "return 1\na\nb = 1\n"})
    evidence = staged(repo, options)
    assert found(evidence) == [("a.py", 3, "fast")]
    assert any("did not finish" in note for note in evidence.notes)
    assert recheck("a.py", "b = 1\n", evidence.findings[0].sources, options) is None, "half a check proves no fix"
    monkeypatch.undo()
    again = recheck("a.py", "b = 1\n", evidence.findings[0].sources, dataclasses.replace(options, slow={}))
    assert again is not None


def test_a_rule_that_did_not_finish_on_the_old_side_does_not_tell_what_is_new(
    repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scan(file: object, _folder: object, _broken: object, slow: timed_rules.Slow, _cancelled: object) -> object:
        if getattr(file, "changed", ()):
            return rules.scan(file, folder)  # type: ignore[arg-type]
        slow["a.py"] = {"fast"}
        return []

    monkeypatch.setattr(timed_rules, "scan", scan)
    repo.commit("first", {"a.py": "b = 1\n"})
    repo.stage({"a.py": "b = 2\n"})
    assert found(staged(repo, Options(analyzers=(), rules_folder=folder))) == []


def test_a_review_names_a_file_that_is_too_large(repo: Repo, folder: Path) -> None:
    text = "# a\n" * (MAX_BYTES // 4 + 1)
    repo.commit("first", {"a.py": text, "a.md": text})
    repo.stage({"a.py": text + "b = 1\n", "a.md": text + "b\n"})
    assert staged(repo, Options(analyzers=(), rules_folder=folder)).notes == (
        "a.py: built-in rules did not run, because the file is larger than 1 MiB.",
    )
