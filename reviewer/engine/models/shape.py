"""The shape of a model, read from its ``config.json`` and the headers of its weight files.

It determines the memory for the weights and for each token in the KV cache. Model families use different names in
``config.json``, so fields have aliases.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer.engine.models import safetensors
from reviewer.errors import ModelDamagedError, ModelSourceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reviewer.engine.models.safetensors import Weights

DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}

_ALIASES: dict[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "hidden": ("hidden_size", "n_embd", "d_model", "dim"),
    "heads": ("num_attention_heads", "n_head", "n_heads"),
    "kv_heads": ("num_key_value_heads", "n_head_kv", "n_kv_heads", "num_kv_heads"),
    "head_dim": ("head_dim",),
    "vocab": ("vocab_size",),
    "intermediate": ("intermediate_size", "n_inner", "ffn_dim", "hidden_dim"),
    "max_position": ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length"),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts"),
    "active_experts": ("num_experts_per_tok", "experts_per_token", "num_experts_per_token"),
    "expert_intermediate": ("moe_intermediate_size",),
}
_NO_KV_LAYERS = frozenset({"linear_attention", "mamba", "mamba2", "conv", "recurrent"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """The dimensions of a decoder.

    Attributes:
        layers: All layers.
        hidden: Width of the residual stream.
        heads: Query heads of a layer.
        kv_heads: Key and value heads of a layer; fewer than ``heads`` with grouped-query attention.
        intermediate: Width of the feed-forward part, or of one expert.
        experts: Experts of a layer; 0 for a dense model.
        active_experts: Experts used for each token.
        sliding_window: Tokens that a windowed layer attends to; None without windowed layers.
        windowed_layers: Layers with a sliding window.
        stateful_layers: Layers without a KV cache (linear attention, convolutions).
        latent_dim: Numbers per token and layer in the cache of multi-head latent attention; 0 without it.
        tied: Whether the embedding is also the output matrix.
        dtype: The dtype in the configuration.
        quantization: How the weights are stored: none, mxfp4, int8, int4 or fp8.
        weights: The measured weight files; None for a shape from the catalog.
        model_type: The family, from ``config.json``.
        forms: Other quantizations that the model's files can be converted to.
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    intermediate: int
    max_position: int
    tied: bool = False
    experts: int = 0
    active_experts: int = 0
    sliding_window: int | None = None
    windowed_layers: int = 0
    stateful_layers: int = 0
    latent_dim: int = 0
    dtype: str = "bfloat16"
    quantization: str = "none"
    weights: Weights | None = None
    model_type: str = ""
    forms: tuple[str, ...] = ()

    @property
    def kv_elements_per_layer(self) -> int:
        """Numbers in one layer's cache for one token: a key and a value for each KV head."""
        return self.latent_dim or 2 * self.kv_heads * self.head_dim

    @property
    def full_layers(self) -> int:
        """Layers whose KV cache grows with every token."""
        return self.layers - self.windowed_layers - self.stateful_layers

    def kv_bytes(self, tokens: int, dtype_bytes: int, *, chunk: int = 0) -> int:
        """KV cache of one sequence.

        Args:
            tokens: Its length.
            dtype_bytes: Bytes of one number.
            chunk: Tokens prefilled in one step; vLLM caches the window and the chunk of a windowed layer.
        """
        windowed = min(tokens, (self.sliding_window or tokens) + chunk)
        per_layer = self.kv_elements_per_layer * dtype_bytes
        return per_layer * (self.full_layers * tokens + self.windowed_layers * windowed)

    @property
    def embedding_elements(self) -> int:
        """Numbers in the embedding and the output matrix, which quantized models do not quantize."""
        return self.vocab * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """Parameters of a decoder with gated feed-forward layers, without norms and biases (below 0.1%)."""
        return self.embedding_elements + self.layers * (self._attention + max(1, self.experts) * self._feed_forward)

    @property
    def active_parameters(self) -> int:
        """Parameters used for each token, without the embedding look-up."""
        active = self.active_experts if self.experts else 1
        return self.vocab * self.hidden + self.layers * (self._attention + active * self._feed_forward)

    @property
    def _attention(self) -> int:
        router = self.hidden * self.experts
        return self.hidden * self.head_dim * (2 * self.heads + 2 * self.kv_heads) + router

    @property
    def _feed_forward(self) -> int:
        return 3 * self.hidden * self.intermediate


def from_folder(folder: Path) -> ModelShape:
    """Read a model folder.

    Raises:
        ModelDamagedError: ``config.json`` or a weight file is missing or invalid.
        ModelSourceError: The weights are quantized in an unsupported way.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelDamagedError(f"{path}: cannot be read", hint=_HINT) from error
    except ValueError as error:
        raise ModelDamagedError(f"{path}: not valid JSON", hint=_HINT) from error
    if not isinstance(config, dict):
        raise ModelDamagedError(f"{path}: not a JSON object", hint=_HINT)
    return from_config(config, source=str(path), weights=safetensors.read(folder))


_HINT = "reviewer model verify lists every damaged file"


def from_config(
    config: Mapping[str, Any], *, source: str = "config.json", weights: Weights | None = None
) -> ModelShape:
    """Read the object in a ``config.json``, or the text part of a multimodal model's.

    Raises:
        ModelDamagedError: A dimension is missing or not a positive integer.
        ModelSourceError: The weights are quantized in an unsupported way.
    """
    text = config.get("text_config")
    fields = {**config, **text} if isinstance(text, dict) else config
    read = _Reader(fields, source)
    layers, heads, hidden = read.required("layers"), read.required("heads"), read.required("hidden")
    experts = read.optional("experts") or 0
    dense = read.optional("intermediate") or 4 * hidden
    kinds = _layer_kinds(fields, layers)
    window = read.window()
    windowed = kinds.count("sliding_attention") if window else 0
    return ModelShape(
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=1 if fields.get("multi_query") is True else read.optional("kv_heads") or heads,
        head_dim=read.optional("head_dim") or max(1, hidden // heads),
        vocab=read.required("vocab"),
        intermediate=(read.optional("expert_intermediate") or dense) if experts else dense,
        max_position=read.required("max_position"),
        tied=fields.get("tie_word_embeddings") is True,
        experts=experts,
        active_experts=read.optional("active_experts") or 0,
        sliding_window=window if windowed else None,
        windowed_layers=windowed,
        stateful_layers=sum(kind in _NO_KV_LAYERS for kind in kinds),
        latent_dim=read.latent_dim(),
        dtype=str(fields.get("dtype") or fields.get("torch_dtype") or "float32").removeprefix("torch."),
        quantization=_quantization(config, source),
        weights=weights,
        model_type=str(config.get("model_type", "")),
    )


class _Reader:
    """Reads numbers by alias; errors name the file."""

    def __init__(self, fields: Mapping[str, Any], source: str) -> None:
        self._fields = fields
        self._source = source

    def optional(self, name: str) -> int | None:
        for alias in _ALIASES[name]:
            value = self._fields.get(alias)
            if value is not None:
                return self._positive(alias, value)
        return None

    def required(self, name: str) -> int:
        value = self.optional(name)
        if value is None:
            raise ModelDamagedError(f"{self._source}: {_ALIASES[name][0]} is missing", hint=_HINT)
        return value

    def window(self) -> int | None:
        value = self._fields.get("sliding_window")
        if value is None or self._fields.get("use_sliding_window") is False:
            return None
        return self._positive("sliding_window", value)

    def latent_dim(self) -> int:
        rank, rope = self._fields.get("kv_lora_rank"), self._fields.get("qk_rope_head_dim")
        if rank is None or rope is None:
            return 0
        return self._positive("kv_lora_rank", rank) + self._positive("qk_rope_head_dim", rope)

    def _positive(self, alias: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ModelDamagedError(f"{self._source}: {alias} is {value!r}, not a positive integer", hint=_HINT)
        return value


def _layer_kinds(fields: Mapping[str, Any], layers: int) -> list[str]:
    """The kind of each layer: listed, every n-th, from a layer on, or all alike."""
    named = fields.get("layer_types") or fields.get("layers_block_type")
    if isinstance(named, list) and len(named) == layers:
        return [str(kind) for kind in named]
    pattern = fields.get("sliding_window_pattern")
    if isinstance(pattern, int) and pattern > 1:  # Gemma: every n-th layer has full attention
        return ["full_attention" if (i + 1) % pattern == 0 else "sliding_attention" for i in range(layers)]
    first = fields.get("max_window_layers")
    if isinstance(first, int) and "use_sliding_window" in fields:  # Qwen2: full attention up to this layer
        return ["full_attention" if i < first else "sliding_attention" for i in range(layers)]
    return ["sliding_attention"] * layers


def _quantization(config: Mapping[str, Any], source: str) -> str:
    stored = config.get("quantization_config")
    if not isinstance(stored, dict):
        return "none"
    method = str(stored.get("quant_method", "")).lower()
    if method in {"mxfp4", "gpt_oss_mxfp4"}:
        return "mxfp4"
    if "fp8" in method:
        return "fp8"
    groups = stored.get("config_groups")
    described = (
        [group.get("weights") for group in groups.values() if isinstance(group, dict)]
        if isinstance(groups, dict)
        else []
    )
    parts = [part for part in (stored, *described) if isinstance(part, dict)]
    bits = {part[key] for part in parts for key in ("bits", "w_bit", "num_bits") if isinstance(part.get(key), int)}
    if bits == {8} and any(part.get("type") == "float" for part in parts):
        return "fp8"
    if bits and bits <= {4, 8}:  # some layers, such as the output, may have 8 of otherwise 4
        return f"int{min(bits)}"
    raise ModelSourceError(
        f"{source}: the quantization {method or 'without a method'} is not supported",
        hint="supported: mxfp4, fp8, and 4 or 8 bit integers by AWQ, GPTQ or compressed-tensors",
    )
