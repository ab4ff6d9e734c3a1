"""Translates a plan to vLLM's command line and environment (checked against vLLM 0.32.0)."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer.engine.planning.budget import BLOCK_TOKENS, GRAMMAR_CACHE_MIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reviewer.engine.planning.hardware import Gpu
    from reviewer.engine.planning.memory_plan import MemoryPlan

# White space between JSON tokens is allowed by default, and costs tokens.
_STRUCTURED_OUTPUTS = {"backend": "xgrammar", "disable_any_whitespace": True}

# The packages of an environment. vLLM preloads their libraries only for a worker that is a new program.
_PACKAGES = "lib/python*/site-packages"
# Where Debian, Fedora and others put the optional allocator.
_LIBRARY_FOLDERS = tuple(
    Path("/usr", name) for name in ("lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib64", "lib")
)
_ALLOCATORS = ("libtcmalloc_minimal.so.4", "libtcmalloc.so.4")
# ``vllm serve`` of the CPU build needs the metadata of the distribution ``vllm``; the module works in both builds.
SERVER_MODULE = "vllm.entrypoints.openai.api_server"
_LAUNCHER = Path(__file__).parents[1] / "server" / "launcher.py"
_LAUNCHER_SERIES = "0.32."  # of vLLM, of whose parts it is composed
_FEW_CORES = 4  # up to this number, keeping a core free for the scheduler costs more than it gains


def server_command(python: Path, vllm_version: str, device: str) -> tuple[str, ...]:
    """The program for ``server_args``: vLLM's own, or the launcher, which imports vLLM once instead of three times."""
    if forks(vllm_version, device, platform.system()):
        # Isolated: modules beside the launcher must not shadow those of the standard library.
        return (str(python), "-I", "-u", str(_LAUNCHER))
    return (str(python), "-m", SERVER_MODULE)


def forks(vllm_version: str, device: str, system: str) -> bool:
    """Whether to use the launcher, which takes less memory than vLLM's own program.

    It needs Linux. On a GPU vLLM's scheduler needs no worker, and a process that has initialized CUDA cannot fork.
    """
    return device == "cpu" and system == "Linux" and vllm_version.startswith(_LAUNCHER_SERIES)


def server_args(plan: MemoryPlan, model_path: str | Path, served_name: str) -> list[str]:
    """The flags of vLLM's API server, except those of the endpoint."""
    args = [
        "--model", str(model_path),
        "--served-model-name", served_name,
        "--dtype", plan.dtype,
        "--max-model-len", str(plan.max_model_len),
        "--max-num-seqs", str(plan.max_num_seqs),
        "--max-num-batched-tokens", str(plan.max_num_batched_tokens),
        "--enable-prefix-caching",
        "--structured-outputs-config", json.dumps(_STRUCTURED_OUTPUTS, separators=(",", ":")),
        "--generation-config", "vllm",  # each request has its sampling, so the model's folder must not set it
        "--disable-uvicorn-access-log",
        "--no-enable-log-requests",
    ]  # fmt: skip
    if plan.device == "cuda":
        args += ["--gpu-memory-utilization", f"{plan.gpu_memory_utilization:.3f}"]
        if plan.tensor_parallel > 1:
            args += ["--tensor-parallel-size", str(plan.tensor_parallel)]
    else:
        # Exact, and vLLM skips its warm-up pass; VLLM_CPU_KVCACHE_SPACE is in whole GiB.
        args += ["--kv-cache-memory-bytes", str(plan.kv_cache_bytes)]
    if plan.device == "cpu":
        args += ["--block-size", str(BLOCK_TOKENS["cpu"])]
        args.append("--enforce-eager")  # compiling takes two minutes and gains nothing at these sizes
    return args


def server_env(plan: MemoryPlan, prefix: Path, folders: Iterable[Path] = _LIBRARY_FOLDERS) -> dict[str, str]:
    """The variables to add to the engine's environment.

    ``prefix`` is the root of the Python environment with vLLM; system libraries are in ``folders``.
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


def cpu_environment(cores: int, visible_cores: int) -> tuple[tuple[str, str], ...]:
    """Configure the threads of an engine on the CPU.

    vLLM binds a thread to every core of the affinity, but keeps one core free. On few cores that is slow (measured on
    two: prefill at 151 instead of 280 tokens/s). Under a quota of processor time there would be too many threads.
    """
    rows = []
    if cores <= _FEW_CORES:
        rows.append(("VLLM_CPU_NUM_OF_RESERVED_CPU", "0"))
    if cores < visible_cores:
        rows += [("VLLM_CPU_OMP_THREADS_BIND", "nobind"), ("OMP_NUM_THREADS", str(cores))]
    return tuple(rows)


def gpu_environment(gpus: Sequence[Gpu], count: int) -> tuple[tuple[str, str], ...]:
    """Select the GPUs of the plan, which have the most free memory; vLLM uses the first ones."""
    chosen = [gpu.uuid for gpu in gpus[:count]]
    return (("CUDA_VISIBLE_DEVICES", ",".join(chosen)),) if len(gpus) > count and all(chosen) else ()


def _openmp(prefix: Path) -> Path | None:
    """Intel's OpenMP if the environment has it, or else torch's."""
    theirs = (
        path for folder in ("torch.libs", "torch/lib") for path in prefix.glob(f"{_PACKAGES}/{folder}/libgomp*.so*")
    )
    return next((path for path in (prefix / "lib/libiomp5.so", *theirs) if path.is_file()), None)


def _allocator(prefix: Path, folders: Iterable[Path]) -> Path | None:
    bundled = prefix.glob(f"{_PACKAGES}/vllm/libs/libtcmalloc*.so*")
    system = (folder / name for folder in folders for name in _ALLOCATORS)
    return next((path for path in (*bundled, *system) if path.is_file()), None)
