"""Progress while it happens: one redrawn line on a terminal, plain lines in a log."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING, TextIO

from reviewer.terminal import streams
from reviewer.terminal.masking import mask, visible
from reviewer.terminal.output import PREFIX, byte_size, width

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TICK = 0.2  # seconds between two redraws
_PACE_AFTER = 2.0  # seconds of a step before its speed is shown
_MANY = 100_000  # from which on a count is shown as a percentage
_QUIET = 1.0  # seconds before a step is shown
_PLAIN_EVERY = 5.0  # seconds between two plain lines of one step, at first
_PLAIN_AT_MOST = 30.0  # the same for a step that takes long


@contextlib.contextmanager
def progress(stream: TextIO | None = None, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Steps]:
    """Show the steps of a long operation on ``stream`` (standard error by default) while the block runs.

    A terminal shows one line that is redrawn, and removed at the end. Elsewhere each step is a plain line, repeated
    every few seconds. Steps shorter than a second are not shown.
    """
    stream = sys.stderr if stream is None else stream
    steps = Steps(clock)
    display: _LiveLine | _PlainLines = (
        _LiveLine(steps, stream) if streams.is_terminal(stream) else _PlainLines(steps, stream, clock)
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
        shown = " ".join(visible(mask(message)).split())
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
        return PREFIX + "  ".join(part for part in parts if part)


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
        streams.write(self._stream, f"{steps}\n")

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
        if not self._steps.number or self._steps.is_finished or (self._steps.seconds < _QUIET and not self._drawn):
            return
        from rich.cells import cell_len, set_cell_size

        line = str(self._steps)
        room = width(self._stream) - 1
        if cell_len(line) > room:
            line = set_cell_size(line, room - 1) + "…"
        with streams.lock:
            before, self._drawn = self._drawn, cell_len(line)
            streams.write(self._stream, "\r" + line + " " * (before - self._drawn), over_live=True)
            streams.set_live(self)

    def clear(self) -> None:
        if self._drawn:
            streams.write(self._stream, "\r" + " " * self._drawn + "\r", over_live=True)
            self._drawn = 0

    def close(self) -> None:
        with streams.lock:
            self.clear()
            streams.set_live(None)


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
