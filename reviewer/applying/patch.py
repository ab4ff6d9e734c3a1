"""Several suggestions for one text: put into it at once, and written as a unified diff that ``git apply`` takes.

All suggestions are numbered by that text, and do not overlap.
"""

from __future__ import annotations

import dataclasses
import difflib
from typing import TYPE_CHECKING

from reviewer.checking import suggestion as suggestions
from reviewer.diff import source_lines
from reviewer.diff.names import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reviewer.finding import Suggestion

_AROUND = 3
_NO_NEWLINE = "\\ No newline at end of file\n"

Row = tuple[str, str]  # a sign and a line with its ending


def compose(text: str, chosen: Iterable[Suggestion]) -> str | None:
    """Replace the lines of all suggestions, keeping the text's own line endings.

    Returns:
        The new text; None where the lines of one are not there.
    """
    after: str | None = text
    for one in sorted(chosen, key=lambda one: one.start, reverse=True):  # from the end, so that numbers stay right
        if after is None:
            return None
        after = suggestions.apply(after, one)
    return after


def overlap(one: Suggestion, other: Suggestion) -> bool:
    """Whether two suggestions replace a line in common."""
    return one.start <= other.end and other.start <= one.end


def shifted(one: Suggestion, done: Iterable[Suggestion]) -> Suggestion:
    """Number a suggestion by the text that others have changed already."""
    offset = sum(_growth(other) for other in done if other.start < one.start)
    return dataclasses.replace(one, start=one.start + offset, end=one.end + offset)


def unified(path: str, text: str, chosen: Sequence[Suggestion]) -> str:
    """Write one file's suggestions as a patch.

    Args:
        path: As git stores it.
        text: The file before, as ``diff.decode`` gives it.
        chosen: Suggestions that apply to it.
    """
    after = compose(text, chosen)
    if after is None:
        raise ValueError("the suggestions do not apply")
    rows = list(_rows(source_lines(text), source_lines(after), sorted(chosen, key=lambda one: one.start)))
    old, new = quote(f"a/{path}"), quote(f"b/{path}")
    # Git puts a tab after a name with a space in it, for GNU patch.
    tab = "\t" if " " in path else ""
    head = f"diff --git {old} {new}\n--- {old}{tab}\n+++ {new}{tab}\n"
    return head + "".join(_hunk(rows, first, last) for first, last in _hunks(rows))


def _rows(before: Sequence[str], after: Sequence[str], chosen: Iterable[Suggestion]) -> Iterator[Row]:
    position = offset = 0
    for one in chosen:
        yield from ((" ", line) for line in before[position : one.start - 1])
        first = one.start - 1 + offset
        yield from _within(before[one.start - 1 : one.end], after[first : first + _added(one)])
        position, offset = one.end, offset + _growth(one)
    yield from ((" ", line) for line in before[position:])


def _within(before: Sequence[str], after: Sequence[str]) -> Iterator[Row]:
    for tag, from_, to, new_from, new_to in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from ((" ", line) for line in before[from_:to])
            continue
        yield from (("-", line) for line in before[from_:to])
        yield from (("+", line) for line in after[new_from:new_to])


def _growth(one: Suggestion) -> int:
    return _added(one) - (one.end - one.start + 1)


def _added(one: Suggestion) -> int:
    return one.replacement.count("\n") + 1 if one.replacement else 0


def _hunks(rows: Sequence[Row]) -> Iterator[tuple[int, int]]:
    """Ranges of rows that belong to one hunk."""
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
