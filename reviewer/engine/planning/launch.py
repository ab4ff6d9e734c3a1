"""A plan as vLLM's own command line and environment (checked against vLLM 0.32.0)."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer.engine.planning.budget import GRAMMAR_CACHE_MIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reviewer.engine.planning.hardware import Gpu
    from reviewer.engine.planning.plan import MemoryPlan
    from reviewer.engine.profile import ReplyBounds

# Replies without white space between JSON tokens: it is allowed by default and costs tokens.
_STRUCTURED_OUTPUTS = {"backend": "xgrammar", "disable_any_whitespace": True}

# Below an environment: its packages. vLLM finds these libraries by itself only for a worker that is a new program.
_PACKAGES = "lib/python*/site-packages"
# Where Debian, Fedora and others put the optional allocator.
_LIBRARY_FOLDERS = (
    Path("/usr/lib/x86_64-linux-gnu"),
    Path("/usr/lib/aarch64-linux-gnu"),
    Path("/usr/lib64"),
    Path("/usr/lib"),
)
_ALLOCATORS = ("libtcmalloc_minimal.so.4", "libtcmalloc.so.4")
# ``vllm serve`` of the CPU build asks for the metadata of a distribution that it is not; the module works in both.
SERVER_MODULE = "vllm.entrypoints.openai.api_server"
_LAUNCHER = Path(__file__).parents[1] / "server" / "launcher.py"
_LAUNCHER_SERIES = "0.32."  # the vLLM of whose parts it is made
# What the launcher warms up with, as JSON.
WARM_UP_VARIABLE = "REVIEWER_WARM_UP_SCHEMA"
_FEW_CORES = 4  # up to here a core that is kept free for the scheduler costs more than it gives


def server_command(python: Path, vllm_version: str, device: str) -> tuple[str, ...]:
    """The program that takes ``server_args``: vLLM's own, or ours that imports vLLM once instead of three times."""
    if forks(vllm_version, device, platform.system()):
        # Isolated: the modules beside the launcher must not be taken for those of the standard library.
        return (str(python), "-I", "-u", str(_LAUNCHER))
    return (str(python), "-m", SERVER_MODULE)


def forks(vllm_version: str, device: str, system: str) -> bool:
    """Whether the launcher is used, which takes less memory than vLLM's own program.

    Forking needs Linux. On a GPU vLLM's scheduler computes itself already, and a process that has met CUDA cannot fork.
    """
    return device == "cpu" and system == "Linux" and vllm_version.startswith(_LAUNCHER_SERIES)


def server_args(plan: MemoryPlan, model_path: str | Path, served_name: str) -> list[str]:
    """The flags of vLLM's API server, all but those of the endpoint."""
    args = [
        "--model",
        str(model_path),
        "--served-model-name",
        served_name,
        "--dtype",
        plan.dtype,
        "--max-model-len",
        str(plan.max_model_len),
        "--max-num-seqs",
        str(plan.max_num_seqs),
        "--max-num-batched-tokens",
        str(plan.max_num_batched_tokens),
        "--enable-prefix-caching",
        "--structured-outputs-config",
        json.dumps(_STRUCTURED_OUTPUTS, separators=(",", ":")),
        "--generation-config",
        "vllm",  # sampling comes with each request, not from a file in the model's folder
        "--disable-uvicorn-access-log",
        "--no-enable-log-requests",
    ]
    if plan.device == "cuda":
        args += ["--gpu-memory-utilization", f"{plan.gpu_memory_utilization:.3f}"]
        if plan.tensor_parallel > 1:
            args += ["--tensor-parallel-size", str(plan.tensor_parallel)]
    else:
        # Byte-exact, and with it vLLM skips its warm-up pass; VLLM_CPU_KVCACHE_SPACE only knows whole GiB.
        args += ["--kv-cache-memory-bytes", str(plan.kv_cache_bytes)]
    if plan.device == "cpu":
        args.append("--enforce-eager")  # compiling takes two minutes and gains nothing at these sizes
    return args


def server_env(plan: MemoryPlan, prefix: Path, folders: Iterable[Path] = _LIBRARY_FOLDERS) -> dict[str, str]:
    """The variables to add to the engine's environment.

    Args:
        plan: The plan.
        prefix: Root of the Python environment that holds vLLM.
        folders: Where system libraries are looked for.
    """
    env = {
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_XGRAMMAR_CACHE_MB": str(GRAMMAR_CACHE_MIB),
        **dict(plan.environment),
    }
    if plan.device == "cpu":
        preload = [str(path) for path in (_openmp(prefix), _allocator(prefix, folders)) if path]
        if preload:
            env["LD_PRELOAD"] = ":".join(preload)
    return env


def warm_up_env(bounds: ReplyBounds) -> dict[str, str]:
    """Let the launcher compile the grammar of texts as long as replies may have, before the first review needs it.

    Nearly all that the grammar of a schema costs is in its bounded strings, and xgrammar keeps what it made of them for
    every schema with strings of the same bounds, whatever surrounds them (measured at a vocabulary of 49152: 2.6 s of
    processor time for the first schema, 0.04 s for each that follows).
    """
    lengths = dict.fromkeys((bounds.explanation_chars, bounds.message_chars, bounds.fix_chars))
    texts = {f"at most {length}": {"type": "string", "maxLength": length} for length in lengths if length}
    needed = {f"some, {name}": text | {"minLength": 1} for name, text in texts.items()}
    properties = texts | needed
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {WARM_UP_VARIABLE: json.dumps(schema, separators=(",", ":"))}


def cpu_environment(cores: int, visible_cores: int) -> tuple[tuple[str, str], ...]:
    """Threads of an engine on the CPU.

    vLLM binds one thread to every core of the affinity and keeps one core free. On few cores that one is missed
    (measured on two: prefill 280 instead of 151 tokens a second); under a quota of processor time the binding would
    start more threads than may run.
    """
    rows = []
    if cores <= _FEW_CORES:
        rows.append(("VLLM_CPU_NUM_OF_RESERVED_CPU", "0"))
    if cores < visible_cores:
        rows += [("VLLM_CPU_OMP_THREADS_BIND", "nobind"), ("OMP_NUM_THREADS", str(cores))]
    return tuple(rows)


def gpu_environment(gpus: Sequence[Gpu], count: int) -> tuple[tuple[str, str], ...]:
    """Pick the GPUs that the plan means: vLLM takes the first it sees, the plan those with the most free memory."""
    chosen = [gpu.uuid for gpu in gpus[:count]]
    return (("CUDA_VISIBLE_DEVICES", ",".join(chosen)),) if len(gpus) > count and all(chosen) else ()


def _openmp(prefix: Path) -> Path | None:
    """Intel's where the environment has it, else the one that torch brings."""
    theirs = (
        path for folder in ("torch.libs", "torch/lib") for path in prefix.glob(f"{_PACKAGES}/{folder}/libgomp*.so*")
    )
    return next((path for path in (prefix / "lib/libiomp5.so", *theirs) if path.is_file()), None)


def _allocator(prefix: Path, folders: Iterable[Path]) -> Path | None:
    bundled = prefix.glob(f"{_PACKAGES}/vllm/libs/libtcmalloc*.so*")
    system = (folder / name for folder in folders for name in _ALLOCATORS)
    return next((path for path in (*bundled, *system) if path.is_file()), None)
