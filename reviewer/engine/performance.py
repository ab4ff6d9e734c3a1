"""The cost of one manager's calls: counts, times and the latest errors."""

from __future__ import annotations

import math
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reviewer.errors import EngineError, InferenceTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    _busy_since: float = 0.0
    _open: int = 0
    _busy_seconds: float = 0.0

    @contextmanager
    def request(self, *, deadline: bool = False) -> Iterator[None]:
        """Time one request and count its failure.

        Args:
            deadline: Whether the caller set a time-out; that it ran out is not an error of the engine.
        """
        if self._open == 0:
            self._busy_since = time.perf_counter()
        self._open += 1
        try:
            with self.noting(deadline=deadline):
                yield
        finally:
            self._open -= 1
            if self._open == 0:
                self._busy_seconds += time.perf_counter() - self._busy_since

    @contextmanager
    def noting(self, *, deadline: bool = False) -> Iterator[None]:
        """Count a failure of the engine."""
        try:
            yield
        except EngineError as error:
            self.requests += 1
            self.failed += 1
            if not (deadline and isinstance(error, InferenceTimeoutError)):
                self.errors.append((time.time(), error.message))
            raise

    def answered(self, completion: Completion) -> None:
        """Count one answer."""
        self.streamed(completion.seconds, completion.completion_tokens)
        self.prompt_tokens += completion.prompt_tokens
        self.cached_tokens += completion.cached_tokens

    def streamed(self, seconds: float, pieces: int) -> None:
        """Count one streamed answer. The server sends no token counts with it; each piece is one token."""
        self.requests += 1
        self.completion_tokens += pieces
        self.inference_seconds += seconds
        self.latencies.append(seconds)

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
            "latency_p50": self._percentile(0.5),
            "latency_p95": self._percentile(0.95),
            "latency_p99": self._percentile(0.99),
        }

    def _percentile(self, share: float) -> float:
        """The nearest-rank percentile of the latencies; 0 where there are none."""
        ordered = sorted(self.latencies)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
