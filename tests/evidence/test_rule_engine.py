from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from reviewer import assets
from reviewer.checking import suggestion as suggestions
from reviewer.evidence import Options, Side, recheck, rule_cache, rule_files, rules
from reviewer.evidence.diagnostic import suggestion
from reviewer.evidence.fixing import with_own_fix
from reviewer.finding import Category, Severity, Source, SourceKind
from reviewer.languages.table import ALL
from tests.evidence.samples import reviewed

if TYPE_CHECKING:
    from reviewer.evidence.diagnostic import Diagnostic

_HEAD = "id: r\nlanguage: x\nmessage: m\nmetadata: {category: bug}\n"


def _scan(folder: Path, path: str, text: str, **files: str) -> list[Diagnostic]:
    for name, rule in files.items():
        language, _, stem = name.partition("__")
        (folder / language).mkdir(exist_ok=True)
        (folder / language / f"{stem}.yml").write_text(rule)
    return list(rules.scan(reviewed(path, text), folder))


def _fixed(folder: Path, path: str, text: str, rule: str) -> str:
    (one,) = _scan(folder, path, text, **{f"{reviewed(path, text).language.name}__r": rule})
    fix = suggestion(reviewed(path, text).lines, one.edits)
    assert fix is not None
    return fix.replacement


_FURTHER = ["a.ex", "a.lua", "a.sol", "a.scala", "a.hs", "a.nix"]
_NAMES = [*(f"a{one.extensions[0]}" for one in ALL if one.extensions), *_FURTHER]
_SAMPLES = {rules.grammar_of(reviewed(name, "")): name for name in _NAMES}


def test_every_packaged_rule_compiles_for_every_language_that_it_runs_on() -> None:
    assert _SAMPLES.keys() >= rules.grammars()
    for name in _SAMPLES.values():
        list(rules.scan(reviewed(name, "x\n")))


def _packaged_fixes() -> list[tuple[str, str, str, str]]:
    """Grammar, rule, faulty example and its fixed text of every packaged rule with a fix."""
    folder = Path(__file__).parent / "rules"
    return [
        (path.parent.name, examples["id"], before, after)
        for path in sorted(folder.glob("*/*.yml"))
        for examples in [yaml.safe_load(path.read_text("utf-8"))]
        for before, after in zip(examples["invalid"], examples.get("fixed", []), strict=False)
        if after is not None
    ]


@pytest.mark.parametrize(("grammar", "rule", "before", "after"), _packaged_fixes())
def test_fixes_of_packaged_rules_become_suggestions(
    tmp_path: Path, grammar: str, rule: str, before: str, after: str
) -> None:
    (tmp_path / grammar).mkdir()  # with this rule alone: a scan with all of its language takes a tenth of a second
    shutil.copy(assets.rules_dir() / grammar / f"{rule}.yml", tmp_path / grammar)
    text = before
    for _ in range(5):  # an example may hold the fault more than once
        file = reviewed(_SAMPLES[grammar], text)
        one = next(rules.scan(file, tmp_path), None)
        if one is None:
            break
        fix = suggestion(file.lines, one.edits)
        assert fix is not None
        fixed = suggestions.apply(text, fix)
        assert fixed is not None
        text = fixed
    # A fix that deletes a statement deletes its line too.
    assert _filled(text) == _filled(after)


@pytest.mark.parametrize(
    ("rule", "opened", "closed"),
    [
        ("go-response-body-not-closed", "resp, err := http.Get(name)", "defer resp.Body.Close()"),
        ("go-file-not-closed", "file, err := os.Open(name)", "defer file.Close()"),
    ],
)
def test_a_resource_is_closed_after_the_check_of_its_error(rule: str, opened: str, closed: str) -> None:
    check = "\tif err != nil {\n\t\treturn err\n\t}\n"
    text = f"package p\n\nfunc f(name string) error {{\n\t{opened}\n{check}\treturn nil\n}}\n"
    found = recheck("a.go", text, (Source(SourceKind.RULE, "built-in", rule),)) or ()
    one = next(one for one in found if one.sources[0].rule == rule)
    fix = with_own_fix(one, text, "go", Options(), Side(dict.fromkeys)).suggestion
    assert fix is not None
    assert suggestions.apply(text, fix) == text.replace(check, f"{check}\t{closed}\n")


def test_without_a_check_nothing_is_inserted() -> None:
    text = "package p\n\nfunc f(name string) {\n\tfile, _ := os.Open(name)\n\tfmt.Fprintln(file)\n}\n"
    (one,) = (one for one in rules.scan(reviewed("a.go", text)) if one.source.rule == "go-file-not-closed")
    assert one.edits == ()


def test_classes_of_a_regex_are_those_of_ascii(tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "a-name.yml").write_text(
        "id: a-name\nmessage: \"-\"\nmetadata: {category: bug}\nrule: {kind: identifier, regex: '^\\b[\\w.]+\\d\\b$'}\n"
    )
    found = [one.column for one in rules.scan(reviewed("a.py", "n1 = ñ1 = nn + n22\n"), tmp_path)]
    assert found == [1, 16]


def _filled(text: str) -> list[str]:
    return [line.rstrip() for line in text.split("\n") if line.strip()]


def test_every_folder_of_packaged_rules_is_a_grammar() -> None:
    folders = [folder.name for folder in assets.rules_dir().iterdir() if folder.is_dir()]
    assert [name for name in folders if name not in rules.grammars()] == []


def test_packaged_rules_have_an_id_that_is_their_file_name() -> None:
    for folder in filter(Path.is_dir, assets.rules_dir().iterdir()):
        assert [rule.id for rule in rule_files.load(folder)] == [path.stem for path in sorted(folder.glob("*.yml"))]


def test_a_rule_gives_its_place_message_and_source(tmp_path: Path) -> None:
    rule = """
id: shell-true
language: Python
severity: error
message: $F runs a shell with $CMD.
url: https://example.invalid/shell
metadata: {category: security, aliases: ["ruff:S602"]}
rule: {pattern: "$F($CMD, shell=True)"}
"""
    text = "import subprocess\n\nif 1:\n    subprocess.run(cmd,\n        shell=True)\n"
    (one,) = _scan(tmp_path, "a.py", text, python__r=rule)
    assert (one.line, one.column, one.end_line, one.end_column) == (4, 5, 5, 20)
    assert (one.severity, one.category) == (Severity.ERROR, Category.SECURITY)
    assert one.message == "subprocess.run runs a shell with cmd."
    assert (one.source.kind, one.source.rule, one.source.url) == (
        SourceKind.RULE,
        "shell-true",
        "https://example.invalid/shell",
    )
    assert one.aliases == ("ruff:S602",)


@pytest.mark.parametrize(
    ("path", "text", "rule", "fixed"),
    [
        pytest.param(
            "a.py",
            "x = yaml.load(f)\n",
            'fix: yaml.safe_load($A)\nrule: {pattern: "yaml.load($A)"}',
            "x = yaml.safe_load(f)",
            id="one variable",
        ),
        pytest.param(
            "a.py",
            "x = foo( 1,  'é😀', [2] )\n",
            'fix: bar($$$A)\nrule: {pattern: "foo($$$A)"}',
            "x = bar(1,  'é😀', [2])",
            id="several, with what stands between",
        ),
        pytest.param(
            "a.py",
            "x = foo()\n",
            'fix: bar($$$A)\nrule: {pattern: "foo($$$A)"}',
            "x = bar()",
            id="several, none there",
        ),
        pytest.param(
            "a.py",
            "def f():\n    foo(1)\n",
            'fix: "if x:\\n    foo($A)"\nrule: {pattern: "foo($A)"}',
            "    if x:\n        foo(1)",
            id="several lines, indented",
        ),
        pytest.param(
            "a.js",
            "f();\nconsole.log(1)\ng();\n",
            'fix: ""\nrule: {kind: expression_statement, has: {pattern: "console.log($A)"}}',
            "",
            id="deleted with its line",
        ),
        pytest.param(
            "a.py",
            "x = a_b(1)\n",
            'fix: $NEW($A)\nrule: {pattern: "$F($A)"}\ntransform: {NEW: {convert: {source: $F, toCase: camelCase}}}',
            "x = aB(1)",
            id="transformed",
        ),
        pytest.param(
            "a.py",
            "x = a == None\n",
            'fix: {template: "$A is None"}\nrule: {pattern: "$A == None"}',
            "x = a is None",
            id="template",
        ),
    ],
)
def test_a_fix_is_expanded(tmp_path: Path, path: str, text: str, rule: str, fixed: str) -> None:
    assert _fixed(tmp_path, path, text, _HEAD + rule) == fixed


def test_utils_and_constraints_belong_to_the_rule(tmp_path: Path) -> None:
    rule = _HEAD + (
        'rule: {pattern: "f($A)", not: {inside: {matches: guarded, stopBy: end}}}\n'
        "constraints: {A: {regex: '^[0-9]+$'}}\nutils: {guarded: {kind: if_statement}}\n"
    )
    found = _scan(tmp_path, "a.py", "f(1)\nf(x)\nif y:\n    f(2)\n", python__r=rule)
    assert [one.line for one in found] == [1]


def test_a_rule_runs_on_every_language_that_it_names(tmp_path: Path) -> None:
    rule = _HEAD.replace("bug}", "bug, languages: [JavaScript, Tsx]}") + 'rule: {pattern: "eval($A)"}'
    assert len(_scan(tmp_path, "a.tsx", "eval(x)", javascript__r=rule)) == 1
    assert len(_scan(tmp_path, "a.js", "eval(x)")) == 1
    assert _scan(tmp_path, "a.ts", "eval(x)") == []
    assert _scan(tmp_path, "a.go", "package x\nvar _ = eval(x)") == []


def test_languages_that_only_rules_know(tmp_path: Path) -> None:
    rule = _HEAD + 'rule: {pattern: "print($A)"}'
    assert len(_scan(tmp_path, "a.lua", "print(x)\n", lua__r=rule)) == 1


def test_ignored_paths_are_left_out(tmp_path: Path) -> None:
    rule = _HEAD + 'ignores: ["tests/", "*_test.py"]\nrule: {pattern: "f($A)"}'
    assert _scan(tmp_path, "tests/a.py", "f(1)", python__r=rule) == []
    assert _scan(tmp_path, "x_test.py", "f(1)") == []
    assert len(_scan(tmp_path, "a.py", "f(1)")) == 1


def test_positions_count_characters_beside_undecodable_bytes(tmp_path: Path) -> None:
    rule = _HEAD + 'rule: {pattern: "f($A)"}'
    (one,) = _scan(tmp_path, "a.py", "'\udce9é😀'; f(1)\n", python__r=rule)
    assert one.column == 8


@pytest.mark.parametrize(
    "rule",
    [
        "id: [",
        "- a list",
        "id: r\nmessage: m\nrule: {pattern: x}",  # no category
        _HEAD,
        _HEAD + "severity: fatal\nrule: {pattern: x}",
        _HEAD + "rule: {kind: no_such_kind}",
        _HEAD + "rule: {no_such_key: x}",
        _HEAD + "rule: {regex: '('}",
    ],
)
def test_a_wrong_rule_is_an_error_that_names_it(tmp_path: Path, rule: str) -> None:
    with pytest.raises(rule_cache.RuleError, match=r"python/r\b|rule r\b"):
        _scan(tmp_path, "a.py", "f(1)", python__r=rule)


def test_a_huge_file_is_not_parsed(tmp_path: Path) -> None:
    rule = _HEAD + 'rule: {pattern: "f($A)"}'
    assert _scan(tmp_path, "a.py", "f(1)\n" * 300_000, python__r=rule) == []
