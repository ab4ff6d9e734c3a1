"""Time from a patch's bytes to the requests of its review, for changes of 1,250 to 20,000 changed lines.

    python bench/render.py [--times 5] [--most 20000]

Four shapes of change: many small files, one file with many small hunks, one file that is new as a whole, and one file
of which every line changes (the longest hunk there is). Each is parsed, cut into units, looked through for unfinished
code and rendered to requests, as ``reviewer review`` does before it asks a model. Medians of processor time: all of it
is one thread that waits for nothing, and other programs' load is none of its business. What one run keeps in memory is
cleared before the next.

A doubling of the change should double the time: "growth" is the factor per doubling, over the whole range.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from common import git, machine, table, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GOAL_SECONDS, GOAL_LINES = 2.0, 10_000
GOAL_GROWTH = 2.3  # linear is 2; the rest is for the machine's noise
FEWEST = 1_250

Tree = dict[str, str]


def _function(number: int, *, after: bool) -> str:
    """Ten lines of Python, of which the change touches two."""
    check = "if not values:\n        raise ValueError('empty')" if after else "if values is None:\n        return None"
    return (
        f"def average_{number}(values, weights):\n"
        f'    """Return the weighted average of {number} and more."""\n'
        f"    {check}\n"
        f"    total = {number}\n"
        "    for value, weight in zip(values, weights):\n"
        "        total += value * weight\n"
        "    return total / len(values)\n\n"
    )


def _module(first: int, functions: int, *, after: bool) -> str:
    body = "".join(_function(number, after=after) for number in range(first, first + functions))
    return f"import math\n\n\n{body}"


def many_files(lines: int) -> tuple[Tree, Tree]:
    """Files of ten functions, of which each loses two lines and gets two."""
    before, after = (
        {f"pkg/m{n}.py": _module(n * 10, 10, after=after) for n in range(max(1, lines // 40))}
        for after in (False, True)
    )
    return before, after


def many_hunks(lines: int) -> tuple[Tree, Tree]:
    """One file in which each function loses two lines and gets two."""
    functions = max(1, lines // 4)
    return {"big.py": _module(0, functions, after=False)}, {"big.py": _module(0, functions, after=True)}


def new_file(lines: int) -> tuple[Tree, Tree]:
    """One new file."""
    return {}, {"new.py": _module(0, max(1, lines // 9), after=True)}


def one_hunk(lines: int) -> tuple[Tree, Tree]:
    """One file without a line in common: half of the changed lines are removed."""
    old = "".join(f"value_{n} = compute({n}, 'old')\n" for n in range(lines // 2))
    return {"table.py": old}, {"table.py": old.replace("'old'", "'new'")}


SHAPES: dict[str, Callable[[int], tuple[Tree, Tree]]] = {
    "many files": many_files,
    "one file, many hunks": many_hunks,
    "one new file": new_file,
    "one hunk": one_hunk,
}


def patch_of(before: Mapping[str, str], after: Mapping[str, str]) -> bytes:
    """The change between two trees, as git writes it."""
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder)
        git(repo, "init", "-q")
        for tree in (before, after):
            for name, text in tree.items():
                path = repo / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            git(repo, "add", "-A")
            git(repo, "commit", "-q", "--allow-empty", "-m", "tree")
        return git(repo, "diff", "--no-color", "HEAD~1", "HEAD").encode() + b"\n"


def forget() -> None:
    """Clear what one run leaves for the next in this process."""
    from reviewer import syntax

    for name in dir(syntax):
        clear = getattr(getattr(syntax, name), "cache_clear", None)
        if clear is not None:
            clear()


def render(patch: bytes, texts: Mapping[str, str]) -> tuple[dict[str, float], int]:
    """Seconds of each step, and the number of requests."""
    from reviewer import diff
    from reviewer.engine.profile import ModelProfile
    from reviewer.prompting.prompts import Prompts
    from reviewer.selection.units import select
    from reviewer.unfinished import gaps

    prompts = Prompts(ModelProfile("bench", "0", context_tokens=8192), {})
    forget()
    seconds = {}
    began = time.process_time()
    change = diff.parse(patch, "bench")
    seconds["parse"] = time.process_time() - began
    selection = select(change, texts.get, max_chars=prompts.unit_chars)
    seconds["select"] = time.process_time() - began - sum(seconds.values())
    holes = gaps.find(selection.units, texts)
    seconds["unfinished code"] = time.process_time() - began - sum(seconds.values())
    requests = [*map(prompts.review, selection.units), *map(prompts.complete, holes)]
    seconds["render"] = time.process_time() - began - sum(seconds.values())
    return seconds, len(requests)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5, help="runs of each")
    parser.add_argument("--most", type=int, default=20_000, help="changed lines of the largest change")
    arguments = parser.parse_args()
    sizes = [FEWEST * 2**step for step in range(int(math.log2(arguments.most / FEWEST)) + 1)]
    rows, worst_seconds, worst_growth = [], 0.0, 0.0
    with tempfile.TemporaryDirectory() as home:
        os.environ["REVIEWER_HOME"] = home
        for shape, make in SHAPES.items():
            totals = []
            for size in sizes:
                before, after = make(size)
                patch = patch_of(before, after)
                changed = sum(
                    line[:1] in (b"+", b"-") and line[:3] not in (b"+++", b"---") for line in patch.split(b"\n")
                )
                render(patch, after)
                runs = [render(patch, after) for _ in range(arguments.times)]
                steps = {step: statistics.median(run[0][step] for run in runs) for step in runs[0][0]}
                total = statistics.median(sum(run[0].values()) for run in runs)
                totals.append(total)
                if size == GOAL_LINES:
                    worst_seconds = max(worst_seconds, total * GOAL_LINES / changed)
                parts = ", ".join(f"{step} {value:.2f}" for step, value in steps.items())
                rows.append((f"{shape}, {changed:,} lines, {runs[0][1]:,} requests", f"{total:.2f} s ({parts})"))
            growth = (totals[-1] / totals[0]) ** (1 / (len(totals) - 1))
            worst_growth = max(worst_growth, growth)
            rows.append((f"{shape}: growth per doubling", f"{growth:.2f}"))
    print(machine())
    print(
        table(
            [
                *rows,
                verdict(f"slowest shape, seconds for {GOAL_LINES:,} lines", worst_seconds, GOAL_SECONDS),
                verdict("fastest growth per doubling (linear is 2)", worst_growth, GOAL_GROWTH),
            ]
        )
    )
    return 0 if worst_seconds <= GOAL_SECONDS and worst_growth <= GOAL_GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())
