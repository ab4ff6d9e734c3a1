"""Reads the figures that vLLM publishes at ``/metrics``.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (text, version 0.0.4). The parser of
prometheus_client is stricter, slower to import and not at hand in the supervisor's process.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNNING, WAITING = "vllm:num_requests_running", "vllm:num_requests_waiting"
ANSWERED = "vllm:request_success_total"
PROMPT_TOKENS, GENERATED_TOKENS = "vllm:prompt_tokens_total", "vllm:generation_tokens_total"
PROGRESS = (ANSWERED, PROMPT_TOKENS, GENERATED_TOKENS, "vllm:kv_cache_usage_perc")
"""Figures that change while an engine works; the last one also in the middle of a long prompt."""

# A label's value may hold any character, a closing brace too, with quotes and backslashes escaped.
_SAMPLE = re.compile(
    r'(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?\s+(?P<value>\S+)(?:\s+-?\d+)?\s*'
)


def parse(text: str) -> dict[str, float]:
    """Sum the samples of each metric over its labels.

    A sum is right for counters, for the ``_sum`` and ``_count`` of a histogram and for gauges that count requests.
    Buckets are left out, and so are lines that do not parse: a status line is not worth a failure.

    Returns:
        Values by metric name, such as ``{"vllm:prompt_tokens_total": 1200.0}``.
    """
    totals: dict[str, float] = {}
    for line in text.splitlines():
        match = _SAMPLE.fullmatch(line)
        if match is None or match["name"].endswith("_bucket"):
            continue
        try:
            value = float(match["value"])
        except ValueError:
            continue
        if math.isfinite(value):
            totals[match["name"]] = totals.get(match["name"], 0.0) + value
    return totals


def open_requests(figures: Mapping[str, float]) -> float:
    """Requests that are running or waiting, whoever sent them."""
    return figures.get(RUNNING, 0.0) + figures.get(WAITING, 0.0)


def prefix_cache_hit_rate(figures: Mapping[str, float]) -> float | None:
    """The share of prompt tokens whose keys and values were cached; None before the first prompt."""
    queries = figures.get("vllm:prefix_cache_queries_total", 0.0)
    return figures.get("vllm:prefix_cache_hits_total", 0.0) / queries if queries > 0 else None
