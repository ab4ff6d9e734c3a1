"""Tells from vLLM's own counters whether an engine has work, and how fast it decodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNNING = "vllm:num_requests_running"
WAITING = "vllm:num_requests_waiting"
_COUNTERS = ("vllm:request_success_total", "vllm:prompt_tokens_total", "vllm:generation_tokens_total")


@dataclass(frozen=True, slots=True)
class Sample:
    """The counters at one moment.

    Attributes:
        at: On a monotonic clock, in seconds.
        open_requests: Running or waiting.
        counters: Whatever grows with use.
        generated: Tokens decoded so far.
        request_seconds: The time that all finished requests took together.
    """

    at: float
    open_requests: int
    counters: tuple[float, ...]
    generated: float
    request_seconds: float

    @classmethod
    def of(cls, metrics: Mapping[str, float], at: float) -> Sample:
        """Pick them out of all figures."""
        return cls(
            at=at,
            open_requests=round(metrics.get(RUNNING, 0.0) + metrics.get(WAITING, 0.0)),
            counters=tuple(metrics.get(name, 0.0) for name in _COUNTERS),
            generated=metrics.get("vllm:generation_tokens_total", 0.0),
            request_seconds=metrics.get("vllm:e2e_request_latency_seconds_sum", 0.0),
        )

    def used_since(self, before: Sample | None) -> bool:
        """Whether there is work now, or was some since an earlier sample."""
        return self.open_requests > 0 or (before is not None and self.counters != before.counters)

    def tokens_per_second(self, before: Sample | None) -> float | None:
        """Tokens of all requests together since an earlier sample, over the time in which there were any.

        That time is not counted by vLLM. It is at most the time between the samples, and, where every request has
        ended, at most what the requests took together.
        """
        if before is None or self.generated <= before.generated:
            return None
        seconds = self.at - before.at
        taken = self.request_seconds - before.request_seconds
        if self.open_requests == 0 and before.open_requests == 0 and taken > 0:
            seconds = min(seconds, taken)
        return (self.generated - before.generated) / seconds if seconds > 0 else None


def requests(metrics: Mapping[str, float]) -> int:
    """Requests that were answered."""
    return round(metrics.get("vllm:request_success_total", 0.0))


def prefix_cache_hit_rate(metrics: Mapping[str, float]) -> float | None:
    """The share of prompt tokens whose keys and values were there already; None before the first prompt."""
    queries = metrics.get("vllm:prefix_cache_queries_total", 0.0)
    return metrics.get("vllm:prefix_cache_hits_total", 0.0) / queries if queries > 0 else None
