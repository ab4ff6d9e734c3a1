"""Models of random weights for ``memory.py``: written as a ``config.json`` alone, loaded with ``--load-format dummy``.

The dimensions are those of common small models, so that the proportions between weights, embedding, KV cache and
activations differ as they do in life: grouped queries of several ratios, large and small vocabularies, tied and not.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reviewer.engine.models import shape
from reviewer.engine.models.safetensors import Weights

if TYPE_CHECKING:
    from pathlib import Path

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json")


_CLASSES = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM",
}


def _config(family: str, layers: int, widths: tuple[int, int], heads: tuple[int, int], vocab: int, **more: Any) -> Any:
    (hidden, inner), (query, kv) = widths, heads
    return {
        "architectures": [_CLASSES[family]],
        "model_type": family,
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": query,
        "num_key_value_heads": kv,
        "intermediate_size": inner,
        "vocab_size": vocab,
        "max_position_embeddings": 8192,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 100000.0,
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "dtype": "bfloat16",
        **more,
    }


CONFIGS: dict[str, dict[str, Any]] = {
    "0.1B": _config("llama", 30, (576, 1536), (9, 3), 49152),
    "0.36B": _config("llama", 32, (960, 2560), (15, 5), 49152),
    "0.5B": _config("qwen2", 24, (896, 4864), (14, 2), 151936, use_sliding_window=False),
    "1.2B": _config("llama", 16, (2048, 8192), (32, 8), 128256, head_dim=64),
    "1.5B": _config("qwen2", 28, (1536, 8960), (12, 2), 151936, use_sliding_window=False),
    "1.7B": _config("llama", 24, (2048, 8192), (16, 8), 49152, head_dim=128, tie_word_embeddings=False),
    "0.5B experts": _config(
        "qwen3_moe", 12, (1024, 2048), (16, 4), 151936, head_dim=64, num_experts=16, num_experts_per_tok=4,
        moe_intermediate_size=512, decoder_sparse_step=1, norm_topk_prob=True, mlp_only_layers=[],
    ),
    "0.4B window": _config(
        "mistral", 24, (1024, 3584), (16, 4), 65536, head_dim=64, sliding_window=512,
        layer_types=["full_attention" if i % 4 == 3 else "sliding_attention" for i in range(24)],
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run.

    Attributes:
        slow: Plan as for a CPU without bfloat16 instructions: in float32.
        held_out: Not looked at while the constants of the budget were set.
        ceiling: ``max_memory_gb`` as a multiple of the least that any plan for this shape takes; None sets none.
        group: Run the smallest plan in a control group of this part of what it asks for at the least, so that the
            kernel is the judge; a part below 1 is a limit that the plan refuses. 0 runs no such thing.
        files: Load the installed model's own files, which are mapped while they are read, instead of random weights.
        launcher: Start it as reviewer does here; else by vLLM's own program, as elsewhere.
        env: Variables on top of the plan's.
        preload: A library to load before all others, beside the plan's; it stands for an allocator.
        idle: Weigh it when it has answered one request; no load.
    """

    name: str
    model: str
    context: int
    seqs: int | None = None
    slow: bool = False
    held_out: bool = False
    ceiling: float | None = None
    group: float = 0.0
    files: bool = False
    launcher: bool = True
    env: tuple[tuple[str, str], ...] = ()
    preload: str = ""
    idle: bool = False


GRID = (
    Case(name="0.1B-bf16-2k", model="0.1B", context=2048),
    Case(name="0.1B-bf16-2k-module", model="0.1B", context=2048, launcher=False),
    Case(name="0.36B-fp32-2k", model="0.36B", context=2048, seqs=8, slow=True),
    Case(name="1.2B-bf16-1k", model="1.2B", context=1024, seqs=8),
    Case(name="installed-8k", model="installed", context=8192, seqs=8, files=True),
    Case(name="0.5B-bf16-4k", model="0.5B", context=4096, seqs=4, held_out=True),
    Case(name="0.5B-experts-2k", model="0.5B experts", context=2048, seqs=8, held_out=True),
    Case(name="0.4B-window-4k", model="0.4B window", context=4096, seqs=8, held_out=True),
    Case(name="1.7B-bf16-2k-limit", model="1.7B", context=2048, seqs=4, ceiling=1.02, held_out=True),
    Case(name="0.36B-bf16-4k-limit", model="0.36B", context=4096, ceiling=1.05, held_out=True),
    Case(name="0.1B-fp32-8k", model="0.1B", context=8192, seqs=8, slow=True, held_out=True),
    Case(name="1.5B-bf16-2k", model="1.5B", context=2048, seqs=4, held_out=True),
    Case(name="0.5B-fp32-1k-module", model="0.5B", context=1024, seqs=4, slow=True, launcher=False, held_out=True),
)


# A limit that the plan accepts holds, and one that it refuses does not.
REFUSED = (
    Case(name="0.1B, bfloat16: all of it", model="0.1B", context=1024, group=1.0),
    Case(name="0.1B, bfloat16: 0.8", model="0.1B", context=1024, group=0.8),
    Case(name="0.1B, bfloat16: 0.7", model="0.1B", context=1024, group=0.7),
    Case(name="0.36B, bfloat16: all of it", model="0.36B", context=1024, group=1.0),
    Case(name="0.36B, bfloat16: 0.8", model="0.36B", context=1024, group=0.8),
    Case(name="0.36B, bfloat16: 0.7", model="0.36B", context=1024, group=0.7),
)

# The same engine with one thing changed; without the preload it takes the OpenMP that torch brings.
SWITCHES = tuple(
    Case(name=name, model="0.36B", context=2048, seqs=8, idle=True, launcher=name != "vLLM's own program", env=env)
    for name, env in (
        ("as planned", ()),
        ("vLLM's own program", ()),
        ("malloc in two arenas", (("MALLOC_ARENA_MAX", "2"),)),
        ("malloc: 1 MB and more apart", (("MALLOC_MMAP_THRESHOLD_", "1048576"),)),
        ("no plug-ins", (("VLLM_PLUGINS", ""),)),
        ("no preload", (("LD_PRELOAD", ""),)),
    )
)


def with_allocator(file: Path) -> Case:
    """The switch that is only there where the allocator is."""
    return replace(SWITCHES[0], name=file.name.split(".")[0], preload=str(file))


def shape_of(case: Case, installed: Path) -> shape.ModelShape:
    """The shape that a case plans for."""
    return shape.from_folder(installed) if case.files else measured_shape(case.model)


def measured_shape(name: str) -> shape.ModelShape:
    """The shape as if read from a folder with weight files in 16 bits."""
    bare = shape.from_config(CONFIGS[name])
    return shape.from_config(CONFIGS[name], weights=Weights(bare.parameters, 0))


def write(name: str, folder: Path, tokenizer: Path) -> Path:
    """Write what vLLM needs to load a model without weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIGS[name], indent=2), encoding="utf-8")
    for file in TOKENIZER_FILES:
        if (tokenizer / file).is_file():
            shutil.copyfile(tokenizer / file, folder / file)
    return folder
