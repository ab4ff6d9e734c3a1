"""How much memory a model may take, and on which device."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.engine.planning.budget import GB, Device
from reviewer.errors import ConfigError
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from reviewer.engine.config import ModelConfig
    from reviewer.engine.planning.hardware import Gpu, Hardware

GPU_SHARE_MOST = 0.92  # vLLM 0.32's default; more leaves too little for CUDA graphs and fragmentation
GPU_SHARE_LEAST = 0.1
_RESERVE_FRACTION = 0.1
_RESERVE_MOST = 2 * GB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The memory limit of a plan.

    Attributes:
        bytes: The limit; on CUDA the sum over the GPUs.
        tier_bytes: The memory that selects the tier: what is available, at most ``max_memory_gb``.
        reason: What sets the limit, for messages.
        gpus: The usable GPUs, by decreasing free memory.
        inner_bytes: Limit for what must fit in one place (``Workload.inner_bytes``), if there is one.
        inner_reason: That place, for messages.
        asked_bytes: ``max_memory_gb`` if it sets the limit, so that raising it would help.
    """

    device: Device
    bytes: int
    tier_bytes: int
    reason: str
    gpus: tuple[Gpu, ...] = ()
    inner_bytes: int | None = None
    inner_reason: str = ""
    asked_bytes: int | None = None

    def gpu_share(self, count: int) -> float:
        """The largest share of the first ``count`` GPUs; vLLM uses the same share of each, whatever its size."""
        used = self.gpus[:count]
        free = min(gpu.free_bytes / gpu.total_bytes for gpu in used)
        return min(GPU_SHARE_MOST, free, self.bytes / sum(gpu.total_bytes for gpu in used))

    def gpu_bytes(self, count: int) -> int:
        """That share of the smallest of them, in bytes."""
        return int(self.gpu_share(count) * min(gpu.total_bytes for gpu in self.gpus[:count]))


def limit_for(hardware: Hardware, config: ModelConfig) -> Limit:
    """Choose the device and its limit.

    Raises:
        ConfigError: The device is CUDA, but there is no NVIDIA GPU.
    """
    device = _device(hardware, config)
    limit = _gpu_limit(hardware) if device == "cuda" else _memory_limit(hardware, device)
    if config.max_memory_gb is None:
        return limit
    asked = int(config.max_memory_gb * GB)
    if asked >= limit.bytes:
        return dataclasses.replace(limit, tier_bytes=min(limit.tier_bytes, asked))
    reason = f"max_memory_gb is {config.max_memory_gb:g}"
    return dataclasses.replace(limit, bytes=asked, tier_bytes=asked, reason=reason, asked_bytes=asked)


def _gpu_limit(hardware: Hardware) -> Limit:
    gpus = tuple(sorted(hardware.gpus, key=lambda gpu: gpu.free_bytes, reverse=True))
    there = sum(gpu.free_bytes for gpu in gpus)
    usable = sum(min(gpu.free_bytes, int(gpu.total_bytes * GPU_SHARE_MOST)) for gpu in gpus)
    where = "on the GPU" if len(gpus) == 1 else f"on {len(gpus)} GPUs"
    return Limit(device="cuda", bytes=usable, tier_bytes=there, reason=f"{byte_size(there)} free {where}", gpus=gpus)


def _memory_limit(hardware: Hardware, device: Device) -> Limit:
    there = hardware.available_bytes
    reserve = min(int(there * _RESERVE_FRACTION), _RESERVE_MOST)
    reason = f"{byte_size(there)} available"
    if hardware.memory_limit is not None:
        reason += f" under the {byte_size(hardware.total_bytes)} limit of cgroup {hardware.memory_limit}"
    inner, inner_reason = min(hardware.numa_available_bytes, default=None), "one NUMA node has"
    if device == "metal":
        inner, inner_reason = hardware.wired_limit_bytes, "macOS lets the GPU use"
    return Limit(
        device=device,
        bytes=there - reserve,
        tier_bytes=there if device == "cpu" else min(there, inner or there),
        reason=f"{reason}, minus {byte_size(reserve)} for other programs",
        inner_bytes=inner,
        inner_reason=inner_reason,
    )


def _device(hardware: Hardware, config: ModelConfig) -> Device:
    if config.device == "cuda" and not hardware.gpus:
        raise ConfigError(
            "device is cuda, but nvidia-smi lists no GPU",
            hint='set device = "cpu", or check nvidia-smi and CUDA_VISIBLE_DEVICES',
        )
    if config.device == "cpu":
        return "cpu"
    if hardware.gpus and hardware.system != "Darwin":
        return "cuda"
    return "metal" if hardware.unified else "cpu"
