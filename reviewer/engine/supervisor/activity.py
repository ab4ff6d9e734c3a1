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

    def seconds_at_work(self, before: Sample) -> float:
        """How long requests were open since an earlier sample, at the most.

        That time is not counted by vLLM. It is at most the time between the samples, and, where every request has
        ended, at most what the requests took together.
        """
        seconds = self.at - before.at
        taken = self.request_seconds - before.request_seconds
        if self.open_requests == 0 and before.open_requests == 0 and taken > 0:
            seconds = min(seconds, taken)
        return seconds


class Pace:
    """Tokens of all requests together per second of the latest spell of work.

    Between the samples at its ends a spell was at work for a part of the time only. Where there are samples in between
    these alone count, or the last token of many would be told as the pace of all.

    Attributes:
        rate: In tokens per second; None before the first spell.
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
        self._seconds += sample.seconds_at_work(before)
        if self._tokens > 0 and self._seconds > 0:
            self.rate = self._tokens / self._seconds


def requests(metrics: Mapping[str, float]) -> int:
    """Requests that were answered."""
    return round(metrics.get("vllm:request_success_total", 0.0))


def prefix_cache_hit_rate(metrics: Mapping[str, float]) -> float | None:
    """The share of prompt tokens whose keys and values were there already; None before the first prompt."""
    queries = metrics.get("vllm:prefix_cache_queries_total", 0.0)
    return metrics.get("vllm:prefix_cache_hits_total", 0.0) / queries if queries > 0 else None
