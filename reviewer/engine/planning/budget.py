"""Predicts the memory of an engine, item by item.

A short, conservative prediction. The constants were measured with vLLM 0.32.0 on CPU (x86-64 with AVX-512 BF16,
2 cores, eager, explicit KV cache) by ``bench/memory.py``: the peak of the whole process tree including the supervisor,
from its start through a full step of prompts and a full cache of grammars, with shared pages counted once. Constants
for GPUs and Apple silicon are from documentation, as their comments note.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from reviewer.engine.models.shape import DTYPE_BYTES, ModelShape

if TYPE_CHECKING:
    from reviewer.engine.models.safetensors import Weights

Device = Literal["cpu", "cuda", "metal"]

MB = 10**6
GB = 10**9

# The supervisor, which includes itself when it checks the limit.
SUPERVISOR_BYTES = 16 * MB
# The two processes of ``launcher.py`` before they load a model. The scheduler is forked off the API server, so imported
# pages are shared until one of them writes to them; each figure includes half of the shared pages. The second was 420
# to 620 MB in eleven runs, almost independent of the model. Up to 0.2 GB are holes in glibc's heap from packing the
# weights; mapping every block of 1 MB (``bench/memory.py --switches``) avoids them, but slows prefill by a quarter.
FORKED_SERVER_BYTES = 612 * MB
FORKED_CORE_BYTES = 560 * MB
# The private memory of the processes of vLLM's own program, and the libraries that all of them map.
API_SERVER_BYTES = 560 * MB
ENGINE_CORE_BYTES = 540 * MB
TRACKER_BYTES = 6 * MB
WORKER_BYTES = 680 * MB
LIBRARY_BYTES = 205 * MB
# Compiled grammars of reply schemas: vLLM's cache in the engine core, which is set to this size (a review of sixty
# units fills its default of 512 MiB), and those of running requests, with a row of bits and indices for every token of
# the vocabulary (7.07 MB each at 49152 tokens).
GRAMMAR_CACHE_MIB = 128
GRAMMAR_BYTES_PER_TOKEN = 144
# Tokenizers are in both processes, and the figures above are for SmolLM2's vocabulary. Measured with Qwen2.5-Coder-1.5B
# in int8, whose vocabulary is three times as large: 0.30 GB more in the API server, 0.07 GB in the scheduler.
VOCABULARY_MEASURED = 49_152
TOKENIZER_BYTES_PER_TOKEN = 4_000
_PROCESS_BYTES = SUPERVISOR_BYTES + API_SERVER_BYTES + ENGINE_CORE_BYTES + TRACKER_BYTES + WORKER_BYTES + LIBRARY_BYTES
_FORKED_BYTES = SUPERVISOR_BYTES + FORKED_SERVER_BYTES + FORKED_CORE_BYTES
# CUDA context, kernels and graphs of one GPU: "about 2 GB" in GitLab's guide to serving gpt-oss. Not measured.
GPU_OVERHEAD_BYTES = 2 * GB

_ACTIVATION_FLOOR = 30 * MB
_LOGIT_BYTES = 12  # per output value: the model's, float32 for sampling, a sorted or masked copy
_MARGIN_FRACTION = 0.03
_MARGIN_FLOOR = 100 * MB

TYPICAL_TOKENS = 1024  # prompt and reply of one review unit; the common prefix is stored once
FEW_SEQUENCES = 4  # concurrent requests to keep room for before the context is reduced
# Tokens of a KV block: vLLM's default on GPUs. On a CPU the default is 128, more than the part of a prompt that all
# units share, and only whole blocks are reused.
BLOCK_TOKENS = {"cpu": 32, "cuda": 16, "metal": 16}
_SPARE_BLOCKS = 2  # vLLM keeps one block empty and rounds sequences up to whole blocks


@dataclass(frozen=True, slots=True)
class BudgetItem:
    """One line of the budget."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What determines the memory of an engine.

    Attributes:
        dtype: The dtype of computations and of the KV cache.
        max_model_len: Longest sequence in tokens.
        max_num_seqs: Sequences decoded at once.
        max_num_batched_tokens: Tokens of one step.
        gpus: GPUs that share the model by tensor parallelism.
        forked: Whether ``launcher.py`` starts it, whose processes share their imports; never on a GPU.
    """

    device: Device
    shape: ModelShape
    weights: Weights
    dtype: str
    max_model_len: int
    max_num_seqs: int
    max_num_batched_tokens: int
    gpus: int = 1
    forked: bool = False

    @property
    def dtype_bytes(self) -> int:
        """Bytes of one number."""
        return DTYPE_BYTES[self.dtype]

    @property
    def kv_least_bytes(self) -> int:
        """The smallest useful KV cache: one sequence of full length, or a few of typical length."""
        return max(self._kv(self.max_model_len), min(self.max_num_seqs, FEW_SEQUENCES) * self.kv_typical_bytes)

    @property
    def kv_most_bytes(self) -> int:
        """The largest useful KV cache.

        On a GPU it holds all sequences at full length, since GPU memory is otherwise unused. In main memory it holds
        sequences of typical length; longer ones wait for others to finish.
        """
        each = self._kv(self.max_model_len) if self.device == "cuda" else self.kv_typical_bytes
        return max(self.kv_least_bytes, self.max_num_seqs * each)

    @property
    def kv_typical_bytes(self) -> int:
        """The KV cache of one sequence of typical length."""
        return self._kv(min(self.max_model_len, TYPICAL_TOKENS))

    def _kv(self, tokens: int) -> int:
        block = BLOCK_TOKENS[self.device]
        whole = (-(-tokens // block) + _SPARE_BLOCKS) * block
        return self.shape.kv_bytes(whole, self.dtype_bytes, chunk=self.max_num_batched_tokens)

    def items(self, kv_bytes: int) -> tuple[BudgetItem, ...]:
        """The budget with a KV cache of that many bytes, summed over all GPUs."""
        rows = [
            BudgetItem("weights", self._weight_bytes),
            BudgetItem("KV cache", kv_bytes),
            BudgetItem("activations", self._activation_bytes * self.gpus),
            BudgetItem("process overhead", self._overhead_bytes),
        ]
        margin = max(_MARGIN_FLOOR, int(sum(row.bytes for row in rows) * _MARGIN_FRACTION))
        return (*rows, BudgetItem("margin", margin))

    def total_bytes(self, kv_bytes: int) -> int:
        """The sum of the budget."""
        return sum(row.bytes for row in self.items(kv_bytes))

    def inner_bytes(self, kv_bytes: int) -> int:
        """The part that must fit in one place: the GPU's share of unified memory, or the worker's NUMA node."""
        model = self._weight_bytes + kv_bytes + self._activation_bytes
        if self.device == "metal":
            return model
        return model + (FORKED_CORE_BYTES if self.forked else WORKER_BYTES + LIBRARY_BYTES)

    @property
    def _weight_bytes(self) -> int:
        resident = self.weights.resident_bytes(self.dtype_bytes)
        return resident + self._packing_bytes if self.device == "cpu" else resident

    @property
    def _packing_bytes(self) -> int:
        """Memory of the CPU's matrix kernels in addition to the weights.

        vLLM packs every matrix and frees the original, except for those of the embedding and of the output, which it
        packs, tied or not, and keeps; an output matrix of integers is packed like any other. ``launcher.py`` has the
        embedding of such a model unpacked. After the last layer the allocator still holds one layer.
        """
        elements = self.shape.vocab * self.shape.hidden
        matrix = elements * self.dtype_bytes
        integer_head = self.weights.integer_head
        stored = matrix + elements if integer_head else self.shape.embedding_elements * self.dtype_bytes
        layer = max(0, self.weights.resident_bytes(self.dtype_bytes) - stored) // self.shape.layers
        copies = 2 - integer_head - (integer_head and self.forked)
        return copies * matrix + layer

    @property
    def _activation_bytes(self) -> int:
        shape = self.shape
        qkv = shape.head_dim * (shape.heads + 2 * shape.kv_heads)
        feed_forward = 3 * shape.intermediate * max(1, shape.active_experts)
        step = self.max_num_batched_tokens * (4 * shape.hidden + qkv + feed_forward) * self.dtype_bytes
        logits = self.max_num_seqs * shape.vocab * _LOGIT_BYTES
        return step + logits + _ACTIVATION_FLOOR

    @property
    def _overhead_bytes(self) -> int:
        if self.device == "cuda":
            return GPU_OVERHEAD_BYTES * self.gpus
        # The Metal plugin runs the same processes; its buffers were not measured.
        held = self.max_num_seqs * self.shape.vocab * GRAMMAR_BYTES_PER_TOKEN
        larger = max(0, self.shape.vocab - VOCABULARY_MEASURED) if self.device == "cpu" else 0
        processes = _FORKED_BYTES if self.forked else _PROCESS_BYTES
        return processes + larger * TOKENIZER_BYTES_PER_TOKEN + max(GRAMMAR_CACHE_MIB * 2**20, held)


def host_bytes() -> int:
    """Main memory of an engine on GPUs."""
    return _PROCESS_BYTES + GRAMMAR_CACHE_MIB * 2**20 + GPU_OVERHEAD_BYTES
