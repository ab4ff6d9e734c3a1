"""A GGUF file as a model of transformers' naming: its tensors, and ``config.json``.

The architectures are those of the embedded models: ``qwen2`` and ``llama``.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from reviewer.engine.models.quantize import EMBEDDING, HEAD, Tensor
from reviewer.errors import ModelSourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from reviewer.engine.models.gguf_file import GgufFile

_CLASSES = {"qwen2": "Qwen2ForCausalLM", "llama": "LlamaForCausalLM"}
_LAYER = re.compile(r"blk\.(\d+)\.([a-z_]+)\.(weight|bias)")
_IN_LAYER = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_OUTSIDE = {"token_embd.weight": EMBEDDING, "output.weight": HEAD, "output_norm.weight": "model.norm.weight"}
_LAYOUT = "5.0.0"  # of config.json: the first version that has rope_parameters
_LEFT_OUT = frozenset({"rope_freqs.weight"})  # follows from the configuration
_SAMPLED_ROWS = 8
_SAMPLES = 16
_ALIKE = 0.95  # correlation of two quantized copies of one matrix; that of two trained apart is near nought


class GgufModel:
    """The tensors and the configuration of a GGUF file.

    Args:
        file: The open file; the tensors are read from it later.

    Raises:
        ModelSourceError: Its architecture is not known, or something that it should hold is missing.
    """

    def __init__(self, file: GgufFile) -> None:
        self._file = file
        self._architecture = str(file.metadata.get("general.architecture"))
        if self._architecture not in _CLASSES:
            raise ModelSourceError(f"GGUF files of the architecture {self._architecture!r} cannot be converted")
        if "token_embd.weight" not in file.tensors:
            raise ModelSourceError(f"{file.path.name} holds no embedding")
        self.tied = "output.weight" not in file.tensors or self._alike()

    def tensors(self, *, tied: bool) -> Iterator[Tensor]:
        """All tensors.

        Files store a matrix that was trained as one for input and output twice, with different precision. Both are
        made from the better copy.

        Args:
            tied: Leave out the output layer where it is the embedding; otherwise it is there in any case.
        """
        shared = self._better() if self.tied else None
        for name in self._file.tensors:
            if name not in ("output.weight", *_LEFT_OUT):
                yield self._tensor(shared if shared and name == "token_embd.weight" else name, self._renamed(name))
        if not (tied and self.tied):
            yield self._tensor(shared or "output.weight", HEAD)

    def config(self, *, tied: bool) -> dict[str, Any]:
        """``config.json``, but for the number format.

        Args:
            tied: As for ``tensors``.

        Raises:
            ModelSourceError: The file lacks an entry.
        """
        metadata, key = self._file.metadata, self._key
        heads, width = key("attention.head_count"), key("embedding_length")
        theta = metadata.get(f"{self._architecture}.rope.freq_base", 10000.0)
        config: dict[str, Any] = {
            "architectures": [_CLASSES[self._architecture]],
            "model_type": self._architecture,
            "hidden_act": "silu",
            "hidden_size": width,
            "intermediate_size": key("feed_forward_length"),
            "num_hidden_layers": key("block_count"),
            "num_attention_heads": heads,
            "num_key_value_heads": metadata.get(f"{self._architecture}.attention.head_count_kv", heads),
            "max_position_embeddings": key("context_length"),
            "rms_norm_eps": _short(key("attention.layer_norm_rms_epsilon")),
            "rope_parameters": {"rope_type": "default", "rope_theta": _short(theta)},
            "vocab_size": self._file.tensors["token_embd.weight"].shape[0],
            "tie_word_embeddings": tied and self.tied,
            "use_cache": True,
            "transformers_version": _LAYOUT,
        }
        for name, entry in (("bos", "bos"), ("eos", "eos"), ("pad", "padding")):
            config[f"{name}_token_id"] = metadata.get(f"tokenizer.ggml.{entry}_token_id")
        if self._architecture == "llama":
            config |= {
                "attention_bias": "blk.0.attn_q.bias" in self._file.tensors,
                "mlp_bias": "blk.0.ffn_up.bias" in self._file.tensors,
                "head_dim": metadata.get("llama.rope.dimension_count", width // heads),
            }
        return config

    def _key(self, name: str) -> Any:
        try:
            return self._file.metadata[f"{self._architecture}.{name}"]
        except KeyError:
            raise ModelSourceError(f"{self._file.path.name} does not say its {self._architecture}.{name}") from None

    def _renamed(self, name: str) -> str:
        if name in _OUTSIDE:
            return _OUTSIDE[name]
        match = _LAYER.fullmatch(name)
        if match is None or match[2] not in _IN_LAYER:
            raise ModelSourceError(f"{self._file.path.name} holds the unknown tensor {name}")
        return f"model.layers.{match[1]}.{_IN_LAYER[match[2]]}.{match[3]}"

    def _tensor(self, name: str, target: str) -> Tensor:
        shape = self._file.tensors[name].shape
        read: Callable[[int, int], NDArray[np.float32]] = functools.partial(self._file.rows, name)
        if self._architecture == "llama" and re.search(r"\.attn_[qk]\.", name):
            heads = self._key("attention.head_count_kv" if ".attn_k." in name else "attention.head_count")
            read = _unpermuted(read, shape, heads)
        return Tensor(target, shape, read)

    def _better(self) -> str:
        copies = [name for name in ("output.weight", "token_embd.weight") if name in self._file.tensors]
        return max(copies, key=self._file.bits_per_weight)

    def _alike(self) -> bool:
        """Whether embedding and output layer were one matrix: rows from all over the vocabulary correlate."""
        import numpy as np

        if self._file.tensors["output.weight"].shape != self._file.tensors["token_embd.weight"].shape:
            return False
        height = self._file.tensors["output.weight"].shape[0]
        for start in range(0, height - _SAMPLED_ROWS + 1, max(1, height // _SAMPLES)):
            first, second = (
                self._file.rows(name, start, start + _SAMPLED_ROWS).ravel()
                for name in ("output.weight", "token_embd.weight")
            )
            norms = float(np.linalg.norm(first) * np.linalg.norm(second))
            if norms and float(first @ second) / norms < _ALIKE:
                return False
        return True


def _short(value: float) -> float:
    """GGUF stores 32-bit floats: 9.999999974752427e-07 was 1e-06."""
    return float(f"{value:.6g}")


def _unpermuted(
    read: Callable[[int, int], NDArray[np.float32]], shape: tuple[int, ...], heads: int
) -> Callable[[int, int], NDArray[np.float32]]:
    """Undo the order of rows that GGUF gives the rotated projections of ``llama``.

    Within a head of d rows, GGUF interleaves the two halves: its row 2i + j is row j * d/2 + i of transformers
    (``LlamaModel.permute`` in llama.cpp's converter). Matrices of this kind are small enough to be read whole.
    """
    import numpy as np

    height = shape[0]
    order = np.arange(height).reshape(heads, height // heads // 2, 2).swapaxes(1, 2).reshape(-1)

    def rows(start: int, stop: int) -> NDArray[np.float32]:
        if len(shape) == 1:
            return read(0, 1)[:, order]
        wanted = order[start:stop]
        low, high = int(wanted.min()), int(wanted.max()) + 1
        return read(low, high)[wanted - low]

    return rows
