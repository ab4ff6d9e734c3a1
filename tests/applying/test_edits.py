from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.applying.patch import compose, overlap, shifted
from reviewer.finding import Suggestion

TEXT = "a\nb\nc\nd\ne\n"


def edit(start: int, end: int, replacement: str, text: str = TEXT) -> Suggestion:
    lines = text.replace("\r\n", "\n").split("\n")
    return Suggestion(start, end, replacement, "\n".join(lines[start - 1 : end]))


@pytest.mark.parametrize(
    ("text", "edits", "after"),
    [
        (TEXT, [(2, 2, "B")], "a\nB\nc\nd\ne\n"),
        (TEXT, [(4, 4, "D"), (1, 2, "A")], "A\nc\nD\ne\n"),
        (TEXT, [(1, 1, "A\nA2"), (2, 2, ""), (5, 5, "E\nF")], "A\nA2\nc\nd\nE\nF\n"),
        ("a\r\nb\r\nc", [(2, 2, "B\nB2"), (3, 3, "C\nC2")], "a\r\nB\r\nB2\r\nC\r\nC2"),
        ("a\nb", [(2, 2, "")], "a\n"),
        ("a\x0cb\nc\n", [(1, 1, "x\u2028y")], "x\u2028y\nc\n"),
        (TEXT, [(6, 6, "F")], None),
        ("", [(1, 1, "x")], None),
    ],
)
def test_compose(text: str, edits: list[tuple[int, int, str]], after: str | None) -> None:
    for order in itertools.permutations(edits):
        assert compose(text, [edit(*one, text) for one in order]) == after


def test_lines_that_are_not_there() -> None:
    assert compose(TEXT, [Suggestion(1, 1, "A", "x")]) is None


@pytest.mark.parametrize(
    ("one", "other", "expected"), [((1, 2), (2, 3), True), ((1, 2), (3, 3), False), ((1, 5), (2, 3), True)]
)
def test_overlap(one: tuple[int, int], other: tuple[int, int], expected: bool) -> None:
    first, second = Suggestion(*one, ""), Suggestion(*other, "")
    assert overlap(first, second) is expected
    assert overlap(second, first) is expected


@st.composite
def disjoint_edits(draw: st.DrawFn) -> list[Suggestion]:
    found, line = [], 1
    while line <= 5:
        end = draw(st.integers(line, 5))
        if draw(st.booleans()):
            found.append(edit(line, end, draw(st.sampled_from(["", "X", "X\nY\nZ"]))))
        line = end + 1
    return found


@given(disjoint_edits(), st.randoms())
def test_edits_can_be_applied_one_after_the_other(edits: list[Suggestion], random: object) -> None:
    random.shuffle(edits)  # type: ignore[attr-defined]
    text: str | None = TEXT
    for index, one in enumerate(edits):
        assert text is not None
        text = compose(text, [shifted(one, edits[:index])])
    assert text == compose(TEXT, edits)
