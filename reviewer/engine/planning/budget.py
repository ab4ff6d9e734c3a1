"""How many bytes an engine takes, item by item.

A short, conservative prediction. The constants were measured with vLLM 0.32.0 on CPU (x86-64 with AVX-512 BF16,
2 cores, eager, explicit KV cache) by ``bench/memory.py``: the peak of the whole process tree, supervisor included, from
its start through a full step of prompts and as many grammars as it keeps, pages that its processes share counted once.
Those of GPUs and of Apple silicon were read, not measured; their comments say so.
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

# Our own process that looks after the engine; it counts itself when it watches the limit.
SUPERVISOR_BYTES = 16 * MB
# The two processes of our launcher before there is a model. The scheduler, which computes too, is forked off the API
# server, so that a page of what was imported before is there once until one of them writes to it; half of each page
# that both still hold is in either figure. The second was 420 to 620 MB in eleven runs, more or less whatever the
# model. Up to 0.2 GB of it are holes that the packing of the weights leaves in glibc's heap: they are gone where every
# block of 1 MB is mapped by itself (``bench/memory.py --switches``), which makes prefill slower by a quarter.
FORKED_SERVER_BYTES = 612 * MB
FORKED_CORE_BYTES = 560 * MB
# What the processes of vLLM's own program hold each for itself, the compiler of grammars and that rest of malloc's
# included, and the libraries that all of them map.
API_SERVER_BYTES = 560 * MB
ENGINE_CORE_BYTES = 540 * MB
TRACKER_BYTES = 6 * MB
WORKER_BYTES = 680 * MB
LIBRARY_BYTES = 205 * MB
# Compiled grammars of reply schemas: vLLM's cache of them in the engine core, which is set to this size (its default of
# 512 MiB fills up in a review of sixty units), and those that running requests hold, one row of bits and indices for
# every token of the vocabulary (7.07 MB each at 49152 tokens).
GRAMMAR_CACHE_MIB = 128
GRAMMAR_BYTES_PER_TOKEN = 144
_PROCESS_BYTES = SUPERVISOR_BYTES + API_SERVER_BYTES + ENGINE_CORE_BYTES + TRACKER_BYTES + WORKER_BYTES + LIBRARY_BYTES
_FORKED_BYTES = SUPERVISOR_BYTES + FORKED_SERVER_BYTES + FORKED_CORE_BYTES
# CUDA context, kernels and graphs of one GPU: "about 2 GB" in GitLab's guide to serving gpt-oss. Not measured.
GPU_OVERHEAD_BYTES = 2 * GB

_ACTIVATION_FLOOR = 30 * MB
_LOGIT_BYTES = 12  # for each number of the output: the model's own, float32 for sampling, a sorted or masked copy
_MARGIN_FRACTION = 0.03
_MARGIN_FLOOR = 100 * MB

TYPICAL_TOKENS = 1024  # prompt and reply of one review unit; the prefix that units share is stored once
FEW_SEQUENCES = 4  # requests at once that a plan keeps room for before it cuts the context
_BLOCK_TOKENS = {"cpu": 128, "cuda": 16, "metal": 16}  # vLLM's default KV block on each device
_SPARE_BLOCKS = 2  # vLLM keeps one block empty and rounds a sequence up to whole blocks


@dataclass(frozen=True, slots=True)
class BudgetItem:
    """One line of the budget."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Everything that decides how much memory an engine takes.

    Attributes:
        weights: The weight files as a loader sees them.
        dtype: The dtype it computes in, and the KV cache's.
        max_model_len: Longest sequence in tokens.
        max_num_seqs: Sequences decoded at once.
        max_num_batched_tokens: Tokens of one step.
        gpus: GPUs that share the model by tensor parallelism.
        forked: Whether ``launcher.py`` starts it, whose processes share what they imported; never on a GPU.
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
        """The KV cache below which the plan does not go: one sequence of full length, and a few of typical length."""
        return max(self._kv(self.max_model_len), min(self.max_num_seqs, FEW_SEQUENCES) * self.kv_typical_bytes)

    @property
    def kv_most_bytes(self) -> int:
        """The KV cache above which nothing is gained.

        On a GPU every sequence may be as long as allowed: its memory is there to be used. The machine's own memory is
        not, so there they are of typical length; a longer one waits until others are done.
        """
        each = self._kv(self.max_model_len) if self.device == "cuda" else self.kv_typical_bytes
        return max(self.kv_least_bytes, self.max_num_seqs * each)

    @property
    def kv_typical_bytes(self) -> int:
        """The KV cache of one sequence of typical length."""
        return self._kv(min(self.max_model_len, TYPICAL_TOKENS))

    def _kv(self, tokens: int) -> int:
        block = _BLOCK_TOKENS[self.device]
        whole = (-(-tokens // block) + _SPARE_BLOCKS) * block
        return self.shape.kv_bytes(whole, self.dtype_bytes, chunk=self.max_num_batched_tokens)

    def items(self, kv_bytes: int) -> tuple[BudgetItem, ...]:
        """The budget with a KV cache of that many bytes; sums over all GPUs."""
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
        """The part that has to fit in one place: the GPU's share of unified memory, the NUMA node of the worker."""
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
        """What the CPU's matrix kernels take beside the weights.

        vLLM packs every matrix anew and frees the original, but for those of the embedding and of the output: it packs
        both, tied or not, and keeps the originals. What the allocator has back after the last layer is one layer.
        """
        matrix = self.shape.vocab * self.shape.hidden * self.dtype_bytes
        stored = self.shape.embedding_elements * self.dtype_bytes
        layer = max(0, self.weights.resident_bytes(self.dtype_bytes) - stored) // self.shape.layers
        return 2 * matrix + layer

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
        # The Metal plugin runs the same processes; its own buffers were not measured.
        held = self.max_num_seqs * self.shape.vocab * GRAMMAR_BYTES_PER_TOKEN
        return (_FORKED_BYTES if self.forked else _PROCESS_BYTES) + max(GRAMMAR_CACHE_MIB * 2**20, held)


def host_bytes() -> int:
    """Memory of the machine that an engine on GPUs takes beside theirs."""
    return _PROCESS_BYTES + GRAMMAR_CACHE_MIB * 2**20 + GPU_OVERHEAD_BYTES


def gigabytes(count: float) -> str:
    """Bytes for people: GB of 10**9, one decimal, two below one."""
    value = count / GB
    return f"{value:.2f} GB" if 0 < value < 1 else f"{value:.1f} GB"
