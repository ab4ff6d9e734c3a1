from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import pytest

from reviewer.engine.models import safetensors, shape
from reviewer.engine.models.safetensors import Weights
from reviewer.errors import ModelDamagedError, ModelSourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONE = {"a": ("F32", [10], 40)}
LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 30,
    "hidden_size": 576,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "vocab_size": 49152,
    "intermediate_size": 1536,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": True,
    "dtype": "float32",
}
GPT_OSS = {
    "model_type": "gpt_oss",
    "num_hidden_layers": 24,
    "hidden_size": 2880,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "vocab_size": 201088,
    "intermediate_size": 2880,
    "max_position_embeddings": 131072,
    "num_local_experts": 32,
    "num_experts_per_tok": 4,
    "experts_per_token": 4,
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
    "quantization_config": {"quant_method": "mxfp4"},
    "torch_dtype": "bfloat16",
}


def write_tensors(path: Path, tensors: dict[str, tuple[str, list[int], int]], *, cut: int = 0) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, (dtype, sides, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": sides, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * (offset - cut))


def test_grouped_query_attention() -> None:
    model = shape.from_config(LLAMA)
    assert (model.layers, model.heads, model.kv_heads, model.head_dim) == (30, 9, 3, 64)
    assert model.kv_bytes(1000, 4) == 1000 * 2 * 3 * 64 * 4 * 30
    assert model.parameters == pytest.approx(134_515_008, rel=0.001)


def test_experts_and_sliding_windows() -> None:
    model = shape.from_config(GPT_OSS)
    assert (model.experts, model.active_experts, model.windowed_layers, model.full_layers) == (32, 4, 12, 12)
    assert model.quantization == "mxfp4"
    per_layer = 2 * 8 * 64 * 2
    assert model.kv_bytes(8192, 2) == per_layer * 12 * (8192 + 128)
    assert model.kv_bytes(100, 2) == per_layer * 24 * 100
    assert model.kv_bytes(8192, 2, chunk=2048) == per_layer * 12 * (8192 + 128 + 2048)
    assert model.parameters == pytest.approx(20.9e9, rel=0.01)
    assert model.active_parameters == pytest.approx(3.6e9, rel=0.01)


@pytest.mark.parametrize(
    ("change", "windowed"),
    [
        ({"sliding_window": 4096}, 30),  # Mistral, StarCoder2: every layer
        ({"sliding_window": 4096, "use_sliding_window": False, "max_window_layers": 21}, 0),  # Qwen2.5 as published
        ({"sliding_window": 4096, "use_sliding_window": True, "max_window_layers": 21}, 9),
        ({"sliding_window": 512, "sliding_window_pattern": 6}, 25),  # Gemma 3
        ({"sliding_window": None}, 0),
        ({}, 0),
    ],
)
def test_windowed_layers(change: dict[str, Any], windowed: int) -> None:
    assert shape.from_config({**LLAMA, **change}).windowed_layers == windowed


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"text_config": {"num_hidden_layers": 12}}, "layers", 12),
        ({"multi_query": True}, "kv_heads", 1),
        ({"kv_lora_rank": 512, "qk_rope_head_dim": 64}, "kv_elements_per_layer", 576),
        ({"layer_types": ["linear_attention"] * 20 + ["full_attention"] * 10}, "full_layers", 10),
        ({"num_experts": 128, "moe_intermediate_size": 768}, "intermediate", 768),
        ({"torch_dtype": "torch.bfloat16", "dtype": None}, "dtype", "bfloat16"),
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "quantization", "int4"),
        ({"quantization_config": {"quant_method": "fp8"}}, "quantization", "fp8"),
        (
            {
                "quantization_config": {
                    "quant_method": "compressed-tensors",
                    "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "int"}}},
                }
            },
            "quantization",
            "int8",
        ),
        (
            {
                "quantization_config": {
                    "quant_method": "compressed-tensors",
                    "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
                }
            },
            "quantization",
            "fp8",
        ),
    ],
)
def test_families(change: dict[str, Any], field: str, value: object) -> None:
    assert getattr(shape.from_config({**LLAMA, **change}), field) == value


@pytest.mark.parametrize("missing", ["num_hidden_layers", "hidden_size", "vocab_size", "max_position_embeddings"])
def test_a_missing_dimension_is_named(missing: str) -> None:
    fields = {key: value for key, value in LLAMA.items() if key != missing}
    with pytest.raises(ModelDamagedError, match=f"{missing} is missing"):
        shape.from_config(fields)


@pytest.mark.parametrize("value", [0, -1, "30", 3.5, True, [1]])
def test_invalid_dimension_is_an_error(value: object) -> None:
    with pytest.raises(ModelDamagedError, match="num_hidden_layers"):
        shape.from_config({**LLAMA, "num_hidden_layers": value})


def test_unknown_quantization_is_an_error() -> None:
    with pytest.raises(ModelSourceError, match="exl2"):
        shape.from_config({**LLAMA, "quantization_config": {"quant_method": "exl2", "bits": 3.0}})


def test_a_folder_with_one_file(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    write_tensors(tmp_path / "model.safetensors", {"a": ("F32", [10, 5], 200), "b": ("BF16", [4], 8)})
    found = shape.from_folder(tmp_path)
    assert found.weights == Weights(float_elements=54, packed_bytes=0)
    assert found.weights is not None
    assert found.weights.resident_bytes(2) == 108


def test_a_folder_with_an_index_counts_only_its_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(GPT_OSS), encoding="utf-8")
    write_tensors(tmp_path / "model-1.safetensors", {"blocks": ("U8", [90], 90)})
    write_tensors(tmp_path / "model-2.safetensors", {"norm": ("BF16", [5], 10)})
    write_tensors(tmp_path / "other.safetensors", {"norm": ("BF16", [500], 1000)})
    index = {"weight_map": {"blocks": "model-1.safetensors", "norm": "model-2.safetensors"}}
    (tmp_path / safetensors.INDEX).write_text(json.dumps(index), encoding="utf-8")
    assert safetensors.read(tmp_path) == Weights(float_elements=5, packed_bytes=90)


def test_a_second_copy_in_one_file_is_not_counted(tmp_path: Path) -> None:
    write_tensors(tmp_path / "model-1.safetensors", {"a": ("BF16", [4], 8)})
    write_tensors(tmp_path / "consolidated.safetensors", {"a": ("BF16", [4], 8)})
    assert safetensors.read(tmp_path) == Weights(float_elements=4, packed_bytes=0)


def _index(folder: Path, text: object) -> None:
    (folder / safetensors.INDEX).write_text(json.dumps(text), encoding="utf-8")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "config.json: cannot be read"),
    "config no json": (lambda folder: (folder / "config.json").write_text("{"), "not valid JSON"),
    "config a list": (lambda folder: (folder / "config.json").write_text("[]"), "not a JSON object"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "no safetensors file"),
    "cut short": (lambda folder: write_tensors(folder / "model.safetensors", ONE, cut=1), "bytes instead of"),
    "header too long": (
        lambda folder: (folder / "model.safetensors").write_bytes(struct.pack("<Q", 10**12) + b"{}"),
        "the header is longer than the file",
    ),
    "header no json": (
        lambda folder: (folder / "model.safetensors").write_bytes(struct.pack("<Q", 4) + b"{{{{"),
        "the header is invalid",
    ),
    "empty file": (
        lambda folder: (folder / "model.safetensors").write_bytes(b""),
        "the header is longer than the file",
    ),
    "index broken": (lambda folder: _index(folder, []), "the index of the weight files cannot be read"),
    "index names a missing file": (
        lambda folder: _index(folder, {"weight_map": {"a": "gone.safetensors"}}),
        "gone.safetensors: cannot be read",
    ),
    "index leaves the folder": (
        lambda folder: _index(folder, {"weight_map": {"a": "../secret.safetensors"}}),
        "outside the model's folder",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_a_typed_error_that_names_the_file(
    tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    write_tensors(tmp_path / "model.safetensors", ONE)
    shape.from_folder(tmp_path)  # undamaged
    damage(tmp_path)
    with pytest.raises(ModelDamagedError, match=message) as caught:
        shape.from_folder(tmp_path)
    assert str(tmp_path) in caught.value.message
    assert caught.value.hint
