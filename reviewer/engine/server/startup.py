"""Reads a starting engine's log as it grows: how far it is, and whether it still moves."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.terminal.progress import Progress

_FIRST_STEP = "starting the engine: importing vLLM"
_READ_BYTES = 1 << 20

# What vLLM 0.32 logs, in order, and what it is then about to do.
_MILESTONES = tuple(
    (re.compile(pattern), message)
    for pattern, message in (
        (r"non-default args", "starting the engine: reading the model's configuration"),
        (r"Initializing a V1 LLM engine", "starting the engine: starting the workers"),
        (r"Starting to load model", "starting the engine: loading weights"),
        (r"Loading \w+ checkpoint shards:\s+(?P<percent>\d+)%", "starting the engine: loading weights"),
        (r"Loading weights took|Model loading took", "starting the engine: making the KV cache"),
        (r"Dynamo bytecode transform|Compiling a graph|torch\.compile takes", "starting the engine: compiling kernels"),
        (r"KV cache size", "starting the engine: warming up"),
        (r"Capturing CUDA graph", "starting the engine: capturing CUDA graphs"),
        (r"Starting vLLM (?:API )?server", "starting the engine: opening the endpoint"),
    )
)


class LogWatch:
    """Follows one log file from its beginning.

    Args:
        expected: Seconds that the last start took; None where there was none.
        why: What became of the engine before, for the first step; empty where there is nothing to tell.
        started_at: When the engine was started, in seconds since the epoch.
    """

    def __init__(
        self, log: Path, progress: Progress, *, expected: float | None, started_at: float, why: str = ""
    ) -> None:
        self._log = log
        self._progress = progress
        self._expected = expected
        self._started_at = started_at
        self._offset = 0
        self._rest = b""
        self._moved = time.monotonic()
        self.step = _FIRST_STEP
        progress.step(self.step.replace(":", f" ({why}):", 1) if why else self.step)

    @property
    def silence(self) -> float:
        """Seconds since the log grew, on a clock that stands while the machine sleeps."""
        return time.monotonic() - self._moved

    @property
    def elapsed(self) -> float:
        """Seconds since the engine was started."""
        return max(0.0, time.time() - self._started_at)

    @property
    def left(self) -> float | None:
        """Seconds that are left if it takes as long as the last time; None where that is not known or already over."""
        if self._expected is None or self.elapsed >= self._expected:
            return None
        return self._expected - self.elapsed

    def look(self) -> None:
        """Read what is new and tell the listener."""
        step = self._read()
        if step is not None and step != self.step:
            self.step = step
            self._progress.step(step)
        if self._expected is not None:
            self._progress.advance(round(self.elapsed), round(max(self._expected, self.elapsed)), "s")

    def describe(self) -> str:
        """How far it is, for a sentence: ``"loading weights; about 35 s left"``."""
        step = self.step.removeprefix("starting the engine: ")
        if self.left is not None:
            return f"{step}; about {self.left:.0f} s left"
        return f"{step}; {self.elapsed:.0f} s so far"

    def _read(self) -> str | None:
        try:
            with self._log.open("rb") as log:
                if os.fstat(log.fileno()).st_size < self._offset:  # it was put aside and begun anew
                    self._offset = 0
                log.seek(self._offset)
                data = log.read(_READ_BYTES)
        except OSError:
            return None
        if not data:
            return None
        self._offset += len(data)
        self._moved = time.monotonic()
        # A progress bar rewrites its line with carriage returns.
        *lines, self._rest = re.split(rb"[\r\n]", self._rest + data)
        found = [step for line in lines if (step := _milestone(line.decode("utf-8", "replace"))) is not None]
        return found[-1] if found else None


def _milestone(line: str) -> str | None:
    for pattern, message in _MILESTONES:
        match = pattern.search(line)
        if match is not None:
            percent = match.groupdict().get("percent")
            return f"{message} ({percent}%)" if percent else message
    return None
