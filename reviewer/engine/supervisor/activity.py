"""Follows the use of an engine: its own counters, and commands that have joined it and are about to send requests."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.engine.client import prometheus
from reviewer.engine.server import probe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reviewer.engine.client.endpoint import Endpoint

_COUNTERS = (prometheus.ANSWERED, prometheus.PROMPT_TOKENS, prometheus.GENERATED_TOKENS)
_LOOK_SECONDS = 10.0
_BUSY_LOOK_SECONDS = 2.0
_LOOKS_IN_TIMEOUT = 5


class Activity:
    """The use of one engine.

    Args:
        endpoint: Where it answers.
        joined: A file whose modification time is the last time that a command joined the engine.
        idle_timeout: In seconds; None never ends.

    Attributes:
        used_at: The last use, in seconds since the epoch.
    """

    def __init__(self, endpoint: Endpoint, joined: Path, idle_timeout: float | None) -> None:
        self._endpoint = endpoint
        self._joined = joined
        self._timeout = idle_timeout
        self._looked = 0.0
        self.begin()

    def begin(self) -> None:
        """Start anew: the engine has just become ready."""
        self._sample: Sample | None = None
        self._used = time.monotonic()  # does not advance while the machine sleeps
        self.used_at = time.time()
        self._pace = Pace()

    @property
    def tokens_per_second(self) -> float | None:
        """The decoding speed of the latest work; None before the first."""
        return self._pace.rate

    @property
    def every(self) -> float:
        """Seconds between two looks."""
        most = _BUSY_LOOK_SECONDS if self.busy else _LOOK_SECONDS
        return most if self._timeout is None else min(most, max(0.1, self._timeout / _LOOKS_IN_TIMEOUT))

    @property
    def due(self) -> bool:
        """Whether it is time to look."""
        return time.monotonic() - self._looked >= self.every

    @property
    def idle(self) -> bool:
        """Whether it has been unused for the whole idle time-out."""
        return self._timeout is not None and time.monotonic() - self._used >= self._timeout

    @property
    def busy(self) -> bool:
        """Whether requests were open at the last look."""
        return self._sample is not None and self._sample.open_requests > 0

    def look(self) -> bool:
        """Read the engine's metrics; whether it was used since the previous look."""
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


@dataclass(frozen=True, slots=True)
class Sample:
    """The counters at one moment.

    Attributes:
        at: On a monotonic clock, in seconds.
        open_requests: Running or waiting.
        counters: Figures that grow with use.
        generated: Tokens decoded so far.
        request_seconds: Total time of all finished requests.
    """

    at: float
    open_requests: int
    counters: tuple[float, ...]
    generated: float
    request_seconds: float

    @classmethod
    def of(cls, metrics: Mapping[str, float], at: float) -> Sample:
        """Select them from all figures."""
        return cls(
            at=at,
            open_requests=round(prometheus.open_requests(metrics)),
            counters=tuple(metrics.get(name, 0.0) for name in _COUNTERS),
            generated=metrics.get(prometheus.GENERATED_TOKENS, 0.0),
            request_seconds=metrics.get("vllm:e2e_request_latency_seconds_sum", 0.0),
        )

    def used_since(self, before: Sample | None) -> bool:
        """Whether there is work now, or was some since an earlier sample."""
        return self.open_requests > 0 or (before is not None and self.counters != before.counters)

    def busy_seconds(self, before: Sample) -> float:
        """An upper bound for the time since an earlier sample in which requests were open.

        vLLM does not publish that time. It is at most the time between the samples and, if no request is open at
        either, at most what the requests took in total.
        """
        seconds = self.at - before.at
        taken = self.request_seconds - before.request_seconds
        if self.open_requests == 0 and before.open_requests == 0 and taken > 0:
            seconds = min(seconds, taken)
        return seconds


class Pace:
    """Tokens per second of all requests together, over the latest period of work.

    The engine was busy for an unknown part of the time between the samples at either end of a period. So only the
    samples in between count, if there are any; else the last token of many would set the rate of all.

    Attributes:
        rate: In tokens per second; None before the first period.
    """

    def __init__(self) -> None:
        self.rate: float | None = None
        self._before: Sample | None = None
        self._tokens = self._seconds = 0.0
        self._whole = False

    def add(self, sample: Sample) -> None:
        """Take in the next sample."""
        before, self._before = self._before, sample
        if before is None:
            return
        whole = before.open_requests > 0 and sample.open_requests > 0
        if before.open_requests == 0 or (whole and not self._whole):
            self._tokens, self._seconds, self._whole = 0.0, 0.0, whole
        if self._whole and not whole:
            return
        self._tokens += sample.generated - before.generated
        self._seconds += sample.busy_seconds(before)
        if self._tokens > 0 and self._seconds > 0:
            self.rate = self._tokens / self._seconds
