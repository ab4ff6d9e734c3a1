"""Reads the figures that vLLM publishes at ``/metrics``.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (text, version 0.0.4).
"""

from __future__ import annotations

import math
import re

RUNNING, WAITING = "vllm:num_requests_running", "vllm:num_requests_waiting"

# A label's value may hold any character, a closing brace too, with quotes and backslashes escaped.
_SAMPLE = re.compile(
    r'(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?\s+(?P<value>\S+)(?:\s+-?\d+)?\s*'
)


def parse(text: str) -> dict[str, float]:
    """Sum the samples of each metric over its labels.

    A sum is right for counters, for the ``_sum`` and ``_count`` of a histogram and for gauges that count requests.
    Buckets are left out; so is what does not parse, since a figure for a status line is not worth a failure.

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
