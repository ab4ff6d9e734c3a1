"""The one place below the command line that writes to a terminal, a pipe or a log.

It handles what can go wrong while printing: a reader that closed the pipe (``| head``), a console that cannot encode a
character, the terminal's width, a stream that is not a terminal, a progress line that is being drawn.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, TextIO

from reviewer.errors import UsageError
from reviewer.terminal.masking import mask, visible, without_commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reviewer.errors import ReviewerError

_PREFIX = "reviewer: "
_DRAWN = "│└├─·…█▌"  # the non-ASCII characters of reports and budget tables
_TICK = 0.2  # seconds between two redraws
_PACE_AFTER = 2.0  # seconds of a step before its speed is shown
_MANY = 100_000  # from which on a count is shown as a percentage
_QUIET = 1.0  # seconds before a step is shown
_PLAIN_EVERY = 5.0  # seconds between two plain lines of one step, at first
_PLAIN_AT_MOST = 30.0  # the same for a step that takes long

_lock = threading.RLock()
_colour: bool | None = None
_live: _LiveLine | None = None  # the progress line on a terminal, if one is drawn
_gone: weakref.WeakSet[TextIO] = weakref.WeakSet()  # streams whose reader closed the pipe


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
    return _write(sys.stdout if stream is None else stream, text + end, commands=commands)


def say_bytes(data: bytes) -> bool:
    """Write bytes to standard output unchanged.

    Returns:
        False after a broken pipe.

    Raises:
        UsageError: The stream cannot be written.
    """
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None or sys.stdout in _gone:
        return False
    with _lock:
        if _live is not None:
            _live.clear()
        try:
            sys.stdout.flush()
            binary.write(data)
            binary.flush()
        except OSError as problem:
            return _failed(sys.stdout, problem)
    return True


def note(text: str) -> None:
    """Write a note to standard error."""
    _write(sys.stderr, _indented(_PREFIX, _safe(text)) + "\n")


def error(problem: ReviewerError) -> None:
    """Write an error to standard error, with its hint indented below."""
    lines = _safe(problem.message).rstrip().splitlines() or [type(problem).__name__]
    if len(lines) == 1 and lines[0][-1].isalnum():
        lines[0] += "."
    shown = _indented(_PREFIX, "\n".join(lines))
    if problem.hint:
        shown += "\n" + "\n".join(f"  {line}".rstrip() for line in _safe(problem.hint).splitlines())
    _write(sys.stderr, shown + "\n")


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
    if not _is_terminal(sys.stdout if stream is None else stream):
        return False
    if sys.platform == "win32":
        from rich.console import detect_legacy_windows

        return not detect_legacy_windows()
    return True


def in_ci() -> bool:
    """Whether a CI runner reads the output for commands (GitHub, Gitea and Forgejo Actions, Azure Pipelines)."""
    return any(os.environ.get(name, "").lower() == "true" for name in ("GITHUB_ACTIONS", "TF_BUILD"))


def is_terminal() -> bool:
    """Whether standard output is a terminal, and not a pipe, a file or a log."""
    return _is_terminal(sys.stdout)


def width(stream: TextIO | None = None) -> int:
    """Columns of ``stream``: COLUMNS, the terminal's own, or 80 where there is none; between 40 and 200."""
    stream = sys.stdout if stream is None else stream
    columns = 80
    if os.environ.get("COLUMNS", "").isdigit() or _is_terminal(stream):
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


@contextlib.contextmanager
def progress(stream: TextIO | None = None, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Steps]:
    """Show the steps of a long operation on ``stream`` (standard error by default) while the block runs.

    A terminal shows one line that is redrawn, and removed at the end. Elsewhere each step is a plain line, repeated
    every few seconds. Steps shorter than a second are not shown.
    """
    stream = sys.stderr if stream is None else stream
    steps = Steps(clock)
    display: _LiveLine | _PlainLines = (
        _LiveLine(steps, stream) if _is_terminal(stream) else _PlainLines(steps, stream, clock)
    )
    over = threading.Event()
    ticker = threading.Thread(target=_keep_shown, args=(display, over), name="reviewer-progress", daemon=True)
    ticker.start()
    try:
        yield steps
    finally:
        over.set()
        ticker.join()
        display.close()


class Steps:
    """The ``Progress`` that ``progress`` yields; it holds the state that a display reads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._message = ""
        self._started = clock()
        self._amount = self._pace = ""
        self._first: tuple[float, float] | None = None  # of this step: when, and how much there was already
        self.number = 0
        self.is_finished = False

    def step(self, message: str) -> None:
        """Begin a step; the same message again continues it."""
        self.is_finished = False
        shown = " ".join(_safe(message).split())
        if shown != self._message:
            self._message, self._amount, self._pace, self._first = shown, "", "", None
            self._started = self._clock()
            self.number += 1

    def advance(self, done: float, total: float | None, unit: str = "") -> None:
        """Report how far the step is; for bytes, speed and time left are derived from it."""
        now = self._clock()
        self._amount = _amount(done, total, unit)
        when, before = self._first = self._first or (now, done)
        if unit == "B" and total and done > before and now - when >= _PACE_AFTER:
            speed = (done - before) / (now - when)
            self._pace = f"{byte_size(speed)}/s  {_left((total - done) / speed)}"

    def finish(self) -> None:
        """Show nothing further until the next step: the result is being written."""
        self.is_finished = True

    @property
    def seconds(self) -> float:
        """Duration of the current step so far."""
        return self._clock() - self._started

    def __str__(self) -> str:
        parts = [self._message, self._amount, self._pace or f"{self.seconds:.0f} s"]
        return _PREFIX + "  ".join(part for part in parts if part)


class _PlainLines:
    """Progress for logs."""

    def __init__(self, steps: Steps, stream: TextIO, clock: Callable[[], float]) -> None:
        self._steps, self._stream, self._clock = steps, stream, clock
        self._number, self._due = 0, 0.0

    def tick(self) -> None:
        steps, now = self._steps, self._clock()
        if not steps.number or steps.is_finished or steps.seconds < _QUIET:
            return
        if steps.number == self._number and now < self._due:
            return
        self._number = steps.number
        self._due = now + min(max(_PLAIN_EVERY, steps.seconds / 2), _PLAIN_AT_MOST)
        _write(self._stream, f"{steps}\n")

    def close(self) -> None:
        pass


class _LiveLine:
    """Progress for a terminal: one line, redrawn after a carriage return.

    Not rich's Live, which hides the cursor (for good if the process is killed) and takes 0.1 s to import.
    """

    def __init__(self, steps: Steps, stream: TextIO) -> None:
        self._steps, self._stream = steps, stream
        self._drawn = 0

    def tick(self) -> None:
        global _live  # noqa: PLW0603 - one terminal, one progress line
        if not self._steps.number or self._steps.is_finished or (self._steps.seconds < _QUIET and not self._drawn):
            return
        from rich.cells import cell_len, set_cell_size

        line = str(self._steps)
        room = width(self._stream) - 1
        if cell_len(line) > room:
            line = set_cell_size(line, room - 1) + "…"
        with _lock:
            before, self._drawn = self._drawn, cell_len(line)
            _write(self._stream, "\r" + line + " " * (before - self._drawn), over_live=True)
            _live = self

    def clear(self) -> None:
        if self._drawn:
            _write(self._stream, "\r" + " " * self._drawn + "\r", over_live=True)
            self._drawn = 0

    def close(self) -> None:
        global _live  # noqa: PLW0603
        with _lock:
            self.clear()
            _live = None


def _keep_shown(display: _LiveLine | _PlainLines, over: threading.Event) -> None:
    while not over.wait(_TICK):
        display.tick()


def _amount(done: float, total: float | None, unit: str) -> str:
    def size(value: float) -> str:
        return byte_size(value) if unit == "B" else f"{value:g} {unit}".rstrip()

    if not total:
        return size(done) if done else ""
    if unit != "B" and total >= _MANY:
        return f"{done / total:.0%}"
    return f"{done / total:.0%} of {size(total)}" if unit == "B" else f"{done:g} of {size(total)}"


def _left(seconds: float) -> str:
    return f"{seconds:.0f} s left" if seconds < 100 else f"{seconds / 60:.0f} min left"  # noqa: PLR2004


def _write(stream: TextIO | None, text: str, *, over_live: bool = False, commands: bool = False) -> bool:
    if stream is None or stream in _gone:  # None: the process was started with the stream closed (``>&-``, pythonw)
        return False
    if not commands and in_ci():
        text = without_commands(text)
    with _lock:
        if _live is not None and not over_live:
            _live.clear()
        encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            stream.write(text.encode(encoding, "replace").decode(encoding))
            stream.flush()
        except OSError as problem:
            return _failed(stream, problem)
    return True


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


def _is_terminal(stream: TextIO | None) -> bool:
    if stream is None or os.environ.get("TERM") == "dumb":
        return False
    return bool(getattr(stream, "isatty", lambda: False)())


def _safe(text: str) -> str:
    return visible(mask(text))


def _indented(prefix: str, text: str) -> str:
    first, *rest = text.splitlines() or [""]
    return "\n".join([prefix + first, *(f"  {line}".rstrip() for line in rest)])
