from __future__ import annotations

from reviewer.checking.check import mark_below, mark_over_limit
from reviewer.finding import Category, Finding, Mark, Severity, UnitReview, UnitStatus

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def unit(path: str, *found: tuple[int, Severity]) -> UnitReview:
    findings = tuple(Finding(path, line, severity, Category.BUG, f"m{line}") for line, severity in found)
    return UnitReview(path, 1, 9, "", "python", (), UnitStatus.READ, findings=findings)


def shown(units: tuple[UnitReview, ...]) -> list[tuple[str, int]]:
    return [(one.path, one.line) for unit in units for one in unit.findings if one.shown]


def test_what_is_too_slight_is_marked() -> None:
    units = mark_below([unit("a.py", (1, ERROR), (2, WARNING), (3, INFO))], WARNING)
    assert shown(units) == [("a.py", 1), ("a.py", 2)]
    assert units[0].findings[2].marks == {Mark.BELOW_SEVERITY}


def test_of_each_file_the_worst_and_first_stay() -> None:
    hunks = [unit("a.py", (1, INFO), (2, WARNING)), unit("a.py", (7, ERROR), (8, WARNING)), unit("b.py", (1, INFO))]
    units = mark_over_limit(hunks, 2)
    assert shown(units) == [("a.py", 2), ("a.py", 7), ("b.py", 1)]
    assert {one.line for unit in units for one in unit.findings if Mark.OVER_LIMIT in one.marks} == {1, 8}


def test_what_is_not_shown_takes_no_room() -> None:
    hidden = unit("a.py", (1, ERROR)).findings[0].marked(Mark.UNGROUNDED)
    one = unit("a.py", (2, INFO))
    both = UnitReview("a.py", 1, 9, "", "python", (), UnitStatus.READ, findings=(hidden, *one.findings))
    units = mark_over_limit([both], 1)
    assert shown(units) == [("a.py", 2)]
    assert units[0].findings[0].marks == {Mark.UNGROUNDED}
