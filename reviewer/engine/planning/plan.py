"""The memory plan: in what form a model fits this machine, and how to start the engine.

``make_plan`` is a pure function of the hardware, the model and the configuration. It tries the preferred form and
reduces, in this order, quantization, context length and concurrent requests; every step is recorded with its reason.
A smaller model is suggested but never used silently. If nothing fits, it raises an error with numbers.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reviewer.engine.models import catalog
from reviewer.engine.planning import fit, launch, plan_text
from reviewer.engine.planning.budget import BudgetItem, host_bytes
from reviewer.engine.planning.fit import Fit, Miss
from reviewer.engine.planning.limits import GPU_SHARE_LEAST, Limit, limit_for
from reviewer.engine.planning.memory_plan import MemoryPlan
from reviewer.engine.planning.preferences import preferences_for
from reviewer.errors import InsufficientMemoryError
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from reviewer.engine.config import ModelConfig
    from reviewer.engine.models.catalog import CatalogModel
    from reviewer.engine.models.shape import ModelShape
    from reviewer.engine.planning.hardware import Hardware
    from reviewer.engine.planning.preferences import Preferences

__all__ = ["BudgetItem", "MemoryPlan", "PlanRefusedError", "make_plan"]

_ALTERNATIVES = 2


class PlanRefusedError(InsufficientMemoryError):
    """No plan fits.

    Attributes:
        needed_bytes: Memory of the smallest plan.
        limit_bytes: Available memory.
        budget: The smallest plan's budget.
        alternatives: Ids of catalog models that would fit.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str,
        needed_bytes: int,
        limit_bytes: int,
        budget: tuple[BudgetItem, ...],
        alternatives: tuple[str, ...],
    ) -> None:
        super().__init__(message, hint=hint)
        self.needed_bytes = needed_bytes
        self.limit_bytes = limit_bytes
        self.budget = budget
        self.alternatives = alternatives


def make_plan(
    hardware: Hardware, model: CatalogModel | ModelShape, config: ModelConfig, *, vllm_version: str = ""
) -> MemoryPlan:
    """Fit a model to a machine.

    Args:
        hardware: The machine.
        model: A model of the catalog, or the measured shape of an installed folder (``shape.from_folder``), for which
            no other quantization is tried.
        config: The configuration; ``max_memory_gb`` is a hard limit, the rest are preferences.
        vllm_version: Version of the vLLM to start, which decides whether ``launch.server_command`` uses the launcher.
            Without it the plan is for vLLM's own program.

    Raises:
        PlanRefusedError: Nothing fits.
        ConfigError: The configured device does not exist.
    """
    limit = limit_for(hardware, config)
    forked = launch.forks(vllm_version, limit.device, hardware.system)
    wanted = preferences_for(hardware, model, config, limit, forked=forked)
    found = fit.search(wanted, limit)
    if isinstance(found, Fit):
        return _plan(hardware, wanted, limit, found)
    if config.quantization != "auto":
        free = preferences_for(hardware, model, dataclasses.replace(config, quantization="auto"), limit, forked=forked)
        instead = fit.search(free, limit)
        if isinstance(instead, Fit):
            steps = dict.fromkeys((*_why_stepped_down(config, wanted, limit, found), *instead.steps))
            return _plan(hardware, free, limit, dataclasses.replace(instead, steps=tuple(steps)))
    raise _refusal(hardware, config, wanted, limit, found)


def _why_stepped_down(config: ModelConfig, wanted: Preferences, limit: Limit, miss: Miss) -> tuple[str, ...]:
    """Why the weights do not get the requested form."""
    if not wanted.options or miss.nearest is None:
        return wanted.notes
    needed, there = byte_size(fit.least_bytes(miss.nearest)), byte_size(fit.ceiling(miss.nearest, limit))
    return (*wanted.notes, f"{config.quantization} was requested and does not fit: {needed} needed, {there} available")


def _plan(hardware: Hardware, wanted: Preferences, limit: Limit, found: Fit) -> MemoryPlan:
    load = found.workload
    return MemoryPlan(
        model=wanted.name, source=found.option.source, quantization=found.option.quantization, dtype=found.option.dtype,
        max_model_len=load.max_model_len, kv_cache_bytes=found.kv_bytes, max_num_seqs=load.max_num_seqs,
        max_num_batched_tokens=load.max_num_batched_tokens, device=limit.device, limit_bytes=limit.bytes,
        limit_reason=limit.reason, budget=load.items(found.kv_bytes), gpu_memory_utilization=found.gpu_share,
        tensor_parallel=load.gpus, environment=_environment(hardware, limit, found), steps=found.steps,
        advice=_advice(hardware, limit),
    )  # fmt: skip


def _environment(hardware: Hardware, limit: Limit, found: Fit) -> tuple[tuple[str, str], ...]:
    if limit.device == "cpu":
        return launch.cpu_environment(hardware.cpu_cores, hardware.visible_cores)
    if limit.device == "metal":  # its default is 0.90 of what the GPU may use; not measured
        usable = hardware.wired_limit_bytes or hardware.total_bytes
        share = min(0.9, max(GPU_SHARE_LEAST, found.workload.inner_bytes(found.kv_bytes) / usable))
        return (("VLLM_METAL_MEMORY_FRACTION", f"{share:.2f}"),)
    return launch.gpu_environment(limit.gpus, found.workload.gpus)


def _advice(hardware: Hardware, limit: Limit) -> tuple[str, ...]:
    if limit.device == "cuda" and hardware.available_bytes < host_bytes():
        needed, there = byte_size(host_bytes()), byte_size(hardware.available_bytes)
        return (f"besides GPU memory the engine needs about {needed} of main memory; {there} are available",)
    return ()


def _refusal(
    hardware: Hardware, config: ModelConfig, wanted: Preferences, limit: Limit, miss: Miss
) -> PlanRefusedError:
    load = miss.nearest
    needed = fit.least_bytes(load) if load else 0
    there = fit.ceiling(load, limit) if load else limit.bytes
    budget = load.items(load.kv_least_bytes) if load else ()
    inner = load.inner_bytes(load.kv_least_bytes) if load else 0
    numbers = f"it needs at least {byte_size(needed)}, the limit is {byte_size(there)} ({limit.reason})"
    if limit.inner_bytes is not None and needed <= there and inner > limit.inner_bytes:
        needed, there = inner, limit.inner_bytes
        numbers = f"it needs {byte_size(inner)} in one place, {limit.inner_reason} {byte_size(there)}"
    if wanted.options:
        message = f"{wanted.name} does not fit: {numbers}"
    elif needed > there:
        message = f"{wanted.name} does not fit: {numbers}; also, {wanted.notes[-1]}"
    else:
        message = f"{wanted.name} cannot run on this machine: {wanted.notes[-1]} (memory suffices: {byte_size(needed)})"
    others = _alternatives(hardware, config, fit.least_bytes(load) if load else 0, forked=wanted.forked)
    return PlanRefusedError(
        message,
        hint=plan_text.refusal_hint(hardware, limit, wanted, budget=budget, inner=inner, others=others),
        needed_bytes=needed,
        limit_bytes=there,
        budget=budget,
        alternatives=tuple(plan.model for plan in others),
    )


def _alternatives(hardware: Hardware, config: ModelConfig, needed: int, *, forked: bool) -> tuple[MemoryPlan, ...]:
    """The largest catalog models that fit instead; the embedded one only if no other does."""
    refused = catalog.get(config.model_id)
    found: list[MemoryPlan] = []
    for model in catalog.models():
        if model is refused or (model.id == catalog.SMALLEST and found) or len(found) == _ALTERNATIVES:
            continue
        free = dataclasses.replace(
            config, model=model.id, embedded=False, quantization="auto", max_model_len=None, max_num_seqs=None
        )
        limit = limit_for(hardware, free)
        wanted = preferences_for(hardware, model, free, limit, forked=forked)
        fitting = fit.search(wanted, limit)
        if isinstance(fitting, Fit) and fitting.workload.total_bytes(fitting.kv_bytes) < max(needed, limit.bytes + 1):
            found.append(_plan(hardware, wanted, limit, fitting))
    return tuple(found)
