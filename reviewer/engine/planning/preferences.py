"""What a plan prefers, before checking what fits: forms of the weights, context and concurrency."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.engine.models import catalog
from reviewer.engine.models.catalog import CatalogModel
from reviewer.engine.models.safetensors import Weights
from reviewer.engine.planning.budget import GB, Device, Workload
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from reviewer.engine.config import ModelConfig
    from reviewer.engine.models.shape import ModelShape
    from reviewer.engine.planning.hardware import Gpu, Hardware
    from reviewer.engine.planning.limits import Limit

# From the most accurate form to the smallest.
_RANK = {"none": 0, "fp8": 1, "int8": 2, "mxfp4": 3, "int4": 4}
_BATCHED_TOKENS = 2048  # vLLM's default on CPU, and on GPUs with less than 70 GB
_DEFAULT_CONTEXT = 8192
_AMPERE = (8, 0)  # the first GPUs with bfloat16


@dataclass(frozen=True, slots=True)
class Tier:
    """The default model's preferences from an amount of available memory on."""

    from_bytes: int
    quantization: str
    context: int


# Only preferences: a form that does not exist or does not fit is skipped.
TIERS = (Tier(32 * GB, "none", 8192), Tier(16 * GB, "mxfp4", 4096), Tier(0, "int4", 2048))


@dataclass(frozen=True, slots=True)
class Option:
    """One form of the weights in one dtype."""

    quantization: str
    dtype: str
    weights: Weights
    source: str

    @property
    def title(self) -> str:
        """Its name in messages."""
        return {"bfloat16": "bf16", "float32": "fp32"}.get(self.dtype, self.dtype) if self.plain else self.quantization

    @property
    def plain(self) -> bool:
        """Whether the weights are unquantized."""
        return self.quantization == "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What to try first, and what was ruled out.

    Attributes:
        options: Forms of the weights that can run on this machine, in the order to try.
        blocked: Forms without kernels for this machine.
        notes: Why a preferred form is not an option.
        forked: See ``Workload``.
    """

    name: str
    device: Device
    shape: ModelShape
    options: tuple[Option, ...]
    blocked: tuple[Option, ...]
    max_model_len: int
    max_num_seqs: int
    notes: tuple[str, ...]
    forked: bool = False

    def workload(self, option: Option, max_model_len: int, max_num_seqs: int) -> Workload:
        """A form with a context length and a concurrency."""
        return Workload(
            device=self.device, shape=self.shape, weights=option.weights, dtype=option.dtype,
            max_model_len=max_model_len, max_num_seqs=max_num_seqs,
            max_num_batched_tokens=max(_BATCHED_TOKENS, max_num_seqs), forked=self.forked,
        )  # fmt: skip


def preferences_for(
    hardware: Hardware, model: CatalogModel | ModelShape, config: ModelConfig, limit: Limit, *, forked: bool = False
) -> Preferences:
    """Collect what the plan tries."""
    known = model if isinstance(model, CatalogModel) else catalog.family(config.model_id)
    shape = model.shape if isinstance(model, CatalogModel) else model
    name = known.id if known is not None else config.model_id
    tier = _tier(known, limit)
    asked = "none" if config.quantization == "bf16" else config.quantization
    stored = _stored(model, name)
    best = min((form.quantization for form in stored), key=_RANK.__getitem__)
    preferred = asked if asked != "auto" else (tier.quantization if tier else best)
    notes: list[str] = []
    if isinstance(model, CatalogModel):
        notes += _unpublished(model, preferred)
    stored = _order(stored, preferred, exact=asked != "auto")
    why = "was requested" if asked != "auto" else f"is preferred with {byte_size(limit.tier_bytes)} available"
    if not any(form.quantization == preferred for form in stored):
        notes.append(_missing(preferred, stored, why))
    options: list[Option] = []
    blocked: list[Option] = []
    for form in stored:
        reason = _cannot_run(form, shape, hardware, limit)
        if reason:
            notes.append(reason)
        group = blocked if reason else options
        group += [dataclasses.replace(form, dtype=dtype) for dtype in _dtypes(form, hardware, limit)]
    length = config.max_model_len or (tier.context if tier else _DEFAULT_CONTEXT)
    if length > shape.max_position:
        notes.append(f"context {length} → {shape.max_position} tokens: the model's maximum")
        length = shape.max_position
    return Preferences(
        name=name, device=limit.device, shape=shape, options=tuple(options), blocked=tuple(blocked),
        max_model_len=length, max_num_seqs=config.max_num_seqs or _concurrency(shape, limit.device),
        notes=tuple(notes), forked=forked,
    )  # fmt: skip


def _tier(known: CatalogModel | None, limit: Limit) -> Tier | None:
    if known is None or known.id != catalog.DEFAULT:
        return None
    return next(tier for tier in TIERS if limit.tier_bytes >= tier.from_bytes)


def _stored(model: CatalogModel | ModelShape, name: str) -> list[Option]:
    if isinstance(model, CatalogModel):
        return [
            Option(form.quantization, model.shape.dtype, model.weights(form), form.source)
            for form in model.variants
            if form.published
        ]
    weights = model.weights or Weights(model.parameters, 0)
    return [Option(model.quantization, model.dtype, weights, name)]


def _unpublished(model: CatalogModel, preferred: str) -> list[str]:
    form = model.variant(preferred)
    if form is None or form.published:
        return []
    return [f"{_title(preferred)} would take {byte_size(form.bytes)} of weights, but is not officially published"]


def _order(stored: list[Option], preferred: str, *, exact: bool) -> list[Option]:
    """From the preferred form to smaller ones; a larger one only if there is no other."""
    ordered = sorted(stored, key=lambda form: _RANK[form.quantization])
    if exact and any(form.quantization == preferred for form in ordered):
        return [form for form in ordered if form.quantization == preferred]
    below = [form for form in ordered if _RANK[form.quantization] >= _RANK[preferred]]
    return below or ordered[-1:]


def _missing(preferred: str, stored: list[Option], why: str) -> str:
    first = stored[0]
    if _RANK[first.quantization] < _RANK[preferred]:
        return f"{_title(preferred)} {why}, but the smallest form is {_title(first.quantization)}"
    return f"{_title(preferred)} {why}, but the weights are {_title(first.quantization)}"


def _title(quantization: str) -> str:
    return "bf16" if quantization == "none" else quantization


def _cannot_run(form: Option, shape: ModelShape, hardware: Hardware, limit: Limit) -> str | None:
    """Whether quantized experts, for which vLLM 0.32 needs AMX on a CPU, cannot run."""
    if limit.device != "cpu" or not shape.experts or form.quantization == "none":
        return None
    if "amx_bf16" in hardware.cpu_flags:
        return None
    return f"{_title(form.quantization)} experts cannot run on this CPU: vLLM's kernel for them needs AMX"


def _dtypes(form: Option, hardware: Hardware, limit: Limit) -> tuple[str, ...]:
    """The dtypes to try, best first."""
    if limit.device == "metal":
        return ("bfloat16",)
    if limit.device == "cuda":
        return ("bfloat16",) if all(_has_bfloat16(gpu) for gpu in limit.gpus) else ("float16",)
    if hardware.fast_bfloat16 or form.quantization != "none":  # quantized kernels support 16 bits only
        return ("bfloat16",)
    # Emulated bfloat16 has a fifth of float32's speed, but half the size.
    return ("float32", "bfloat16")


def _has_bfloat16(gpu: Gpu) -> bool:
    return gpu.compute_capability >= _AMPERE or gpu.compute_capability == (0, 0)


def _concurrency(shape: ModelShape, device: Device) -> int:
    """Concurrent requests: as many as increase throughput."""
    if device == "cuda":
        return 64
    if device == "metal":
        return 16
    active = shape.active_parameters  # larger models gain less on CPU (measured at 0.1B: 32)
    return 32 if active < GB else 16 if active < 4 * GB else 8
