"""Edits as a unified diff that ``git apply`` takes, byte for byte."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from reviewer.applying.edits import added, compose, growth
from reviewer.diff.names import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reviewer.finding import Suggestion

_AROUND = 3
_NO_NEWLINE = "\\ No newline at end of file\n"

Row = tuple[str, str]  # a sign and a line with its ending


def unified(path: str, text: str, chosen: Sequence[Suggestion]) -> str:
    """Write one file's edits as a patch.

    Args:
        path: As git stores it.
        text: The file before, as ``diff.decode`` gives it.
        chosen: Suggestions that apply to it and do not overlap.
    """
    after = compose(text, chosen)
    if after is None:
        raise ValueError("the suggestions do not apply")
    rows = list(_rows(_lines(text), _lines(after), sorted(chosen, key=lambda one: one.start)))
    old, new = quote(f"a/{path}"), quote(f"b/{path}")
    # Git ends a name with a blank in it by a tab, so that GNU patch does not read on.
    tab = "\t" if " " in path else ""
    head = f"diff --git {old} {new}\n--- {old}{tab}\n+++ {new}{tab}\n"
    return head + "".join(_hunk(rows, first, last) for first, last in _hunks(rows))


def _rows(before: Sequence[str], after: Sequence[str], chosen: Iterable[Suggestion]) -> Iterator[Row]:
    position = offset = 0
    for one in chosen:
        yield from ((" ", line) for line in before[position : one.start - 1])
        first = one.start - 1 + offset
        yield from _within(before[one.start - 1 : one.end], after[first : first + added(one)])
        position, offset = one.end, offset + growth(one)
    yield from ((" ", line) for line in before[position:])


def _within(before: Sequence[str], after: Sequence[str]) -> Iterator[Row]:
    for tag, from_, to, new_from, new_to in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from ((" ", line) for line in before[from_:to])
            continue
        yield from (("-", line) for line in before[from_:to])
        yield from (("+", line) for line in after[new_from:new_to])


def _hunks(rows: Sequence[Row]) -> Iterator[tuple[int, int]]:
    """Ranges of rows that belong into one hunk."""
    first = last = -1
    for index, (sign, _) in enumerate(rows):
        if sign == " ":
            continue
        if first >= 0 and index - last > 2 * _AROUND:
            yield max(0, first - _AROUND), min(len(rows), last + 1 + _AROUND)
            first = -1
        first = index if first < 0 else first
        last = index
    if first >= 0:
        yield max(0, first - _AROUND), min(len(rows), last + 1 + _AROUND)


def _hunk(rows: Sequence[Row], first: int, last: int) -> str:
    old, new = _range(rows, first, last, "+"), _range(rows, first, last, "-")
    lines = "".join(
        f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n{_NO_NEWLINE}" for sign, line in rows[first:last]
    )
    return f"@@ -{old} +{new} @@\n{lines}"


def _range(rows: Sequence[Row], first: int, last: int, other: str) -> str:
    """One side's ``start,count``; an empty side is named by the line before it."""
    before = sum(sign != other for sign, _ in rows[:first])
    count = sum(sign != other for sign, _ in rows[first:last])
    return f"{before + 1 if count else before},{count}"


def _lines(text: str) -> list[str]:
    parts = text.split("\n")
    lines = [part + "\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines
