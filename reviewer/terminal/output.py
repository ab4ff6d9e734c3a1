"""The one place below the command line that prints: results, notes and errors; and what the terminal can show."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, TextIO

from reviewer.terminal import streams
from reviewer.terminal.masking import mask, visible

if TYPE_CHECKING:
    from reviewer.errors import ReviewerError

PREFIX = "reviewer: "
_DRAWN = "│└├─·…█▌"  # the non-ASCII characters of reports and budget tables

_colour: bool | None = None


def say(text: str = "", *, end: str = "\n", stream: TextIO | None = None, commands: bool = False) -> bool:
    """Write a result to standard output.

    Args:
        text: Written as it is, colour codes included; the caller has made untrusted parts safe.
        end: Written after it; ``""`` for streamed text.
        stream: Instead of standard output.
        commands: Whether the text consists of workflow commands, which are then kept in the log of a CI runner.

    Returns:
        False after a broken pipe, so that an endless command can end.

    Raises:
        UsageError: The stream cannot be written (disk full).
    """
    return streams.write(sys.stdout if stream is None else stream, text + end, commands=commands)


def say_bytes(data: bytes) -> bool:
    """Write bytes to standard output unchanged.

    Returns:
        False after a broken pipe.

    Raises:
        UsageError: The stream cannot be written.
    """
    return streams.write_bytes(data)


def note(text: str) -> None:
    """Write a note to standard error."""
    streams.write(sys.stderr, _indented(PREFIX, _safe(text)) + "\n")


def error(problem: ReviewerError) -> None:
    """Write an error to standard error, with its hint indented below."""
    lines = _safe(problem.message).rstrip().splitlines() or [type(problem).__name__]
    if len(lines) == 1 and lines[0][-1].isalnum():
        lines[0] += "."
    shown = _indented(PREFIX, "\n".join(lines))
    if problem.hint:
        shown += "\n" + "\n".join(f"  {line}".rstrip() for line in _safe(problem.hint).splitlines())
    streams.write(sys.stderr, shown + "\n")


def set_colour(wanted: bool | None) -> None:
    """Turn colour on or off, whatever the environment says; None leaves it to the environment and the terminal."""
    global _colour  # noqa: PLW0603 - one process has one terminal
    _colour = wanted


def colour_wanted(stream: TextIO | None = None) -> bool:
    """Whether ``stream`` (standard output by default) gets colour.

    ``set_colour`` decides, then NO_COLOR, then FORCE_COLOR, then the terminal.
    """
    if _colour is not None:
        return _colour
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    if not streams.is_terminal(sys.stdout if stream is None else stream):
        return False
    if sys.platform == "win32":
        from rich.console import detect_legacy_windows

        return not detect_legacy_windows()
    return True


def is_terminal() -> bool:
    """Whether standard output is a terminal, and not a pipe, a file or a log."""
    return streams.is_terminal(sys.stdout)


def width(stream: TextIO | None = None) -> int:
    """Columns of ``stream``: COLUMNS, the terminal's own, or 80 where there is none; between 40 and 200."""
    stream = sys.stdout if stream is None else stream
    columns = 80
    if os.environ.get("COLUMNS", "").isdigit() or streams.is_terminal(stream):
        columns = shutil.get_terminal_size((80, 24)).columns
    return max(40, min(columns, 200))


def can_draw(stream: TextIO | None = None) -> bool:
    """Whether ``stream`` can encode box characters; reports use ASCII where it cannot."""
    encoding = getattr(sys.stdout if stream is None else stream, "encoding", None) or "utf-8"
    try:
        _DRAWN.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def byte_size(count: float) -> str:
    """Format a number of bytes in decimal units, as disks and model cards do: ``98 MB``, ``12.1 GB``."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:  # noqa: PLR2004 - 999.5 rounds to 1000
            break
        value, unit = value / 1000, larger
    digits = 1 if unit in ("GB", "TB") else 0
    return f"{value:.{digits}f} {unit}"


def _safe(text: str) -> str:
    return visible(mask(text))


def _indented(prefix: str, text: str) -> str:
    first, *rest = text.splitlines() or [""]
    return "\n".join([prefix + first, *(f"  {line}".rstrip() for line in rest)])
