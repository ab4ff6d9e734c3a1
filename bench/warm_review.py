"""Wall time of a review on a warm engine, beside bare httpx sending the very same requests.

    python bench/warm_review.py [--units 12] [--times 3]
    python bench/warm_review.py --repo CLONE --commit SHA

Both run as processes of their own, in turns, on one engine that is loaded and whose prefix cache is emptied before each
run; our answer cache is empty too. The requests are captured from a review of the same change before anything is timed.
What is told besides: the first review after the engine's start (grammars are compiled then), and a repeated one, which
the answer cache serves. Real vLLM, embedded model. POSIX only.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import alternate, machine, spread, stopwatch, table, verdict
from serving import captured_requests, change_of, forget_answers, review, send_bare, warm_engine

if TYPE_CHECKING:
    from serving import Engine

GOAL = 1.25
REPEATED_GOAL = 1.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=12, help="changed functions of the made-up change")
    parser.add_argument("--repo", type=Path, help="a local clone, in place of the made-up change")
    parser.add_argument("--commit", help="the commit of it to review")
    parser.add_argument("--model", default="135m", help="an embedded model: 1.5b, 0.5b or 135m")
    parser.add_argument("--times", type=int, default=3, help="runs of each")
    options = parser.parse_args()
    with warm_engine(options.model) as engine, change_of(options.repo, options.commit, options.units) as repo:
        return measure(engine, repo, options.times)


def measure(engine: Engine, repo: Path, times: int) -> int:
    first: list[float] = []
    with stopwatch(first):
        found = review(repo)
    forget_answers()
    requests = captured_requests(repo)
    pair = alternate(lambda: _ours(engine, repo), lambda: _bare(engine, requests), times)
    repeated: list[float] = []
    for _ in range(max(3, times)):
        with stopwatch(repeated):
            review(repo)
    print(machine())
    print(_described(found, requests))
    print(
        table(
            [
                ("first review after the engine's start", f"{first[0]:.1f} s"),
                ("review, engine warm, no answers kept", spread(pair.ours)),
                ("the same requests with bare httpx", spread(pair.theirs)),
                ("the same review again", spread(repeated)),
                verdict("review over bare httpx, wall time", pair.ratio, GOAL),
                verdict("repeated review, seconds", sorted(repeated)[len(repeated) // 2], REPEATED_GOAL),
            ]
        )
    )
    return 0 if pair.ratio <= GOAL else 1


def _ours(engine: Engine, repo: Path) -> float:
    forget_answers()
    engine.forget_prompts()
    values: list[float] = []
    with stopwatch(values):
        review(repo)
    return values[0]


def _bare(engine: Engine, requests: list[dict[str, Any]]) -> float:
    engine.forget_prompts()
    values: list[float] = []
    with stopwatch(values):
        send_bare(engine, requests)
    return values[0]


def _described(found: dict[str, Any], requests: list[dict[str, Any]]) -> str:
    units = found["units"]
    read = sum(unit["status"] == "read" for unit in units)
    usage = found["usage"]
    return (
        f"{read} of {len(units)} units read, {len(requests)} requests, {usage['prompt_tokens']} prompt tokens, "
        f"{usage['completion_tokens']} completion tokens"
    )


if __name__ == "__main__":
    sys.exit(main())
