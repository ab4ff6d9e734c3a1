"""What ``memory.py`` has measured, as tables, against the plan's figures of today."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from common import table
from sampling import alone

from reviewer.engine.models.safetensors import Weights
from reviewer.engine.models.shape import ModelShape
from reviewer.engine.planning.budget import Workload

if TYPE_CHECKING:
    from collections.abc import Mapping

GB = 10**9
MEDIAN, WORST = 0.10, 0.20

Result = dict[str, Any]


def grid(done: Mapping[str, Result]) -> int:
    """Every case, the errors' median and worst, and whether the goals are met; the exit code says so too."""
    print(f"{'case':<22} {'limit':>6} {'plan':>6} {'weight':>6} {'idle':>6} {'RSS':>6} {'error':>7}  outcome")
    errors, over = [], []
    for name, result in done.items():
        planned, weight = predict(result), peak(result)
        sizes = [result["limit"], planned, weight, peak(result, ("start", "idle")), result["measured"]["rss"]]
        row = " ".join(f"{size / GB:6.2f}" if size else f"{'-':>6}" for size in sizes)
        mark = "*" if result["case"]["held_out"] else ""
        print(f"{name + mark:<22} {row} {planned / weight - 1:>+7.1%}  {result['outcome'].splitlines()[0]}")
        if result["outcome"] == "loaded":
            errors.append(abs(planned / weight - 1))
            over += [name] if result["limit"] and (weight > result["limit"] or result["reductions"]) else []
    if not errors:
        return 1
    rows = [
        ("median error", f"{statistics.median(errors):.1%} (goal: at most {MEDIAN:.0%})"),
        ("worst error", f"{max(errors):.1%} (goal: at most {WORST:.0%})"),
        ("runs above max_memory_gb", ", ".join(over) or "none"),
    ]
    print("* held out while the budget's constants were set\n" + table(rows))
    return 0 if statistics.median(errors) <= MEDIAN and max(errors) <= WORST and not over else 1


def refused(done: Mapping[str, Result]) -> int:
    """Whether limits that are accepted hold, and those that are refused are too small.

    The kernel drops pages of libraries before it kills, and reads them again: an engine that weighs more than its limit
    where it has none may go on below it, ever slower. Too small is what kills it or lets it get nowhere.
    """
    print(f"{'case':<28} {'limit':>6} {'least':>6} {'weight':>6} {'kills':>6} {'faults':>7}  outcome")
    wrong = 0
    for name, result in done.items():
        sizes = [result["limit"], predict(result), peak(result)]
        row = " ".join(f"{size / GB:6.2f}" for size in sizes)
        print(f"{name:<28} {row} {result['kills']:>6} {result['faults']:>7}  {result['outcome'].splitlines()[0]}")
        too_small = bool(result["kills"]) or result["outcome"] != "loaded"
        wrong += (result["case"]["group"] < 1) != too_small
    return int(wrong > 0 or not done)


def switches(done: Mapping[str, Result]) -> int:
    """What each switch saves of the weight of an idle engine."""
    print(f"{'case':<28} {'idle':>6} {'saves':>6}  processes")
    base = next((peak(result, ("idle",)) for result in done.values()), 0)
    for name, result in done.items():
        weight = peak(result, ("idle",))
        rows = result["phases"].get("idle", {"processes": []})["processes"]
        parts = ", ".join(f"{row['role']} {row['pss'] / GB:.2f}" for row in rows)
        print(f"{name:<28} {weight / GB:6.2f} {(base - weight) / GB:+6.2f}  {parts}")
    return 0 if done else 1


def peak(result: Result, phases: tuple[str, ...] = ()) -> int:
    """The heaviest moment of these phases, of all where none is named."""
    chosen = [phase for name, phase in result["phases"].items() if not phases or name in phases]
    return max((alone(phase["processes"]) for phase in chosen if phase["processes"]), default=0)


def predict(result: Result) -> int:
    """The total of the plan under which it ran, with the budget's constants of today."""
    plan, facts = result["plan"], result["shape"]
    weights = Weights(facts["weights"]["float_elements"], facts["weights"]["packed_bytes"])
    workload = Workload(
        device="cpu",
        shape=ModelShape(**{**facts, "weights": weights}),
        weights=weights,
        dtype=plan["dtype"],
        max_model_len=plan["max_model_len"],
        max_num_seqs=plan["max_num_seqs"],
        max_num_batched_tokens=plan["max_num_batched_tokens"],
        forked=result["case"]["launcher"],
    )
    return workload.total_bytes(plan["kv_cache_bytes"])
