"""Watches whether an engine is used: by what it counts itself, and by commands that are about to ask it."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from reviewer.engine.server import probe
from reviewer.engine.supervisor.activity import Pace, Sample

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.client.endpoint import Endpoint

_LOOK_SECONDS = 10.0
_AT_WORK_SECONDS = 2.0
_LOOKS = 5  # in one idle time, at the least


class Use:
    """The use of one engine.

    Args:
        endpoint: Where it answers.
        joined: A file whose time is the last time that a command joined the engine.
        idle_timeout: In seconds; None is never over.

    Attributes:
        used_at: The last use, in seconds since the epoch.
    """

    def __init__(self, endpoint: Endpoint, joined: Path, idle_timeout: float | None) -> None:
        self._endpoint = endpoint
        self._joined = joined
        self._timeout = idle_timeout
        self._sample: Sample | None = None
        self._looked = 0.0
        self.begin()

    def begin(self) -> None:
        """Count anew: the engine has just become ready."""
        self._sample = None
        self._used = time.monotonic()  # stands while the machine sleeps
        self.used_at = time.time()
        self._pace = Pace()

    @property
    def tokens_per_second(self) -> float | None:
        """Of the latest work; None before the first."""
        return self._pace.rate

    @property
    def every(self) -> float:
        """Seconds between two looks."""
        most = _AT_WORK_SECONDS if self.at_work else _LOOK_SECONDS
        return most if self._timeout is None else min(most, max(0.1, self._timeout / _LOOKS))

    @property
    def due(self) -> bool:
        """Whether it is time to look."""
        return time.monotonic() - self._looked >= self.every

    @property
    def idle(self) -> bool:
        """Whether it has had nothing to do for the whole time."""
        return self._timeout is not None and time.monotonic() - self._used >= self._timeout

    @property
    def at_work(self) -> bool:
        """Whether requests were open at the last look."""
        return self._sample is not None and self._sample.open_requests > 0

    def look(self) -> bool:
        """Ask the engine; whether it was used since the look before."""
        self._looked = time.monotonic()
        used = self._was_joined()
        figures = probe.metrics(self._endpoint)
        if figures is not None:
            sample = Sample.of(figures, self._looked)
            used = sample.used_since(self._sample) or used
            self._pace.add(sample)
            self._sample = sample
        if used:
            self._used, self.used_at = self._looked, time.time()
        return used

    def _was_joined(self) -> bool:
        with suppress(OSError):
            return self._joined.stat().st_mtime > self.used_at
        return False
