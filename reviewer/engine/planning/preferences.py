"""What a plan prefers, before checking what fits: forms of the weights, context and concurrency."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.engine.models import catalog
from reviewer.engine.models.catalog import CatalogModel
from reviewer.engine.models.folder_model import MODEL_TYPES
from reviewer.engine.models.forms import MOST_PARAMETERS
from reviewer.engine.models.safetensors import Weights
from reviewer.engine.planning.budget import GB, Device, Workload
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from reviewer.engine.config import ModelConfig
    from reviewer.engine.models.shape import ModelShape
    from reviewer.engine.planning.hardware import Gpu, Hardware
    from reviewer.engine.planning.limits import Limit

# The form that a model whose catalog entry allows it takes on a CPU, measured with 1.5 billion parameters on a Xeon
# (two cores; the last two with ``ONEDNN_MAX_CPU_ISA`` and ``ATEN_CPU_CAPABILITY``). Milliseconds of processor time for
# the matrices of one token and of 128: AMX bfloat16 256 and 490, int8 136 and 338; AVX-512 VNNI bfloat16 243 and
# 11,741, int8 135 and 930; AVX2 float32 544 and 4,720, int8 1,607 and 4,141. int4 gains for one token alone (82 and 571
# with AMX) and costs 3 to 9% of perplexity, int8 0.3%.
CPU_FORMS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"amx_int8"}), "int8"),
    (frozenset({"avx512_vnni"}), "int8"),
    (frozenset({"avx_vnni"}), "int8"),
    (frozenset(), "none"),
)
# From the most accurate form to the smallest.
_RANK = {"none": 0, "fp8": 1, "int8": 2, "mxfp4": 3, "int4": 4}
_BATCHED_TOKENS = 2048  # vLLM's default on CPU, and on GPUs with less than 70 GB
_DEFAULT_CONTEXT = 8192
_AVX512 = frozenset({"avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8"})
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
    """One form of the weights in one dtype; ``made`` if it is converted before the engine starts."""

    quantization: str
    dtype: str
    weights: Weights
    source: str
    made: bool = False

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
        notes: Why a preferred form is not an option; without any option, the last one says why.
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
    name = known.id if known is not None and not config.embedded else config.model_id
    tier = _tier(known, limit)
    asked = "none" if config.quantization == "bf16" else config.quantization
    stored = _stored(model, name, limit)
    preferred: str = asked
    if asked == "auto":
        preferred = tier.quantization if tier else _best(known, stored, hardware, limit)
        smaller = "int8" if known is not None and known.int8 else preferred
        stored = [form for form in stored if not form.made or form.quantization in (preferred, smaller)]
    length = config.max_model_len or (tier.context if tier else _DEFAULT_CONTEXT)
    notes: list[str] = []
    if length > shape.max_position:
        notes.append(f"context {length} → {shape.max_position} tokens: the model's maximum")
        length = shape.max_position
    if isinstance(model, CatalogModel):
        notes += _unpublished(model, preferred)
    stored = _order(stored, preferred, exact=asked != "auto")
    why = "was requested" if asked != "auto" else f"is preferred with {byte_size(limit.tier_bytes)} available"
    if not any(form.quantization == preferred for form in stored):
        notes.append(
            _missing(preferred, stored, why) + ("" if asked == "auto" else _why_not_made(preferred, shape, limit))
        )
    options: list[Option] = []
    blocked: list[Option] = []
    for form in stored:
        reason = _cannot_run(form, shape, hardware, limit)
        if reason:
            notes.append(reason)
        group = blocked if reason else options
        group += [dataclasses.replace(form, dtype=dtype) for dtype in _dtypes(form, hardware, limit)]
    return Preferences(
        name=name, device=limit.device, shape=shape, options=tuple(options), blocked=tuple(blocked),
        max_model_len=length, max_num_seqs=config.max_num_seqs or _concurrency(shape, limit.device),
        notes=tuple(notes), forked=forked,
    )  # fmt: skip


def _tier(known: CatalogModel | None, limit: Limit) -> Tier | None:
    if known is None or known.id != catalog.DEFAULT:
        return None
    return next(tier for tier in TIERS if limit.tier_bytes >= tier.from_bytes)


def _stored(model: CatalogModel | ModelShape, name: str, limit: Limit) -> list[Option]:
    """The forms that are published or installed, and those that can be made of them."""
    if isinstance(model, CatalogModel):
        shape = model.shape
        found = [
            Option(form.quantization, shape.dtype, model.weights(form), form.source)
            for form in model.variants
            if form.published
        ]
        plain = any(form.quantization == "none" for form in found)
        makeable: tuple[str, ...] = ("int8", "int4") if plain and _convertible(shape) else ()
    else:
        shape, makeable = model, model.forms
        found = [Option(shape.quantization, shape.dtype, shape.weights or Weights(shape.parameters, 0), name)]
    there = {form.quantization for form in found}
    return found + [
        Option(form, "bfloat16", _made_weights(shape, form), name, made=True)
        for form in makeable
        if form not in there and (limit.device == "cpu" or form == "none")
    ]


def _convertible(shape: ModelShape) -> bool:
    return shape.model_type in MODEL_TYPES and shape.parameters <= MOST_PARAMETERS


def _made_weights(shape: ModelShape, form: str) -> Weights:
    """The weights after a conversion (``quantize.py``): all matrices of the layers and the output in integers."""
    if form == "none":
        return Weights(shape.parameters, 0)
    matrix = shape.vocab * shape.hidden
    layers = shape.parameters - shape.embedding_elements
    # int4 has a scale of 16 bits and a zero point of 4 for every 32 weights.
    return Weights(matrix, matrix + int(layers * (1 if form == "int8" else (4 + 20 / 32) / 8)), integer_head=True)


def _best(known: CatalogModel | None, stored: list[Option], hardware: Hardware, limit: Limit) -> str:
    """The preferred form: for a CPU by the table, if the model allows it; otherwise the most accurate."""
    if known is not None and known.int8:
        form = "none"
        if limit.device == "cpu":
            form = next(form for flags, form in CPU_FORMS if flags <= hardware.cpu_flags)
        if any(there.quantization == form for there in stored):
            return form
    return min((form.quantization for form in stored if not form.made), key=_RANK.__getitem__)


def _why_not_made(preferred: str, shape: ModelShape, limit: Limit) -> str:
    """Why weights of 8 or 4 bit were not made of what there is."""
    if preferred not in ("int8", "int4"):
        return ""
    if limit.device != "cpu":
        return "; conversion is for CPUs only"
    if shape.parameters > MOST_PARAMETERS:
        return f"; models above {MOST_PARAMETERS / 1e9:.0f} billion parameters are not converted"
    return "" if shape.model_type in MODEL_TYPES else f"; models of the type {shape.model_type!r} are not converted"


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
    """Why vLLM 0.32 has no kernel for a form on this CPU."""
    plain_avx2 = "avx2" in hardware.cpu_flags and not hardware.cpu_flags & _AVX512
    if form.quantization == "int4" and limit.device == "cpu" and plain_avx2:
        return "int4 cannot run on this CPU: vLLM's kernels for it need AVX-512"
    if limit.device != "cpu" or form.quantization == "none" or "amx_bf16" in hardware.cpu_flags:
        return None
    if shape.experts:
        return f"{_title(form.quantization)} experts cannot run on this CPU: vLLM's kernel for them needs AMX"
    return "fp8 cannot run on this CPU: vLLM's kernel for it needs AMX" if form.quantization == "fp8" else None


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
