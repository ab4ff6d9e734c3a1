"""Positions in edited documents, in the client's units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types
from pygls.workspace import PositionCodec

from reviewer.protocols.lsp.lines import Buffer, Tracked, bare
from tests.editor import applied

UNITS = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
_CODE = st.text(st.sampled_from("ab é😀\t\f\u2028\x85"), max_size=6)


def buffer(text: str, unit: str = "utf-16") -> Buffer:
    return Buffer(text, PositionCodec(unit))


def spot(line: int, character: int) -> types.Position:
    return types.Position(line, character)


@pytest.mark.parametrize(("unit", "width"), [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)])
def test_a_range_counts_in_the_agreed_unit(unit: str, width: int) -> None:
    assert buffer("a\n  x = '😀'\n", unit).range(1, 1) == types.Range(spot(1, 2), spot(1, 8 + width))


def test_only_the_protocols_line_endings_count() -> None:
    odd = buffer("a\x0cb\u2028c\x85\nlone\rreturn\r\nlast\r")
    assert odd.range(0, 0).end == spot(0, 6)
    assert odd.range(1, 1) == types.Range(spot(1, 0), spot(2, 6))
    assert odd.range(2, 2) == types.Range(spot(3, 0), spot(4, 0))
    assert [odd.line_at(spot(line, 0)) for line in range(5)] == [0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("text", "lines", "replacement", "after"),
    [
        ("a\nb\nc\n", (1, 1), "x\ny", "a\nx\ny\nc\n"),
        ("a\r\nb\r\nc\r\n", (1, 1), "x\ny", "a\r\nx\r\ny\r\nc\r\n"),
        ("a\r\nb\r\nc", (2, 2), "x\ny", "a\r\nb\r\nx\r\ny"),
        ("a\nb\nc", (1, 2), "", "a"),
        ("a\nb\nc\n", (0, 1), "", "c\n"),
        ("a", (0, 0), "", ""),
        ("a", (0, 0), "b\nc", "b\nc"),
        ("a\n", (0, 0), "\ufeffb", "b\n"),
        ("\ufeffa\n", (0, 0), "\ufeffb", "\ufeffb\n"),
        ("a\nb\r\nc\n", (0, 0), "x\r\ny", "x\ny\nb\r\nc\n"),
    ],
)
def test_an_edit_keeps_the_documents_line_endings(
    text: str, lines: tuple[int, int], replacement: str, after: str
) -> None:
    for unit, encoding in UNITS.items():
        assert applied(text, buffer(text, unit).replacing(*lines, replacement), encoding) == after


@given(
    lines=st.lists(_CODE, min_size=1, max_size=6),
    newline=st.sampled_from(["\n", "\r\n"]),
    ended=st.booleans(),
    new=st.lists(_CODE, min_size=1, max_size=3).filter(any),
    unit=st.sampled_from(sorted(UNITS)),
    data=st.data(),
)
def test_replacing_lines_replaces_exactly_these(
    *, lines: list[str], newline: str, ended: bool, new: list[str], unit: str, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(lines) - 1))
    last = data.draw(st.integers(first, len(lines) - 1))
    end = newline if ended else ""
    text = newline.join(lines) + end
    after = newline.join([*lines[:first], *new, *lines[last + 1 :]]) + end
    if len(lines) == 1 and not ended:
        newline = "\n"  # a single line without an ending does not tell
        after = newline.join(new)
    assert applied(text, buffer(text, unit).replacing(first, last, "\n".join(new)), UNITS[unit]) == after


def test_lines_are_followed_through_edits() -> None:
    tracked = Tracked(bare("a\nb\nc\nd\n"))
    assert tracked.place(2, 3) == (1, 2)
    tracked.follow(bare("new\r\na\r\nb\r\nc\r\nd\r\n"))
    assert tracked.place(2, 3) == (2, 3)
    tracked.follow(bare("new\na\nb\nbetween\nc\nd\n"))
    assert tracked.place(2, 3) is None
    assert (tracked.place(2, 2), tracked.place(3, 3)) == ((2, 2), (4, 4))
    tracked.follow(bare("new\na\nB\nbetween\nc\nd\n"))
    assert tracked.place(2, 2) is None
    assert tracked.place(4, 4) == (5, 5)


def test_lines_that_do_not_exist_have_no_place() -> None:
    tracked = Tracked(bare("a\n"))
    assert [tracked.place(*lines) for lines in [(0, 0), (0, 1), (3, 3), (2, 4), (2, 1)]] == [None] * 5


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.lists(st.sampled_from("abc"), max_size=8), max_size=4))
def test_a_followed_line_never_points_to_other_text(before: list[str], edits: list[list[str]]) -> None:
    tracked = Tracked(before)
    for edit in edits:
        tracked.follow(edit)
    now = edits[-1] if edits else before
    for number, line in enumerate(before, 1):
        place = tracked.place(number, number)
        assert place is None or now[place[0]] == line
