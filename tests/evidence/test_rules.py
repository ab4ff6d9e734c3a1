"""Every built-in rule finds its faulty examples, leaves its right ones alone, and fixes as it promises.

A rule is one file ``rules/<folder>/<id>.yml`` in ast-grep's format, with its examples in
``tests/evidence/rules/<folder>/<id>-test.yml`` in the format of ``ast-grep test``. Two keys are this project's own:

- ``metadata.languages`` in a rule: the languages that it holds for, where there are more than ``language`` names.
- ``fixed`` in a test file: the text that each ``invalid`` example becomes, in the same order, for rules with a ``fix``;
  null where the fix does not mend the example, so that a review does not show it.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest
import yaml
from ast_grep_py import SgNode, SgRoot

from reviewer.evidence import needles
from reviewer.finding import Category, Severity

if TYPE_CHECKING:
    from ast_grep_py import Config

RULES = Path(__file__).parents[2] / "rules"
EXAMPLES = Path(__file__).parent / "rules"

RULE_KEYS = {"id", "language", "severity", "message", "note", "url", "rule", "constraints", "utils", "transform"}
RULE_KEYS |= {"fix", "ignores", "metadata"}
# libyaml's parser is ten times as fast, which 750 files make worth having.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
METAVARIABLE = re.compile(r"\$\$\$([A-Z_][A-Z0-9_]*)|\$([A-Z_][A-Z0-9_]*)")


class Case(NamedTuple):
    """One rule in one of its languages, with its examples."""

    path: Path
    language: str
    rule: dict[str, Any]
    examples: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}-{self.language}"

    def parsed(self, text: str) -> SgNode:
        return SgRoot(text, self.language.lower()).root()

    def matches(self, root: SgNode) -> list[SgNode]:
        return root.find_all(cast("Config", self.rule))


def rule_files() -> list[Path]:
    return sorted(RULES.glob("*/*.yml"))


def example_file(rule: Path) -> Path:
    return EXAMPLES / rule.parent.name / f"{rule.stem}-test.yml"


@functools.cache
def load(path: Path) -> dict[str, Any]:
    loaded = yaml.load(path.read_text("utf-8"), _LOADER)
    assert isinstance(loaded, dict), path
    return loaded


def languages(rule: dict[str, Any]) -> list[str]:
    return list(rule["metadata"].get("languages", [rule["language"]]))


def cases() -> list[Case]:
    return [
        Case(path, language, rule, load(example_file(path)) if example_file(path).exists() else {})
        for path in rule_files()
        for rule in [load(path)]
        for language in languages(rule)
    ]


CASES = cases()
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_rule = pytest.mark.parametrize("path", rule_files(), ids=lambda path: f"{path.parent.name}/{path.stem}")


def syntax_errors(root: SgNode) -> int:
    """Count the nodes that the parser could not make sense of."""
    pending, count = [root], 0
    while pending:
        node = pending.pop()
        count += node.kind() == "ERROR"
        pending += node.children()
    return count


def expanded(template: str, match: SgNode, text: str) -> str:
    """Fill the metavariables of a ``fix``, as ast-grep does: matched nodes, matched lists, transformed strings."""

    def value(found: re.Match[str]) -> str:
        if found[1]:
            nodes = match.get_multiple_matches(found[1])
            return text[nodes[0].range().start.index : nodes[-1].range().end.index] if nodes else ""
        node = match.get_match(found[2])
        return node.text() if node else match.get_transformed(found[2]) or ""

    return METAVARIABLE.sub(value, template)


def fixed(case: Case, text: str) -> str:
    root = case.parsed(text)
    edits = [match.replace(expanded(case.rule["fix"], match, text)) for match in case.matches(root)]
    return root.commit_edits(edits)


def test_each_rule_has_examples_and_each_example_file_a_rule() -> None:
    assert CASES
    wanted = {example_file(path) for path in rule_files()}
    assert set(EXAMPLES.glob("*/*")) == wanted


def test_rule_ids_are_unique() -> None:
    ids = Counter(path.stem for path in rule_files())
    assert [name for name, count in ids.items() if count > 1] == []


@each_rule
def test_a_rule_is_well_formed_and_has_enough_examples(path: Path) -> None:
    rule = load(path)
    check_keys(path, rule)
    check_wording(rule)
    check_number_of_examples(path, rule, load(example_file(path)))


def check_keys(path: Path, rule: dict[str, Any]) -> None:
    assert rule.keys() <= RULE_KEYS
    assert rule["id"] == path.stem
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule["id"])
    assert rule["severity"] in set(Severity)
    assert rule["metadata"].keys() <= {"category", "languages", "aliases", "after-check"}
    assert rule["metadata"]["category"] in set(Category)
    assert rule["language"] in languages(rule)
    assert isinstance(rule.get("fix", ""), str)


def check_wording(rule: dict[str, Any]) -> None:
    """The message is one sentence."""
    message = rule["message"]
    assert re.fullmatch(r"[^a-z\s][^\n]{18,158}\.", message), message
    assert not re.search(r"[.!?] [A-Z]", message), message
    note = rule.get("note")
    assert note is None or re.fullmatch(r"\S.{0,298}\.", note.strip()), note
    assert re.fullmatch(r"https://[^\s/]+\.[a-z]+/\S*", rule.get("url", "https://example.org/")), rule["url"]


def check_number_of_examples(path: Path, rule: dict[str, Any], examples: dict[str, Any]) -> None:
    assert examples.keys() <= {"id", "valid", "invalid", "fixed"}
    assert examples["id"] == path.stem
    assert len(set(examples["valid"])) >= 3
    assert len(set(examples["invalid"])) >= 2
    assert ("fix" in rule) == ("fixed" in examples)
    assert len(examples.get("fixed", examples["invalid"])) == len(examples["invalid"])
    assert "fixed" not in examples or any(examples["fixed"])


@each_case
def test_faulty_examples_are_found_and_mended_and_right_ones_left_alone(case: Case) -> None:
    """All examples of a rule in one test: four tests of a millisecond each would cost more than what they check."""
    broken = [text for kind in ("valid", "invalid", "fixed") for text in case.examples.get(kind, []) if text]
    assert [text for text in broken if syntax_errors(case.parsed(text))] == []
    assert [text for text in case.examples["invalid"] if not case.matches(case.parsed(text))] == []
    assert [text for text in case.examples["valid"] if case.matches(case.parsed(text))] == []
    needs = needles.of(case.rule["rule"], case.rule.get("utils"))
    missed = [
        text
        for text in case.examples["invalid"]
        if not any(all(one in text.lower() for one in words) for words in needs)
    ]
    assert not needs or missed == []
    for before, after in zip(case.examples["invalid"], case.examples.get("fixed", []), strict=False):
        if after is not None:
            assert fixed(case, before) == after
            assert case.matches(case.parsed(after)) == []
