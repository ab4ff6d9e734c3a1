"""GGUF files and model folders become safetensors that hold the same numbers, in each of the formats."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewer.engine.models import convert, gguf_file, quantize, safetensors
from reviewer.engine.models.gguf_file import GgufFile
from reviewer.engine.models.quantize import Tensor
from reviewer.errors import ModelDamagedError, ModelSourceError
from reviewer.terminal.progress import SILENT
from tests.engine.models import tiny

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Q_PROJ = "model.layers.1.self_attn.q_proj.weight"
GGUF_Q = "blk.1.attn_q.weight"
_FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False)


def _converted(tmp_path: Path, form: quantize.Format, weights: tiny.Arrays, **changes: Any) -> Path:
    source = tiny.write(tmp_path / "tiny.gguf", weights, **changes)
    convert.run(source, tmp_path / form, form, SILENT)
    return tmp_path / form


def _config(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config


def test_float32_holds_the_very_numbers(tmp_path: Path) -> None:
    weights = tiny.arrays()
    folder = _converted(tmp_path, "float32", weights)
    found = tiny.load(folder)
    assert np.array_equal(found[Q_PROJ][1], tiny.stored(weights[GGUF_Q]))
    assert np.array_equal(found["model.layers.0.self_attn.k_proj.bias"][1], weights["blk.0.attn_k.bias"])
    assert {kind for kind, _ in found.values()} == {"F32"}
    assert len(found) == len(weights)
    assert _config(folder)["tie_word_embeddings"] is True
    assert _config(folder)["dtype"] == "float32"
    assert safetensors.read(folder).float_elements == sum(values.size for values in weights.values())


def test_the_configuration_states_the_shape(tmp_path: Path) -> None:
    config = _config(_converted(tmp_path, "bfloat16", tiny.arrays()))
    assert config == {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_act": "silu",
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
        "vocab_size": 320,
        "tie_word_embeddings": True,
        "use_cache": True,
        "transformers_version": "5.0.0",
        "bos_token_id": None,
        "eos_token_id": 318,
        "pad_token_id": 316,
        "dtype": "bfloat16",
    }


def test_the_better_copy_of_a_tied_matrix_is_kept(tmp_path: Path) -> None:
    weights = tiny.arrays()
    weights["output.weight"] = weights["token_embd.weight"]
    found = tiny.load(_converted(tmp_path, "float32", weights, exact=("output.weight",)))
    assert np.array_equal(found[quantize.EMBEDDING][1], weights["output.weight"])
    assert quantize.HEAD not in found


def test_an_output_layer_of_its_own_stays(tmp_path: Path) -> None:
    weights = tiny.arrays()
    weights["output.weight"] = tiny.arrays(seed=1)["token_embd.weight"]
    folder = _converted(tmp_path, "float32", weights)
    found = tiny.load(folder)
    assert np.array_equal(found[quantize.EMBEDDING][1], tiny.stored(weights["token_embd.weight"]))
    assert np.array_equal(found[quantize.HEAD][1], tiny.stored(weights["output.weight"]))
    assert _config(folder)["tie_word_embeddings"] is False


def test_int8_is_near_and_keeps_an_output_layer(tmp_path: Path) -> None:
    weights = tiny.arrays()
    folder = _converted(tmp_path, "int8", weights)
    found = tiny.load(folder)
    for name, original in ((Q_PROJ, GGUF_Q), (quantize.HEAD, "token_embd.weight")):
        (kind, steps), (scale_kind, scale) = found[name], found[f"{name}_scale"]
        assert (kind, scale_kind, scale.shape) == ("I8", "F32", (steps.shape[0], 1))
        wanted = tiny.stored(weights[original])
        assert np.all(np.abs(steps * scale - wanted) <= scale * 0.501)
        assert np.array_equal(np.abs(steps).max(axis=1), np.full(len(steps), 127))
    assert {found[name][0] for name in (quantize.EMBEDDING, "model.norm.weight")} == {"BF16"}
    config = _config(folder)
    assert config["tie_word_embeddings"] is False
    assert config["quantization_config"]["config_groups"]["group_0"]["targets"] == ["Linear", "lm_head"]


def test_int4_is_near_and_packed_as_the_engine_reads_it(tmp_path: Path) -> None:
    weights = tiny.arrays()
    found = tiny.load(_converted(tmp_path, "int4", weights))
    stem = Q_PROJ.removesuffix("weight")
    packed, scale, zeros = (found[stem + name][1] for name in ("weight_packed", "weight_scale", "weight_zero_point"))
    assert (packed.shape, scale.shape, zeros.shape) == ((64, 8), (64, 2), (8, 2))
    assert found[stem + "weight_shape"][1].tolist() == [64, 64]
    assert found[f"{quantize.HEAD}_scale"][0] == "F32"
    places = np.arange(8, dtype=np.uint32) * 4
    steps = (packed[:, :, None] >> places & 15).reshape(64, 2, 32).astype(np.float32)
    zero = (zeros[:, None, :] >> places[None, :, None] & 15).reshape(64, 2, 1).astype(np.float32)
    back = ((steps - zero) * scale[:, :, None]).reshape(64, 64)
    error = np.abs(back - tiny.stored(weights[GGUF_Q])).reshape(64, 2, 32)
    assert np.all(error <= scale[:, :, None] * 1.05)  # half a step, and half of one for the zero point
    assert error.mean() < scale.mean() * 0.3


def test_the_rotated_projections_of_llama_get_their_order_back(tmp_path: Path) -> None:
    weights = tiny.arrays("llama")
    for name, heads in (("attn_q", tiny.HEADS), ("attn_k", tiny.KV_HEADS)):
        for layer in range(tiny.LAYERS):
            values = weights[f"blk.{layer}.{name}.weight"]
            height, width = values.shape  # as in convert_hf_to_gguf.py of llama.cpp, LlamaModel.permute
            turned = values.reshape(heads, 2, height // heads // 2, width).swapaxes(1, 2).reshape(height, width)
            weights[f"blk.{layer}.{name}.weight"] = np.ascontiguousarray(turned)
    plain = tiny.arrays("llama")
    folder = _converted(tmp_path, "float32", weights, architecture="llama")
    found = tiny.load(folder)
    assert np.array_equal(found[Q_PROJ][1], tiny.stored(plain[GGUF_Q]))
    assert np.array_equal(found["model.layers.0.self_attn.k_proj.weight"][1], tiny.stored(plain["blk.0.attn_k.weight"]))
    assert _config(folder)["head_dim"] == 16


def test_slices_do_not_change_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tiny.write(tmp_path / "tiny.gguf", tiny.arrays())
    for form in quantize.FORMATS:
        convert.convert(source, tmp_path / f"{form}-whole", form, lambda _done, _total: None)
    monkeypatch.setattr(quantize, "_SLICE", 1)
    for form in quantize.FORMATS:
        heard: list[tuple[int, ...]] = []
        convert.convert(source, tmp_path / f"{form}-sliced", form, lambda *bytes_, to=heard: to.append(bytes_))
        files = [tmp_path / f"{form}-{kind}" / "model.safetensors" for kind in ("whole", "sliced")]
        assert files[0].read_bytes() == files[1].read_bytes()
        assert heard == sorted(heard)
        assert heard[-1][0] == heard[-1][1]


def test_memory_stays_bounded(tmp_path: Path) -> None:
    """A matrix of 400 million numbers is never asked for as a whole."""
    asked: list[int] = []

    def rows(start: int, stop: int) -> NDArray[np.float32]:
        asked.append((stop - start) * 4096)
        return np.ones((stop - start, 4096), dtype=np.float32)

    quantize.write([Tensor("a_proj.weight", (1024 * 96, 4096), rows)], tmp_path / "x", "int8")
    assert max(asked) <= 1 << 20
    assert sum(asked) == 1024 * 96 * 4096


@pytest.mark.parametrize("name", ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "F16", "BF16"])
def test_blocks_are_decoded_as_the_format_defines(name: str, tmp_path: Path) -> None:
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    width = 512
    raw = np.random.default_rng(1).integers(0, 60, (40, width // elements * size), dtype=np.uint8)  # finite scales
    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "qwen2")
    writer.add_tensor("some.weight", raw, raw_dtype=kind)
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close):
        step()
    with GgufFile(tmp_path / "x.gguf") as file:
        assert file.tensors["some.weight"].shape == (40, width)
        wanted = gguf.dequantize(raw, kind)
        assert np.array_equal(file.rows("some.weight", 0, 40), wanted)
        assert np.array_equal(file.rows("some.weight", 7, 19), wanted[7:19])


@settings(deadline=None)
@given(st.lists(_FLOATS, min_size=1, max_size=64))
def test_bfloat16_is_the_nearest(numbers: list[float]) -> None:
    values = np.array([numbers], dtype=np.float32)
    found = quantize._bfloat16(values).astype(np.uint32)
    lower = values.view(np.uint32) >> 16  # towards zero
    with np.errstate(over="ignore", invalid="ignore"):
        exact = np.abs(values.astype(np.float64))
        below, above = (
            np.abs(((lower + n) << 16).astype(np.uint32).view(np.float32).astype(np.float64)) for n in (0, 1)
        )
        middle = (below + np.where(np.isinf(above), 2.0**128, above)) / 2
    up = (exact > middle) | ((exact == middle) & (lower % 2 == 1))
    assert np.array_equal(found, lower + up)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 6000), st.binary(min_size=1, max_size=9), st.booleans())
def test_a_damaged_header_is_reported_as_such(tmp_path: Path, place: int, junk: bytes, cut: bool) -> None:
    whole = tmp_path / "whole.gguf"
    if not whole.exists():
        tiny.write(whole, tiny.arrays())
    data = whole.read_bytes()
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(data[:place] if cut else data[:place] + junk + data[place + len(junk) :])
    try:
        with GgufFile(damaged) as file:
            assert not cut
            assert all(tensor.offset < len(data) for tensor in file.tensors.values())
    except ModelDamagedError:
        pass


def test_lengths_beyond_the_file_allocate_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    for tail in (struct.pack("<Q", 1 << 60), struct.pack("<QcIIQ", 1, b"k", 9, 8, 1 << 60)):
        path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + tail)
        with pytest.raises(ModelDamagedError, match="longer than the file"):
            GgufFile(path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"architecture": "bert"}, "architecture 'bert' cannot be converted"),
        ({"pre": "gpt-4o"}, "rule 'gpt-4o' cannot be converted"),
        ({"model": "llama"}, "kind 'llama'"),
        ({"template": None}, "no chat template"),
    ],
)
def test_what_cannot_be_converted_is_refused_and_leaves_nothing(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelSourceError, match=reason):
        _converted(tmp_path, "int8", tiny.arrays(), **changes)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.gguf"]


def test_an_unknown_tensor_is_refused(tmp_path: Path) -> None:
    weights = tiny.arrays() | {"blk.0.ffn_gate_exps.weight": np.zeros((32, 64), dtype=np.float32)}
    with pytest.raises(ModelSourceError, match=r"unknown tensor blk\.0\.ffn_gate_exps\.weight"):
        _converted(tmp_path, "int8", weights)


def test_progress_counts_numbers(tmp_path: Path) -> None:
    class Heard:
        amounts: list[tuple[float, float | None, str]] = []  # noqa: RUF012

        def step(self, message: str) -> None:
            assert message == "converting the model to int8"

        def advance(self, done: float, total: float | None, unit: str = "") -> None:
            self.amounts.append((done, total, unit))

    weights = tiny.arrays()
    convert.run(tiny.write(tmp_path / "tiny.gguf", weights), tmp_path / "out", "int8", Heard())
    total = sum(values.size for values in weights.values()) + weights["token_embd.weight"].size
    assert Heard.amounts[-1] == (total, total, "weights")


def test_a_folder_is_quantized_as_the_file_that_it_came_from(tmp_path: Path) -> None:
    weights = tiny.arrays()
    floats = _converted(tmp_path, "float32", weights)
    convert.run(floats, tmp_path / "from-folder", "int8", SILENT)
    convert.run(tmp_path / "tiny.gguf", tmp_path / "from-file", "int8", SILENT)
    found, wanted = tiny.load(tmp_path / "from-folder"), tiny.load(tmp_path / "from-file")
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[name][1], wanted[name][1]) for name in wanted)
    assert _config(tmp_path / "from-folder") == _config(tmp_path / "from-file")
    names = {path.name for path in (tmp_path / "from-file").iterdir()}
    assert {path.name for path in (tmp_path / "from-folder").iterdir()} == names


def test_a_folder_that_is_quantized_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    folder = _converted(tmp_path, "int8", tiny.arrays())
    with pytest.raises(ModelSourceError, match="is quantized already"):
        convert.run(folder, tmp_path / "again", "int8", SILENT)
    (folder / "config.json").write_text('{"model_type": "mixtral"}', encoding="utf-8")
    with pytest.raises(ModelSourceError, match="'mixtral' cannot be quantized"):
        convert.run(folder, tmp_path / "again", "int8", SILENT)


def test_the_tokenizer_encodes_and_decodes(tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    folder = _converted(tmp_path, "bfloat16", tiny.arrays())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    names = tiny.tokens()
    encoded = tokenizer.encode("<|fim_prefix|>c ab\u00e9<|im_end|>", add_special_tokens=False)
    assert [names[i] for i in encoded.ids] == ["<|fim_prefix|>", "c", "Ġab", "Ã", "©", "<|im_end|>"]
    assert tokenizer.decode(encoded.ids) == "c abé"
    settings_file = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert (settings_file["eos_token"], settings_file["pad_token"]) == ("<|im_end|>", "<|endoftext|>")
    assert (folder / "chat_template.jinja").read_text(encoding="utf-8") == tiny.TEMPLATE


def test_reading_takes_no_library_that_the_hook_does_not_have() -> None:
    import subprocess
    import sys

    code = "import sys, reviewer.engine.models.embedded, reviewer.engine.models.convert; print('numpy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "False"
    assert gguf_file.__doc__
