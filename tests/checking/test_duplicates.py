from __future__ import annotations

import dataclasses

import pytest

from reviewer.checking import duplicates
from reviewer.finding import Category, Finding, Mark, Severity, Source, SourceKind, Suggestion, UnitReview, UnitStatus

FIRST = Finding("a.py", 3, Severity.WARNING, Category.BUG, "Fails when values is empty.", "return total / len(values)")
FIX = Suggestion(3, 3, "return 0", "return total / len(values)")


def other(**changes: object) -> Finding:
    return dataclasses.replace(FIRST, message="Something else goes wrong here.", **changes)  # type: ignore[arg-type]


def unit(*found: Finding) -> UnitReview:
    return UnitReview("a.py", 1, 9, "", "python", (), UnitStatus.READ, findings=found)


def shown(*units: UnitReview) -> list[Finding]:
    return [finding for review in duplicates.mark(units) for finding in review.findings if finding.shown]


def test_nothing_is_dropped_and_the_order_stays() -> None:
    (first, second) = duplicates.mark([unit(FIRST, other(line=9)), unit(FIRST)])
    assert [finding.marks for finding in (*first.findings, *second.findings)] == [
        set(), {Mark.DUPLICATE}, {Mark.DUPLICATE},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("second", "kept"),
    [
        (other(), 1),  # the same line in an overlapping window
        (other(line=40), 1),  # the same code line elsewhere in the file
        (other(line=40, line_text="  return total / len( values )"), 1),
        (other(category=Category.SECURITY), 2),
        (other(path="b.py"), 2),
        (other(line_text="return total / count"), 2),
        (dataclasses.replace(FIRST, path="b.py", line=8, line_text="x = 1"), 1),  # the same sentence anywhere
    ],
)
def test_what_counts_as_the_same(second: Finding, kept: int) -> None:
    assert len(shown(unit(FIRST), unit(second))) == kept


def test_a_line_that_stands_everywhere_is_the_same_only_in_its_place() -> None:
    first, second = dataclasses.replace(FIRST, line_text="}"), other(line=9, line_text="  }")
    assert len(shown(unit(first, second))) == 2
    assert len(shown(unit(first, dataclasses.replace(second, line=3)))) == 1


@pytest.mark.parametrize(
    ("changes", "best"),
    [
        ({}, 0),
        ({"severity": Severity.ERROR}, 1),
        ({"severity": Severity.INFO, "suggestion": FIX}, 1),
        ({"suggestion": dataclasses.replace(FIX, marks=frozenset({Mark.DOES_NOT_PARSE}))}, 0),
    ],
)
def test_the_best_one_stays(changes: dict[str, object], best: int) -> None:
    (found,) = shown(unit(FIRST), unit(other(**changes)))
    assert found.message == (FIRST, other())[best].message


def test_it_knows_the_other_lines() -> None:
    same_sentence = dataclasses.replace(FIRST, path="b.py", line=8, line_text="x = 1")
    (found,) = shown(unit(FIRST, other(line=40), other(line=12), other()), unit(same_sentence))
    assert found.also == (12, 40)


def test_what_is_marked_stands_for_nothing() -> None:
    assert shown(unit(FIRST.marked(Mark.UNGROUNDED), other()))[0].message == other().message


@pytest.mark.parametrize("kind", [SourceKind.RULE, SourceKind.TOOL])
def test_a_rule_says_the_same_of_several_places(kind: SourceKind) -> None:
    first = dataclasses.replace(FIRST, sources=(Source(kind, "ruff", "B006"),))
    second = dataclasses.replace(first, line=9, line_text="def g(x=[]):")
    elsewhere = dataclasses.replace(first, path="b.py")
    assert shown(unit(first, second), unit(elsewhere)) == [first, second, elsewhere]
    (one,) = shown(unit(first, dataclasses.replace(first, line=40)))
    assert one.also == (40,)
