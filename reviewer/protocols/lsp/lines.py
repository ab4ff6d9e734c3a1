r"""Translates lines of the reviewed text to positions in a document that the user edits meanwhile.

Git ends a line at ``\n`` alone. The Language Server Protocol also ends one at ``\r``, and counts characters in UTF-8,
UTF-16 or UTF-32 units, as client and server agree.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pygls.workspace import PositionCodec

_BYTE_ORDER_MARK = "\ufeff"
_INDENT = " \t\f"


def bare(text: str) -> list[str]:
    """Split a text as git does, without line endings and byte order mark, which editors hide."""
    return [line.removesuffix("\r") for line in text.removeprefix(_BYTE_ORDER_MARK).split("\n")]


class Buffer:
    """The text of an open document by git's lines, which count from 0 here.

    Args:
        text: As the client sent it.
        codec: Counts characters in the agreed unit.
    """

    def __init__(self, text: str, codec: PositionCodec) -> None:
        self._codec = codec
        self._raw = text.split("\n")
        last = len(self._raw) - 1
        self._lines = [line.removesuffix("\r") if at < last else line for at, line in enumerate(self._raw)]
        self._first = [0]  # the client's number of each line
        for line in self._lines[:-1]:
            self._first.append(self._first[-1] + 1 + line.count("\r"))

    def line_at(self, position: types.Position) -> int:
        """Return the line of a position."""
        return bisect_right(self._first, position.line) - 1

    def range(self, first: int, last: int) -> types.Range:
        """Return the range of some lines, from the first one's code to the last one's end."""
        line = self._lines[first]
        indent = len(line) - len(line.lstrip(_INDENT))
        return types.Range(self._position(first, indent), self._end(last))

    def text(self, first: int, last: int) -> str:
        """Return some lines, joined by line feeds."""
        return "\n".join(self._lines[first : last + 1])

    def replacing(self, first: int, last: int, replacement: str) -> types.TextEdit:
        """Return the edit that replaces whole lines; an empty replacement deletes them.

        Args:
            first: The first line.
            last: The last line, inclusive.
            replacement: The new lines, joined by line feeds; they get the document's own line ending.
        """
        if not replacement:
            return types.TextEdit(self._whole(first, last), "")
        lines = replacement.split("\n")
        if first == 0 and not self._lines[0].startswith(_BYTE_ORDER_MARK):
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        near = self._raw[first] if first < len(self._raw) - 1 else self._raw[first - 1]
        newline = "\r\n" if near.endswith("\r") and len(self._raw) > 1 else "\n"
        new = newline.join(line.removesuffix("\r") for line in lines)
        return types.TextEdit(types.Range(self._position(first, 0), self._end(last)), new)

    def _whole(self, first: int, last: int) -> types.Range:
        """Return the range of some lines with a line ending: their last one's or, at the end, that before them."""
        if last + 1 < len(self._lines):
            return types.Range(self._position(first, 0), self._position(last + 1, 0))
        start = self._end(first - 1) if first else self._position(0, 0)
        return types.Range(start, self._end(last))

    def _end(self, line: int) -> types.Position:
        return self._position(line, len(self._lines[line]))

    def _position(self, line: int, column: int) -> types.Position:
        before = self._lines[line][:column].split("\r")
        return types.Position(self._first[line] + len(before) - 1, self._codec.client_num_units(before[-1]))


class Tracked:
    """Knows where the lines of a text are after edits. Edited lines are lost.

    Args:
        lines: The text as ``bare`` splits it.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self._now = lines
        self._at = list(range(len(lines)))  # by original line; -1 for one that is lost

    def follow(self, lines: Sequence[str]) -> None:
        """Take the text after an edit; what lies between its first and its last difference is lost."""
        before = self._now
        most = min(len(before), len(lines))
        head = next((at for at in range(most) if before[at] != lines[at]), most)
        tail = next((at for at in range(most - head) if before[-1 - at] != lines[-1 - at]), most - head)
        moved, grown = len(before) - tail, len(lines) - len(before)
        self._at = [at if at < head else at + grown if at >= moved else -1 for at in self._at]
        self._now = lines

    def place(self, first: int, last: int) -> tuple[int, int] | None:
        """Return where some lines are now, counted from 0.

        Args:
            first: The first line, counted from 1 in the original text.
            last: The last line, inclusive.

        Returns:
            None if one of them is lost, or if they are no longer together.
        """
        found = self._at[first - 1 : last]
        if not 0 < first <= last or len(found) != last - first + 1 or -1 in found:
            return None
        return (found[0], found[-1]) if found[-1] - found[0] == last - first else None
