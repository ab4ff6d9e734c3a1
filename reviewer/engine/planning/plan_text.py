"""Formats a plan, and the hint if there is none, as plain text with bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.engine.config import EMBEDDED_MODELS
from reviewer.engine.models import catalog
from reviewer.engine.planning import embedded
from reviewer.engine.planning.budget import GB, BudgetItem
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.engine.planning.hardware import Hardware
    from reviewer.engine.planning.limits import Limit
    from reviewer.engine.planning.memory_plan import MemoryPlan
    from reviewer.engine.planning.preferences import Preferences

_BAR_WIDTH = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"


def describe(plan: MemoryPlan) -> str:
    """Headline, budget, choice, steps and advice; 80 columns except for long reasons."""
    free = max(0, plan.limit_bytes - plan.total_bytes)
    rows = [*plan.budget, BudgetItem("free", free)]
    lines = [
        f"{plan.model} on {plan.device}: {byte_size(plan.total_bytes)} of {byte_size(plan.limit_bytes)}",
        f"  limit: {plan.limit_reason}",
        *table(rows, plan.limit_bytes),
        f"{choice(plan)}",
    ]
    lines += [f"  {step}" for step in plan.steps]
    lines += [f"  advice: {line}" for line in plan.advice]
    return "\n".join(lines)


def choice(plan: MemoryPlan) -> str:
    """The choice in one line."""
    form = "unquantized" if plan.quantization == "none" else plan.quantization
    spread = f", on {plan.tensor_parallel} GPUs" if plan.tensor_parallel > 1 else ""
    return f"{form}, {plan.dtype}, {plan.max_model_len} tokens, {plan.max_num_seqs} at once{spread}"


def table(rows: Sequence[BudgetItem], whole: int) -> list[str]:
    """Budget rows with bars that share one scale."""
    width = max(len(row.name) for row in rows)
    return [f"  {row.name:<{width}} {byte_size(row.bytes):>9}  {bar(row.bytes, whole)}".rstrip() for row in rows]


def bar(part: int, whole: int) -> str:
    """A bar in eighths of a character, never empty for a positive part."""
    if whole <= 0 or part <= 0:
        return ""
    eighths = max(1, round(part / whole * _BAR_WIDTH * 8))
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def refusal_hint(
    hardware: Hardware,
    limit: Limit,
    wanted: Preferences,
    *,
    budget: Sequence[BudgetItem],
    inner: int,
    others: Sequence[MemoryPlan],
) -> str:
    """The smallest budget, why there is no smaller one, and what would help.

    ``inner`` is the part of the budget that must fit in one place; ``others`` are plans for other models.
    """
    needed = sum(row.bytes for row in budget)
    lines = table(budget, needed) if budget else []
    if wanted.options:
        lines += [f"  {note}" for note in wanted.notes]
    machine = hardware.available_bytes
    if wanted.options and limit.asked_bytes is not None and not limit.gpus and limit.bytes < needed < machine:
        lines.append(f"it would fit with max_memory_gb = {-(-needed // (GB // 10)) / 10:.1f}")
    if limit.device == "metal" and limit.inner_bytes is not None and limit.inner_bytes < inner < limit.bytes >= needed:
        lines.append(f"it would fit after: sudo sysctl iogpu.wired_limit_mb={-(-inner // 2**20)}")
    smaller = [plan for plan in others if plan.model != catalog.SMALLEST]
    if smaller:
        lines.append("these models would fit:")
        lines += [_other(plan) for plan in smaller]
    if others:
        lines.append(_embedded(hardware, limit, wanted.name))
    else:
        freed = "close other programs" if limit.asked_bytes is None else "raise max_memory_gb"
        lines.append(f"no model of the catalog fits; {freed}, or use a server elsewhere with engine.url")
    return "\n".join(lines)


def _other(plan: MemoryPlan) -> str:
    return f"  --model {plan.model}  ({choice(plan)}; {byte_size(plan.total_bytes)}{_licence(plan)})"


def _embedded(hardware: Hardware, limit: Limit, refused: str) -> str:
    """The largest embedded model that fits, and how to use it; a smaller one if that was refused."""
    chosen = embedded.choose(hardware, limit.bytes / GB, "cpu" if limit.device == "cpu" else "auto").name
    names = list(EMBEDDED_MODELS)
    if EMBEDDED_MODELS[chosen] == refused:
        chosen = names[min(names.index(chosen) + 1, len(names) - 1)]
    return f"without a model hub: --embedded={chosen}, in Python embedded={chosen!r}  ({embedded.TITLES[chosen]})"


def _licence(plan: MemoryPlan) -> str:
    """A restrictive licence, to be noticed before the model is installed."""
    known = catalog.get(plan.model)
    return "" if known is None or known.licence == "Apache-2.0" else f"; licence {known.licence}"
