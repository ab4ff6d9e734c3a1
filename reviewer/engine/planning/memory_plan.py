"""How a model fits a machine, as a value; ``plan.make_plan`` makes it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reviewer.engine.planning.budget import BudgetItem, Device


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """How a model fits.

    Attributes:
        model: The model's id or configured name.
        source: The source of weights in this form.
        quantization: none, mxfp4, int8, int4 or fp8.
        dtype: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
        max_model_len: Longest prompt and reply together, in tokens.
        kv_cache_bytes: The KV cache, over all GPUs.
        max_num_seqs: Requests decoded at once.
        max_num_batched_tokens: Tokens of one step.
        limit_bytes: The limit, which the plan's total does not exceed.
        limit_reason: What sets the limit.
        budget: The items of the total.
        gpu_memory_utilization: vLLM's share of each GPU; None elsewhere.
        tensor_parallel: GPUs that share the model.
        environment: Variables for the engine.
        steps: Every reduction, with its reason.
        advice: Other remarks for the user.
    """

    model: str
    source: str
    quantization: str
    dtype: str
    max_model_len: int
    kv_cache_bytes: int
    max_num_seqs: int
    max_num_batched_tokens: int
    device: Device
    limit_bytes: int
    limit_reason: str
    budget: tuple[BudgetItem, ...]
    gpu_memory_utilization: float | None = None
    tensor_parallel: int = 1
    environment: tuple[tuple[str, str], ...] = ()
    steps: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    @property
    def total_bytes(self) -> int:
        """The sum of the budget."""
        return sum(item.bytes for item in self.budget)

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON-ready values."""
        return {**dataclasses.asdict(self), "total_bytes": self.total_bytes}
