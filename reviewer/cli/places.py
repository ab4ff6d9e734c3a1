"""Parses ``FILE``, ``FILE:3-9`` and ``FILE:3:5``; the colon of a Windows drive belongs to the path."""

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
    """A range of lines, 1-based and inclusive; None for the whole file."""

    path: Path
    first: int | None = None
    last: int | None = None

    def of(self, text: str) -> str:
        """Return these lines of the file's text.

        Raises:
            UsageError: The file does not have these lines.
        """
        if self.first is None or self.last is None:
            return text
        lines = source_lines(text)
        if not 1 <= self.first <= self.last <= len(lines):
            raise UsageError(f"{self.path} has {len(lines)} lines; {self.first}-{self.last} is out of range")
        return "".join(lines[self.first - 1 : self.last])


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position before ``column`` (1-based) of ``line``; None means the end of the line."""

    path: Path
    line: int
    column: int | None = None

    def offset(self, text: str) -> int:
        """Return the position in characters from the start of the text.

        Raises:
            UsageError: The position is out of range.
        """
        lines = source_lines(text)
        if not text or text.endswith("\n"):
            lines.append("")  # the position after the last line ending
        if not 1 <= self.line <= len(lines):
            raise UsageError(f"{self.path} has {len(lines)} lines; line {self.line} is out of range")
        room = len(lines[self.line - 1].removesuffix("\r\n").removesuffix("\n"))
        column = room + 1 if self.column is None else self.column
        if not 1 <= column <= room + 1:
            raise UsageError(f"{self.path}:{self.line} has {room} characters; column {column} is out of range")
        return sum(map(len, lines[: self.line - 1])) + column - 1


def parse_lines(place: str) -> Lines:
    """Parse ``FILE``, ``FILE:L`` or ``FILE:L1-L2``; an existing file with the whole name takes precedence."""
    found = _LINES.fullmatch(place)
    if found is None or found["first"] is None or Path(place).exists():
        return Lines(Path(place))
    first = int(found["first"])
    return Lines(Path(found["path"]), first, int(found["last"] or first))


def parse_cursor(place: str) -> Cursor:
    """Parse ``FILE:LINE`` or ``FILE:LINE:COLUMN``.

    Raises:
        UsageError: It names no line.
    """
    found = _CURSOR.fullmatch(place)
    if found is None:
        raise UsageError(f"{place!r} names no line", hint="use FILE:LINE or FILE:LINE:COLUMN, counted from 1")
    return Cursor(Path(found["path"]), int(found["line"]), int(found["column"]) if found["column"] else None)


def read_text(path: Path) -> str:
    """Read a source file and keep its line endings.

    Raises:
        UsageError: It cannot be read, or is binary.
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise UsageError(f"cannot read {path}: {problem.strerror}") from problem
    if b"\0" in data:
        raise UsageError(f"{path} is a binary file")
    return data.decode("utf-8-sig", "replace")
