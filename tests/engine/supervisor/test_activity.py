from __future__ import annotations

import pytest

from reviewer.engine.supervisor.activity import Pace, Sample


def sample(at: float, *, running: float = 0, requests: float = 0, tokens: float = 0, seconds: float = 0) -> Sample:
    metrics = {
        "vllm:num_requests_running": running,
        "vllm:request_success_total": requests,
        "vllm:generation_tokens_total": tokens,
        "vllm:e2e_request_latency_seconds_sum": seconds,
    }
    return Sample.of(metrics, at)


@pytest.mark.parametrize(
    ("before", "now", "used"),
    [
        (None, sample(0), False),
        (None, sample(0, requests=7), False),  # done before the first look
        (None, sample(0, running=1), True),
        (sample(0, requests=7), sample(1, requests=7), False),
        (sample(0, requests=7), sample(1, requests=8), True),
        (sample(0, tokens=7), sample(1, tokens=8), True),
        (sample(0, requests=7), sample(1, requests=0), True),  # it was restarted and counts from zero
        (sample(0, running=1), sample(1), False),
    ],
)
def test_use_is_open_requests_or_counters_that_moved(before: Sample | None, now: Sample, used: bool) -> None:
    assert now.used_since(before) is used


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        ([sample(10, tokens=100)], None),
        ([sample(0), sample(10)], None),
        ([sample(0, running=4), sample(10, tokens=500, running=4)], 50.0),  # busy all the time
        ([sample(0), sample(10, tokens=100, seconds=2)], 50.0),  # one short request between two looks
        ([sample(0), sample(10, tokens=1000, seconds=40)], 100.0),  # many at once: never longer than the time itself
        ([sample(0, tokens=100), sample(10, tokens=50, seconds=1)], None),  # counted from zero
        (
            # The first and the last interval of a period were busy for an unknown part.
            [
                sample(0),
                sample(10, tokens=10, running=8),
                sample(12, tokens=110, running=8),
                sample(14, tokens=230, running=2),
                sample(24, tokens=231, seconds=60),
            ],
            55.0,
        ),
        ([sample(0), sample(10, tokens=30, running=1), sample(12, tokens=60, seconds=5)], 5.0),
        (
            # Only the latest period counts; idle time does not change it.
            [sample(0, running=4), sample(2, tokens=200, running=4), sample(4, tokens=201),
             sample(9, tokens=221, seconds=2), sample(20, tokens=221, seconds=2)],
            10.0,
        ),
    ],
)  # fmt: skip
def test_pace_counts_the_busy_time(samples: list[Sample], rate: float | None) -> None:
    pace = Pace()
    for each in samples:
        pace.add(each)
    assert pace.rate == rate
