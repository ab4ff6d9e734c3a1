"""Tokens per second of a review of many units on a warm engine, beside bare httpx sending the very same requests.

    python bench/throughput.py [--units 50] [--times 3]

A made-up commit in five languages, its hunks changing one to eight lines. Ours is the whole command, with an empty
answer cache; theirs a process that sends the captured request bodies all at once. In turns, on one engine whose prefix
cache is emptied before each run. Tokens and the share of prompt tokens that the prefix cache served are taken from the
engine's own counters before and after each run. Real vLLM, embedded model. POSIX only.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mixed
from common import alternate, machine, spread, table
from serving import captured_requests, forget_answers, review, send_bare, warm_engine

from reviewer.engine.client import prometheus

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving import Engine

GOAL = 0.9
_GENERATED = "vllm:generation_tokens_total"
_PROMPT = "vllm:prompt_tokens_total"
_QUERIES, _HITS = "vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total"


@dataclass(frozen=True)
class Run:
    """One run: its wall time in seconds, and what the engine counted meanwhile."""

    seconds: float
    counted: dict[str, float]

    @property
    def speed(self) -> float:
        """Tokens decoded per second."""
        return self.counted[_GENERATED] / self.seconds

    @property
    def hits(self) -> float:
        """The share of prompt tokens from the prefix cache."""
        return self.counted[_HITS] / self.counted[_QUERIES]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=50, help="hunks of the change")
    parser.add_argument("--model", default="135m", help="an embedded model: 1.5b, 0.5b or 135m")
    parser.add_argument("--times", type=int, default=3, help="runs of each")
    options = parser.parse_args()
    with warm_engine(options.model) as engine, tempfile.TemporaryDirectory(prefix="rb-repo-") as folder:
        repo = Path(folder) / "repo"
        mixed.stage(repo, options.units)
        return measure(engine, repo, options.times)


def measure(engine: Engine, repo: Path, times: int) -> int:
    forget_answers()
    requests = captured_requests(repo)
    ours: list[Run] = []
    theirs: list[Run] = []
    reports: list[dict[str, Any]] = []

    def of_ours() -> float:
        forget_answers()
        ours.append(counted(engine, lambda: reports.append(review(repo))))
        return ours[-1].speed

    def of_theirs() -> float:
        theirs.append(counted(engine, lambda: send_bare(engine, requests)))
        return theirs[-1].speed

    pair = alternate(of_ours, of_theirs, times)
    reading = [report["usage"]["completion_tokens"] / report["usage"]["seconds"] for report in reports]
    print(f"{machine()}; load {os.getloadavg()[1]:.1f}")
    print(described(requests, reports[-1]))
    print(
        table(
            [
                ("the whole command", spread(pair.ours, "tokens/s")),
                ("bare httpx, a process too", spread(pair.theirs, "tokens/s")),
                ("the command, from its first request to its last answer", spread(reading, "tokens/s")),
                ("wall time of the command", spread([run.seconds for run in ours])),
                ("wall time of bare httpx", spread([run.seconds for run in theirs])),
                ("prompt tokens of one review", f"{statistics.median(run.counted[_PROMPT] for run in ours):.0f}"),
                ("of them from the prefix cache, ours", f"{statistics.median(run.hits for run in ours):.1%}"),
                ("of them from the prefix cache, bare httpx", f"{statistics.median(run.hits for run in theirs):.1%}"),
                ("ratio of tokens per second", f"{pair.ratio:.2f} (goal: at least {GOAL:g})"),
            ]
        )
    )
    return 0 if pair.ratio >= GOAL else 1


def counted(engine: Engine, run: Callable[[], object]) -> Run:
    """Run something against an engine that has read none of the prompts."""
    engine.forget_prompts()
    before = figures(engine)
    began = time.perf_counter()
    run()
    seconds = time.perf_counter() - began
    after = figures(engine)
    print(f"{seconds:.0f} s, {after[_GENERATED] - before.get(_GENERATED, 0):.0f} tokens", file=sys.stderr, flush=True)
    return Run(seconds, {name: after[name] - before.get(name, 0.0) for name in (_GENERATED, _PROMPT, _QUERIES, _HITS)})


def figures(engine: Engine) -> dict[str, float]:
    """The engine's own counters."""
    with engine.client() as client:
        return prometheus.parse(client.get("/metrics").raise_for_status().text)


def described(requests: list[dict[str, Any]], report: dict[str, Any]) -> str:
    """What was read, and how many grammars it took."""
    schemas = {json.dumps(json.loads(each["body"]).get("response_format"), sort_keys=True) for each in requests}
    units = report["units"]
    read = sum(unit["status"] == "read" for unit in units)
    return f"{read} of {len(units)} units read, {len(requests)} requests, {len(schemas)} different schemas"


if __name__ == "__main__":
    sys.exit(main())
