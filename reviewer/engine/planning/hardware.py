"""Detects this machine's memory, processors and GPUs.

They become one frozen value, so that the plan is a pure function and tests can describe any machine. GPUs are queried
with ``nvidia-smi`` and Macs with ``sysctl``, without heavy imports.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reviewer.engine.planning import cgroup

MIB = 1024**2
GIB = 1024**3

# Runs a command and returns its standard output; None if it is missing, fails or hangs.
Run = Callable[[Sequence[str]], "str | None"]

_PROBE_SECONDS = 5.0
_FLAGS = frozenset(
    {"avx2", "avx512f", "avx512_bf16", "avx512_vnni", "avx_vnni", "amx_bf16", "amx_int8", "bf16"}  # bf16: ARM's
)
_GPU_QUERY = ("index", "uuid", "name", "memory.total", "memory.free", "compute_cap")

# What macOS lets the GPU use when iogpu.wired_limit_mb is 0: about 10.5 GB of 16, and 75% of more. From recipes for
# Apple silicon, not measured.
_WIRED_FRACTION_SMALL = 10.5 / 16
_WIRED_FRACTION_LARGE = 0.75
_WIRED_SMALL_UP_TO = 18 * GIB


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU.

    Attributes:
        total_bytes: Its memory.
        free_bytes: Its unused memory.
        compute_capability: Such as ``(8, 9)``; ``(0, 0)`` if unknown.
        uuid: Its name for ``CUDA_VISIBLE_DEVICES``.
    """

    name: str
    total_bytes: int
    free_bytes: int
    compute_capability: tuple[int, int] = (0, 0)
    uuid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """A machine.

    Attributes:
        system: ``"Linux"``, ``"Darwin"`` or ``"Windows"``.
        machine: ``"x86_64"``, ``"arm64"``, …
        cpu_cores: Logical processors that this process may use, by affinity and cgroup quota.
        visible_cores: Logical processors by affinity alone; vLLM binds a thread to each of them.
        cpu_flags: Those of ``_FLAGS`` that it has.
        total_bytes: Memory, at most the cgroup's limit.
        available_bytes: Memory available without swapping, at most what the cgroup has left.
        memory_limit: The cgroup that limits the memory, if any.
        unified: Whether CPU and GPU share the memory (Apple silicon).
        wired_limit_bytes: What the GPU of such a machine may use; None elsewhere.
        numa_available_bytes: Available memory of each NUMA node, of which vLLM uses one; empty if there is only one.
    """

    system: str
    machine: str
    total_bytes: int
    available_bytes: int
    cpu_cores: int
    visible_cores: int = 0
    cpu_name: str = ""
    cpu_flags: frozenset[str] = frozenset()
    gpus: tuple[Gpu, ...] = ()
    unified: bool = False
    wired_limit_bytes: int | None = None
    memory_limit: str | None = None
    numa_available_bytes: tuple[int, ...] = ()

    @property
    def fast_bfloat16(self) -> bool:
        """Whether the CPU supports bfloat16; otherwise it is emulated at a fifth of float32's speed."""
        return bool(self.cpu_flags & {"avx512_bf16", "amx_bf16", "bf16"})

    @property
    def fast_int8(self) -> bool:
        """Whether the CPU multiplies 8-bit integers in one instruction."""
        return bool(self.cpu_flags & {"amx_int8", "avx512_vnni", "avx_vnni"})


def run_probe(argv: Sequence[str]) -> str | None:
    """Run a short command; None if it is missing, fails or takes more than 5 s."""
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None


def detect(*, root: Path = Path("/"), run: Run = run_probe, env: Mapping[str, str] | None = None) -> Hardware:
    """Detect this machine.

    Args:
        root: The folder of ``proc`` and ``sys``.
        run: Runs ``nvidia-smi`` and ``sysctl``.
        env: The environment with ``CUDA_VISIBLE_DEVICES``; the process's by default.
    """
    import psutil

    system, machine = platform.system(), platform.machine()
    memory = psutil.virtual_memory()
    total, available = int(memory.total), int(memory.available)
    visible = _visible_cores(psutil.Process())
    cores, limit = visible, None
    if system == "Linux":
        bound = cgroup.memory(root)
        if bound is not None and bound.limit_bytes < total:
            total, available, limit = bound.limit_bytes, min(available, bound.available_bytes), bound.path
        cores = max(1, min(visible, int(cgroup.cpu_quota(root) or visible)))
    name, flags = _cpu(system, root, run)
    unified = system == "Darwin" and machine == "arm64"
    return Hardware(
        system=system, machine=machine, total_bytes=total, available_bytes=available, cpu_cores=cores,
        visible_cores=visible, cpu_name=name, cpu_flags=flags, unified=unified, memory_limit=limit,
        gpus=() if system == "Darwin" else nvidia_gpus(run, os.environ if env is None else env),
        wired_limit_bytes=wired_limit(total, run) if unified else None,
        numa_available_bytes=numa_available(root) if system == "Linux" else (),
    )  # fmt: skip


def _visible_cores(process: object) -> int:
    affinity = getattr(process, "cpu_affinity", None)  # macOS has none
    return len(affinity()) if affinity is not None else os.cpu_count() or 1


def _cpu(system: str, root: Path, run: Run) -> tuple[str, frozenset[str]]:
    if system == "Linux":
        return linux_cpu(root)
    if system == "Darwin":
        return mac_cpu(run)
    return platform.processor(), frozenset()


def linux_cpu(root: Path) -> tuple[str, frozenset[str]]:
    """Name and flags from ``/proc/cpuinfo``: ``flags`` on x86, ``Features`` on ARM."""
    try:
        text = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", frozenset()
    name, flags = "", frozenset[str]()
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name" and not name:
            name = " ".join(value.split())
        elif key.strip() in {"flags", "Features"} and not flags:
            flags = _FLAGS & set(value.split())
    return name, flags


def mac_cpu(run: Run) -> tuple[str, frozenset[str]]:
    """Name and flags from ``sysctl``; Intel Macs list features, Apple silicon has a key for each."""
    name = (run(["sysctl", "-n", "machdep.cpu.brand_string"]) or "").strip()
    flags: set[str] = set()
    if (run(["sysctl", "-n", "hw.optional.arm.FEAT_BF16"]) or "").strip() == "1":
        flags.add("bf16")
    leaf7 = (run(["sysctl", "-n", "machdep.cpu.leaf7_features"]) or "").lower().split()
    flags.update(_FLAGS & set(leaf7))
    return name, frozenset(flags)


def wired_limit(total_bytes: int, run: Run) -> int:
    """What an Apple GPU may use of the unified memory: ``iogpu.wired_limit_mb``, or macOS's default if it is 0."""
    text = (run(["sysctl", "-n", "iogpu.wired_limit_mb"]) or "").strip()
    if text.isdigit() and int(text) > 0:
        return min(int(text) * MIB, total_bytes)
    fraction = _WIRED_FRACTION_SMALL if total_bytes <= _WIRED_SMALL_UP_TO else _WIRED_FRACTION_LARGE
    return int(total_bytes * fraction)


def nvidia_gpus(run: Run, env: Mapping[str, str]) -> tuple[Gpu, ...]:
    """The GPUs that ``nvidia-smi`` lists and ``CUDA_VISIBLE_DEVICES`` allows."""
    text = run(["nvidia-smi", f"--query-gpu={','.join(_GPU_QUERY)}", "--format=csv,noheader,nounits"])
    if not text:
        return ()
    wanted = env.get("CUDA_VISIBLE_DEVICES")
    names = None if wanted is None else [part.strip() for part in wanted.split(",")]
    gpus = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != len(_GPU_QUERY) or not (cells[3].isdigit() and cells[4].isdigit()):
            continue  # "[N/A]" for a GPU without its own memory, or not a table row
        if names is not None and cells[0] not in names and not any(n and cells[1].startswith(n) for n in names):
            continue
        total, free, capability = int(cells[3]) * MIB, int(cells[4]) * MIB, _capability(cells[5])
        gpus.append(Gpu(cells[2], total, free, capability, uuid=cells[1]))
    return tuple(gpus)


def _capability(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else (0, 0)


def numa_available(root: Path) -> tuple[int, ...]:
    """Available bytes of each NUMA node with memory; empty with fewer than two such nodes."""
    nodes = []
    for path in sorted((root / "sys/devices/system/node").glob("node[0-9]*/meminfo")):
        try:
            lines = path.read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            continue
        values = {}
        for line in lines:  # "Node 0 MemFree:  123 kB"
            words = line.split()
            if len(words) > 3 and words[3].isdigit():  # noqa: PLR2004 - the value is the fourth word
                values[words[2].rstrip(":")] = int(words[3]) * 1024
        if values.get("MemTotal"):
            reclaimable = ("MemFree", "Active(file)", "Inactive(file)", "SReclaimable")
            nodes.append(sum(values.get(key, 0) for key in reclaimable))
    return tuple(nodes) if len(nodes) > 1 else ()
