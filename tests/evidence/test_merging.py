from __future__ import annotations

from reviewer.evidence.diagnostic import Diagnostic, Edit
from reviewer.evidence.merging import merge
from reviewer.finding import Category, Severity, Source, SourceKind

_EDIT = Edit((3, 1), (3, 2), "x")


def _rule(name: str, line: int = 3, **more: object) -> Diagnostic:
    return Diagnostic("a.py", line, name, Source(SourceKind.RULE, "built-in", name), **more)  # type: ignore[arg-type]


def _tool(name: str, line: int = 3, tool: str = "ruff", **more: object) -> Diagnostic:
    return Diagnostic("a.py", line, name, Source(SourceKind.TOOL, tool, name), **more)  # type: ignore[arg-type]


def _merged(*found: Diagnostic) -> list[tuple[str, list[str]]]:
    return [(one.message, [source.rule for source in sources]) for one, sources in merge(found)]


def test_a_rule_and_a_tool_of_one_category_on_one_line_are_one_fault() -> None:
    assert _merged(_tool("B006"), _rule("mutable")) == [("mutable", ["mutable", "B006"])]


def test_other_lines_categories_and_two_rules_of_one_tool_are_several() -> None:
    assert len(_merged(_tool("B006"), _rule("mutable", 4))) == 2
    assert len(_merged(_tool("B006"), _rule("injection", category=Category.SECURITY))) == 2
    assert len(_merged(_tool("B006"), _tool("F821"))) == 2
    assert len(_merged(_rule("one"), _rule("two"))) == 2
    assert len(_merged(_tool("B006"), _tool("x", tool="mypy"))) == 2


def test_aliases_are_one_fault_across_categories_and_tools() -> None:
    assert len(_merged(_tool("S602", category=Category.SECURITY), _rule("shell", aliases=("ruff:S602",)))) == 1
    assert len(_merged(_tool("B006"), _tool("W0102", tool="pylint"))) == 1
    assert len(_merged(_tool("F821"), _tool("name-defined", tool="mypy"))) == 1


def test_the_same_report_twice_is_one_with_one_source() -> None:
    assert _merged(_tool("B006"), _tool("B006")) == [("B006", ["B006"])]


def test_the_most_severe_report_leads_and_takes_over_a_fix() -> None:
    ((one, _),) = merge([_rule("mutable", severity=Severity.ERROR), _tool("B006", edits=(_EDIT,))])
    assert (one.message, one.severity, one.edits) == ("mutable", Severity.ERROR, (_EDIT,))


def test_a_secret_stays_hidden_whoever_reports_it() -> None:
    found = [_rule("key", severity=Severity.ERROR), _tool("token", secret=True, column=5, end_line=3, end_column=9)]
    ((one, _),) = merge(found)
    assert (one.message, one.secret, one.column, one.end_column) == ("key", True, 5, 9)
