"""``FILE``, ``FILE:3-9`` and ``FILE:3:5`` as people type them; a Windows drive's colon is none of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from reviewer.diff import source_lines
from reviewer.errors import UsageError

_LINES = re.compile(r"(?P<path>.+?)(?::L?(?P<first>\d+)(?:-L?(?P<last>\d+))?)?", re.DOTALL)
_CURSOR = re.compile(r"(?P<path>.+?):(?P<line>\d+)(?::(?P<column>\d+))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines of a file, 1-based and inclusive; both None for the whole file."""

    path: Path
    first: int | None = None
    last: int | None = None

    def of(self, text: str) -> str:
        """Cut the lines out of the file's text.

        Raises:
            UsageError: The file has no such lines.
        """
        if self.first is None or self.last is None:
            return text
        lines = source_lines(text)
        if not 1 <= self.first <= self.last <= len(lines):
            raise UsageError(f"{self.path} has {len(lines)} lines, so there is no {self.first}-{self.last}")
        return "".join(lines[self.first - 1 : self.last])


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two characters: before ``column`` (1-based) of ``line``; the line's end where None."""

    path: Path
    line: int
    column: int | None = None

    def offset(self, text: str) -> int:
        """Count the characters before it.

        Raises:
            UsageError: The file has no such place.
        """
        lines = source_lines(text)
        if not text or text.endswith("\n"):
            lines.append("")  # the empty line after the last line ending is a place to write at
        if not 1 <= self.line <= len(lines):
            raise UsageError(f"{self.path} has {len(lines)} lines, so there is no line {self.line}")
        room = len(lines[self.line - 1].removesuffix("\r\n").removesuffix("\n"))
        column = room + 1 if self.column is None else self.column
        if not 1 <= column <= room + 1:
            raise UsageError(f"line {self.line} of {self.path} has {room} characters, so there is no column {column}")
        return sum(map(len, lines[: self.line - 1])) + column - 1


def parse_lines(place: str) -> Lines:
    """Read ``FILE``, ``FILE:L`` or ``FILE:L1-L2``; an existing file of the whole name is meant first."""
    found = _LINES.fullmatch(place)
    if found is None or found["first"] is None or Path(place).exists():
        return Lines(Path(place))
    first = int(found["first"])
    return Lines(Path(found["path"]), first, int(found["last"] or first))


def parse_cursor(place: str) -> Cursor:
    """Read ``FILE:LINE`` or ``FILE:LINE:COLUMN``.

    Raises:
        UsageError: There is no line in it.
    """
    found = _CURSOR.fullmatch(place)
    if found is None:
        raise UsageError(f"{place!r} names no line", hint="FILE:LINE or FILE:LINE:COLUMN, both counted from 1")
    return Cursor(Path(found["path"]), int(found["line"]), int(found["column"]) if found["column"] else None)


def read_text(path: Path) -> str:
    """Read a source file, with its line endings as they are.

    Raises:
        UsageError: It cannot be read, or is no text.
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise UsageError(f"cannot read {path}: {problem.strerror}") from problem
    if b"\0" in data:
        raise UsageError(f"{path} is a binary file")
    return data.decode("utf-8-sig", "replace")
