"""A tiny GGUF file of a real architecture, and safetensors read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
import safetensors

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WIDTH, HIDDEN, LAYERS, HEADS, KV_HEADS, VOCABULARY = 64, 96, 2, 4, 2, 320
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
_Q8, _F32 = gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.F32

Arrays = dict[str, "NDArray[np.float32]"]


def tokens() -> list[str]:
    """256 bytes in GPT-2's spelling, two merged, and special ones at the end."""
    from reviewer.engine.models.gguf_tokenizer import _byte_alphabet

    alphabet = _byte_alphabet()
    plain = [alphabet[byte] for byte in range(256)] + ["ab", "Ġab"]
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>"]
    filling = [f"x{n}" for n in range(VOCABULARY - len(plain) - len(special))]
    return plain + filling + special


def arrays(architecture: str = "qwen2", seed: int = 0) -> Arrays:
    """Random weights, by GGUF's names; what Q8_0 can represent exactly is not demanded."""
    random = np.random.default_rng(seed)

    def some(*shape: int) -> NDArray[np.float32]:
        return random.normal(0, 0.05, shape).astype(np.float32)

    found = {"token_embd.weight": some(VOCABULARY, WIDTH), "output_norm.weight": some(WIDTH)}
    kv = WIDTH // HEADS * KV_HEADS
    for layer in range(LAYERS):
        shapes: dict[str, tuple[int, ...]] = {
            "attn_norm.weight": (WIDTH,),
            "ffn_norm.weight": (WIDTH,),
            "attn_q.weight": (WIDTH, WIDTH),
            "attn_k.weight": (kv, WIDTH),
            "attn_v.weight": (kv, WIDTH),
            "attn_output.weight": (WIDTH, WIDTH),
            "ffn_gate.weight": (HIDDEN, WIDTH),
            "ffn_up.weight": (HIDDEN, WIDTH),
            "ffn_down.weight": (WIDTH, HIDDEN),
        }
        if architecture == "qwen2":
            shapes |= {"attn_q.bias": (WIDTH,), "attn_k.bias": (kv,), "attn_v.bias": (kv,)}
        found |= {f"blk.{layer}.{name}": some(*shape) for name, shape in shapes.items()}
    return found


def write(path: Path, weights: Arrays, architecture: str = "qwen2", **changes: Any) -> Path:
    """Write a GGUF file: matrices in Q8_0, except ``exact`` ones, vectors in float32."""
    exact = changes.pop("exact", ())
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(256)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1_000_000.0)
    vocabulary = tokens()
    writer.add_tokenizer_model(changes.pop("model", "gpt2"))
    writer.add_tokenizer_pre(changes.pop("pre", "qwen2"))
    writer.add_token_list(vocabulary)
    writer.add_token_types([3 if token.startswith("<|") else 1 for token in vocabulary])
    writer.add_token_merges(["a b", "Ġ ab"])
    writer.add_eos_token_id(vocabulary.index("<|im_end|>"))
    writer.add_pad_token_id(vocabulary.index("<|endoftext|>"))
    template = changes.pop("template", TEMPLATE)
    if template is not None:
        writer.add_chat_template(template)
    for name, values in weights.items():
        kind = _F32 if values.ndim == 1 or name in exact else _Q8
        writer.add_tensor(name, gguf.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def stored(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a matrix is after a round trip through Q8_0."""
    return gguf.dequantize(gguf.quantize(values, _Q8), _Q8)


def load(folder: Path) -> dict[str, tuple[str, NDArray[Any]]]:
    """All tensors of a converted model by name: the dtype's name, and its values; bfloat16 as float32."""
    found = {}
    with safetensors.safe_open(folder / "model.safetensors", "np") as file:
        names = list(file.keys())
        kinds = {name: file.get_slice(name).get_dtype() for name in names}
    for name, tensor in safetensors.deserialize((folder / "model.safetensors").read_bytes()):
        raw, shape = tensor["data"], tensor["shape"]
        if kinds[name] == "BF16":
            values = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(raw, {"F32": "<f4", "I8": "i1", "I32": "<u4", "I64": "<i8"}[kinds[name]])
        found[name] = kinds[name], values.reshape(shape)
    return found
