from __future__ import annotations

import pytest

from reviewer.diff import LineKind, SourceLine
from reviewer.engine.profile import ModelProfile
from reviewer.errors import ConfigError
from reviewer.languages import LANGUAGES
from reviewer.prompting.prompts import Prompts
from reviewer.prompting.rules import MAX_CHARS, MAX_TOGETHER, Rule, holding, read, together
from reviewer.selection.units import ReviewUnit

QUERIES = """\
---
paths: ["src/api/**", "*.sql"]
languages: [python, SQL]
---

Every query goes through `db.query`.
"""


def test_a_rule_is_read() -> None:
    (rule,) = read({"queries.md": QUERIES, "notes.txt": "no rule"})
    assert rule == Rule("queries", "Every query goes through `db.query`.", ("src/api/**", "*.sql"), ("python", "sql"))


@pytest.mark.parametrize(
    ("front", "paths", "languages"),
    [
        ("", (), ()),
        ("---\n---\n", (), ()),
        ("---\npaths: src/\n---\n", ("src/",), ()),
        ("---\npaths:\n  - a.py\n  - 'b c.py'\n---\n", ("a.py", "b c.py"), ()),
        ("---\r\nlanguages: go\r\n---\r\n", (), ("go",)),
    ],
)
def test_where_it_holds(front: str, paths: tuple[str, ...], languages: tuple[str, ...]) -> None:
    (rule,) = read({"a.md": f"{front}Say so.\n"})
    assert (rule.paths, rule.languages, rule.text) == (paths, languages, "Say so.")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("---\npath: [a]\n---\nx", r"rules/a\.md: unknown key 'path'"),
        ("---\npaths: [a\n---\nx", r"rules/a\.md: not valid YAML: .*\(line \d\)"),
        ("---\npaths: [1]\n---\nx", r"paths is not a list of strings"),
        ("---\npaths: {a: b}\n---\nx", r"paths is not a list of strings"),
        ("---\n- a\n---\nx", r"not a mapping"),
        ("---\npaths: [a]\nx", r"is not closed"),
        ("---\nlanguages: [pyton]\n---\nx", r"unknown language 'pyton'"),
        ("---\npaths: [a]\n---\n \n", r"has no text"),
        ("---\n" + "#" * 5000 + "\n---\nx", r"longer than 4000"),
        ("---\n" + "[" * 3000 + "\n---\nx", r"rules/a\.md"),
        ("---\n!!python/object/apply:os.system [ls]\n---\nx", r"rules/a\.md"),
        ("x" * (MAX_CHARS + 1), rf"limit is {MAX_CHARS}"),
    ],
)
def test_a_wrong_one_is_named(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as problem:
        read({"a.md": text})
    assert problem.value.hint or "longer" in problem.value.message


@pytest.mark.parametrize(
    ("path", "language", "held"),
    [
        ("src/api/a.py", "python", ["every", "api"]),
        ("src/api/deep/a.go", "go", ["every"]),
        ("lib/a.py", "python", ["every"]),
        ("lib/a.sql", "sql", ["every", "sql"]),
    ],
)
def test_which_hold(path: str, language: str, held: list[str]) -> None:
    rules = (Rule("every", "x"), Rule("api", "y", ("src/api/**",), ("python",)), Rule("sql", "z", (), ("sql",)))
    assert [rule.name for rule in holding(rules, path, language)] == held


def test_too_much_together_is_told_and_not_cut() -> None:
    rules = [Rule(f"r{number}", "x" * MAX_CHARS) for number in range(MAX_TOGETHER // MAX_CHARS + 1)]
    assert len(holding(rules[1:], "a.py", "python")) == len(rules) - 1
    with pytest.raises(ConfigError, match=r"a\.py .* r0, r1"):
        holding(rules, "a.py", "python")


def _unit(path: str, language: str) -> ReviewUnit:
    line = SourceLine(LineKind.ADDED, "x = 1", None, 1)
    return ReviewUnit(path, LANGUAGES[language], "", (line,), (1,))


def test_a_prompt_has_the_rules_that_hold_and_units_share_its_beginning() -> None:
    rules = (Rule("api", "Keep the moose.", ("src/**",)), Rule("go", "Mind the goroutine.", (), ("go",)))
    prompts = Prompts(ModelProfile("m", "d", 8192), {}, rules)
    api, other, lib = (
        prompts.review(_unit(path, "python")).messages[0]["content"] for path in ("src/a.py", "src/b.py", "c.py")
    )
    assert "Keep the moose." in api
    assert "goroutine" not in api
    assert api == other
    assert "Rules of this repository" not in lib


def test_rules_take_room_from_the_units() -> None:
    profile = ModelProfile("m", "d", 4096)
    rules = [Rule(name, "x" * 700) for name in "ab"]
    assert Prompts(profile, {}).unit_chars - Prompts(profile, {}, rules).unit_chars == len(together(rules))
