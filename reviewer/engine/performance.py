"""What the calls of one manager cost: counts, times and the latest errors."""

from __future__ import annotations

import math
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reviewer.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reviewer.engine.client.wire import Completion

_KEPT_LATENCIES = 1000
_KEPT_ERRORS = 20


@dataclass(slots=True)
class Performance:
    """Counters of one manager, since it was made.

    Attributes:
        latencies: Seconds of the latest answers, oldest first.
        errors: ``(time.time(), message)`` of the latest failures, oldest first.
    """

    requests: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    inference_seconds: float = 0.0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT_LATENCIES))
    errors: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=_KEPT_ERRORS))
    _busy_since: float | None = None
    _in_flight: int = 0
    _busy_seconds: float = 0.0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """While a request is under way; its failure is counted."""
        if self._in_flight == 0:
            self._busy_since = time.perf_counter()
        self._in_flight += 1
        try:
            with self.noting():
                yield
        finally:
            self._in_flight -= 1
            if self._in_flight == 0 and self._busy_since is not None:
                self._busy_seconds += time.perf_counter() - self._busy_since
                self._busy_since = None

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Count what the engine fails at."""
        try:
            yield
        except EngineError as error:
            self.failure(error.message)
            raise

    def answered(self, completion: Completion) -> None:
        """Count one answer."""
        self.requests += 1
        self.prompt_tokens += completion.prompt_tokens
        self.completion_tokens += completion.completion_tokens
        self.cached_tokens += completion.cached_tokens
        self.inference_seconds += completion.seconds
        self.latencies.append(completion.seconds)

    def streamed(self, seconds: float, pieces: int) -> None:
        """Count one streamed answer; the server names no token counts there, and each piece is one token."""
        self.requests += 1
        self.completion_tokens += pieces
        self.inference_seconds += seconds
        self.latencies.append(seconds)

    def failure(self, message: str) -> None:
        """Count one failure."""
        self.requests += 1
        self.failed += 1
        self.errors.append((time.time(), message))

    def summary(self) -> dict[str, float | int]:
        """The counters as a dictionary.

        Times are in seconds; ``tokens_per_second`` counts the time in which at least one request was open.
        """
        answered = self.requests - self.failed
        return {
            "requests": self.requests,
            "failed": self.failed,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cached_tokens": self.cached_tokens,
            "avg_inference_time": self.inference_seconds / answered if answered else 0.0,
            "tokens_per_second": self.completion_tokens / self._busy_seconds if self._busy_seconds else 0.0,
            "latency_p50": percentile(self.latencies, 0.5),
            "latency_p95": percentile(self.latencies, 0.95),
            "latency_p99": percentile(self.latencies, 0.99),
        }


def percentile(values: Sequence[float] | deque[float], share: float) -> float:
    """The nearest-rank percentile; 0 where there is no value."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
