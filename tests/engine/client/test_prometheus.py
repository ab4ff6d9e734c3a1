"""Reading the metrics that vLLM publishes."""

from __future__ import annotations

from reviewer.engine.client import prometheus

TEXT = """\
# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="m"} 1.2e+03
vllm:prompt_tokens_total{engine="1",model_name="m"} 300.0
vllm:request_success_total{engine="0",finished_reason="stop",model_name="a \\"quoted} name\\""} 4.0
vllm:request_success_total{engine="0",finished_reason="length",model_name="m"} 1.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.5"} 2.0
vllm:time_to_first_token_seconds_sum{engine="0"} 1.5
process_cpu_seconds_total 3.25 1700000000000
vllm:nan{engine="0"} NaN
vllm:infinite +Inf
not a sample
broken{engine="0" 3
vllm:word{engine="0"} many
"""


def test_samples_are_summed_over_labels() -> None:
    assert prometheus.parse(TEXT) == {
        "vllm:prompt_tokens_total": 1500.0,
        "vllm:request_success_total": 5.0,
        "vllm:time_to_first_token_seconds_sum": 1.5,
        "process_cpu_seconds_total": 3.25,
    }


def test_no_text_has_no_samples() -> None:
    assert prometheus.parse("") == {}


def test_hit_rate_needs_a_prompt() -> None:
    assert prometheus.prefix_cache_hit_rate({}) is None
    metrics = {"vllm:prefix_cache_queries_total": 200.0, "vllm:prefix_cache_hits_total": 150.0}
    assert prometheus.prefix_cache_hit_rate(metrics) == 0.75
