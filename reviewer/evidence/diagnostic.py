"""What a rule, tool or SARIF file reports about one place, before it is known to be part of the change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.finding import Category, Severity, Suggestion
from reviewer.terminal import masking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.finding import Source

_MESSAGE_LIMIT = 500  # characters
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of characters.

    Attributes:
        start, end: 1-based line and column; the end is exclusive.
        text: What stands there instead; empty deletes.
    """

    start: tuple[int, int]
    end: tuple[int, int]
    text: str


Edits = tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that is written in Python."""

    id: str
    message: str
    url: str
    severity: Severity = Severity.WARNING
    category: Category = Category.BUG


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One report about one place of a file.

    Attributes:
        path: As the reporter wrote it until ``located`` replaces it by the path in the change.
        line: 1-based.
        column: 1-based, in characters; 0 where it is unknown.
        end_line, end_column: Where the place ends; 0 where that is unknown. The end column is exclusive.
        edits: The reporter's own fix; empty where it has none.
        aliases: The same rule in other tools, as ``tool:RULE``.
        expected: The text that the reporter saw on the line; None where it does not say.
        advice: What to do about it, as a sentence; empty where the reporter does not say.
        secret: Whether the place holds a secret, which must not be shown.
    """

    path: str
    line: int
    message: str
    source: Source
    severity: Severity = Severity.WARNING
    category: Category = Category.BUG
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    edits: tuple[Edit, ...] = ()
    aliases: tuple[str, ...] = ()
    expected: str | None = None
    advice: str = ""
    secret: bool = False


def one_line(message: str) -> str:
    """Return a reporter's message as one bounded line in which secrets are masked."""
    text = masking.mask(_SPACE.sub(" ", message[: 4 * _MESSAGE_LIMIT]).strip())
    return text if len(text) <= _MESSAGE_LIMIT else text[: _MESSAGE_LIMIT - 1].rstrip() + "…"


def suggestion(lines: Sequence[str], edits: Sequence[Edit]) -> Suggestion | None:
    """Turn a reporter's edits into one replacement of whole lines; None where they do not fit the text or overlap.

    Args:
        lines: The file's lines without their endings.
        edits: In any order.
    """
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    if not ordered or not all(_fits(lines, edit) for edit in ordered):
        return None
    first, last = ordered[0].start[0], max(edit.end[0] for edit in ordered)
    pieces: list[str] = []
    at = (first, 1)
    for edit in ordered:
        if edit.start < at:
            return None
        pieces += (_between(lines, at, edit.start), edit.text.replace("\r\n", "\n"))
        at = edit.end
    # The place after the last line's end is a legal one: the text then ends where the edit does.
    last = min(last, len(lines))
    pieces.append(_between(lines, at, (last, len(lines[last - 1]) + 1)) if at[0] <= last else "")
    return _trimmed(lines, first, last, "".join(pieces).split("\n"))


def _fits(lines: Sequence[str], edit: Edit) -> bool:
    def inside(place: tuple[int, int]) -> bool:
        line, column = place
        if line == len(lines) + 1:
            return column == 1
        return 1 <= line <= len(lines) and 1 <= column <= len(lines[line - 1]) + 1

    return inside(edit.start) and inside(edit.end) and edit.start <= edit.end and edit.start[0] <= len(lines)


def _between(lines: Sequence[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    if start[0] == end[0]:
        return lines[start[0] - 1][start[1] - 1 : end[1] - 1]
    tail = lines[end[0] - 1][: end[1] - 1] if end[0] <= len(lines) else ""
    return "\n".join((lines[start[0] - 1][start[1] - 1 :], *lines[start[0] : end[0] - 1], tail))


def _trimmed(lines: Sequence[str], first: int, last: int, after: list[str]) -> Suggestion | None:
    """Leave out the lines that stay the same at both ends; one is kept, because a suggestion replaces lines."""
    if list(lines[first - 1 : last]) == after:
        return None
    while last > first and after and lines[last - 1] == after[-1]:
        last -= 1
        after.pop()
    while last > first and after and lines[first - 1] == after[0]:
        first += 1
        after.pop(0)
    if after == [""]:  # an empty replacement would delete the line rather than leave an empty one
        if first > 1:
            first -= 1
            after.insert(0, lines[first - 1])
        elif last < len(lines):
            last += 1
            after.append(lines[last - 1])
    return Suggestion(first, last, "\n".join(after), "\n".join(lines[first - 1 : last]))
