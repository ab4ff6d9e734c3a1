"""Writes to a stream: a terminal, a pipe or a log, and whatever can go wrong there.

A reader closes the pipe (``| head``), a console cannot encode a character, the disk is full, a progress line is being
drawn, a CI runner reads commands.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import weakref
from typing import Protocol, TextIO

from reviewer.errors import UsageError
from reviewer.terminal.masking import without_commands


class Drawn(Protocol):
    """A line on a terminal that other output must not run into."""

    def clear(self) -> None:
        """Remove it; it may be drawn again."""


lock = threading.RLock()
_live: Drawn | None = None  # the progress line on a terminal, if one is drawn
_gone: weakref.WeakSet[TextIO] = weakref.WeakSet()  # streams whose reader closed the pipe


def set_live(line: Drawn | None) -> None:
    """Name the line that is drawn now; None if there is none."""
    global _live  # noqa: PLW0603 - one terminal, one progress line
    _live = line


def write(stream: TextIO | None, text: str, *, over_live: bool = False, commands: bool = False) -> bool:
    """Write text and flush it; see ``output.say``. ``over_live`` leaves a progress line in place."""
    if stream is None or stream in _gone:  # None: the process was started with the stream closed (``>&-``, pythonw)
        return False
    if not commands and _in_ci():
        text = without_commands(text)
    with lock:
        if _live is not None and not over_live:
            _live.clear()
        encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            stream.write(text.encode(encoding, "replace").decode(encoding))
            stream.flush()
        except OSError as problem:
            return _failed(stream, problem)
    return True


def write_bytes(data: bytes) -> bool:
    """Write bytes to standard output; see ``output.say_bytes``."""
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None or sys.stdout in _gone:
        return False
    with lock:
        if _live is not None:
            _live.clear()
        try:
            sys.stdout.flush()
            binary.write(data)
            binary.flush()
        except OSError as problem:
            return _failed(sys.stdout, problem)
    return True


def _in_ci() -> bool:
    """Whether a CI runner reads the output for commands (GitHub, Gitea and Forgejo Actions, Azure Pipelines)."""
    return any(os.environ.get(name, "").lower() == "true" for name in ("GITHUB_ACTIONS", "TF_BUILD"))


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal that can move its cursor."""
    if stream is None or os.environ.get("TERM") == "dumb":
        return False
    return bool(getattr(stream, "isatty", lambda: False)())


def _failed(stream: TextIO, problem: OSError) -> bool:
    """Return False for a closed pipe, which is not an error, and for standard error, where no error could be shown.

    Raises:
        UsageError: Any other failure.
    """
    _redirect_to_null(stream)
    if stream is sys.stderr:
        return False
    # Windows reports EINVAL for a closed pipe.
    if isinstance(problem, BrokenPipeError) or (os.name == "nt" and problem.errno == errno.EINVAL):
        return False
    raise UsageError(f"cannot write the output: {problem.strerror}") from problem


def _redirect_to_null(stream: TextIO) -> None:
    """Keep Python's flush at exit from failing a second time."""
    _gone.add(stream)
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
