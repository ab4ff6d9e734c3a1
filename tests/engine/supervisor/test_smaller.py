from __future__ import annotations

import pytest

from reviewer.engine.supervisor import smaller

ARGV = ("python", "-m", "x", "--max-num-seqs", "16", "--kv-cache-memory-bytes", "1000", "--enforce-eager")


@pytest.mark.parametrize(
    ("concurrency", "excess", "times", "expected"),
    [
        (4.0, 100, 0, ("14", "875")),
        (4.0, 400, 0, ("8", "500")),
        (4.0, 580, 0, ("4", "275")),
        (4.0, 600, 0, None),  # less than one request of full length would be left
        (1.0, 1, 0, None),
        (None, 100, 0, None),  # the cache was not allocated yet
        (0.0, 100, 0, None),
        (4.0, 1, 0, ("14", "875")),  # it has just crossed its limit and still grows
        (4.0, 1, 1, ("12", "750")),
        (4.0, 1, 2, ("8", "500")),
        (4.0, 1, 9, ("8", "500")),
        (1.5, 1, 2, ("11", "700")),  # a request of full length always fits
    ],
)
def test_the_cache_shrinks_by_the_excess(
    concurrency: float | None, excess: int, times: int, expected: tuple[str, str] | None
) -> None:
    found = smaller.smaller(ARGV, concurrency, excess, times=times)
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert (found[4], found[6]) == expected
    assert (found[:4], found[7:]) == (ARGV[:4], ARGV[7:])


@pytest.mark.parametrize("argv", [(), ("--kv-cache-memory-bytes",), ("--kv-cache-memory-bytes", "auto")])
def test_command_without_a_cache_size_is_not_touched(argv: tuple[str, ...]) -> None:
    assert smaller.smaller(argv, 4.0, 1) is None
    assert smaller.described(argv) == ""


def test_description() -> None:
    assert smaller.described(ARGV) == "16 requests at once, 1 kB of KV cache"


def test_line_of_vllm_is_read() -> None:
    line = (
        b"(EngineCore pid=7) INFO 11-23 [kv_cache_utils.py:9] Maximum concurrency for 8,192 tokens per request: 3.01x"
    )
    found = smaller.CONCURRENCY.search(line)
    assert found is not None
    assert float(found[1]) == 3.01
