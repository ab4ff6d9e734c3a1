"""How much of the machine a model may take, and on which device."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.engine.planning.budget import GB, Device, gigabytes
from reviewer.errors import ConfigError

if TYPE_CHECKING:
    from reviewer.engine.config import ModelConfig
    from reviewer.engine.planning.hardware import Gpu, Hardware

GPU_SHARE_MOST = 0.92  # vLLM's own default of 0.32; above it CUDA graphs and fragments run out
GPU_SHARE_LEAST = 0.1
_RESERVE_FRACTION = 0.1
_RESERVE_MOST = 2 * GB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The ceiling of a plan.

    Attributes:
        bytes: Nothing may go above it; the sum over the GPUs on CUDA.
        tier_bytes: The memory that the tiers are about: what is available, at most ``max_memory_gb``.
        reason: What sets the ceiling, for messages.
        gpus: The GPUs that may be used, the one with the most free memory first.
        inner_bytes: Ceiling of what has to fit in one place (``Workload.inner_bytes``); None where there is no such.
        inner_reason: What that place is, for messages.
        asked_bytes: ``max_memory_gb``, where it is what binds; raising it would help.
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
        """The largest share of each of the first ``count`` GPUs: vLLM takes the same of all, whatever their size."""
        used = self.gpus[:count]
        free = min(gpu.free_bytes / gpu.total_bytes for gpu in used)
        return min(GPU_SHARE_MOST, free, self.bytes / sum(gpu.total_bytes for gpu in used))

    def gpu_bytes(self, count: int) -> int:
        """What that share is on the smallest of them."""
        return int(self.gpu_share(count) * min(gpu.total_bytes for gpu in self.gpus[:count]))


def limit_for(hardware: Hardware, config: ModelConfig) -> Limit:
    """Choose the device and its ceiling.

    Raises:
        ConfigError: CUDA is asked for and no NVIDIA GPU is there.
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
    return Limit(device="cuda", bytes=usable, tier_bytes=there, reason=f"{gigabytes(there)} free {where}", gpus=gpus)


def _memory_limit(hardware: Hardware, device: Device) -> Limit:
    there = hardware.available_bytes
    reserve = min(int(there * _RESERVE_FRACTION), _RESERVE_MOST)
    reason = f"{gigabytes(there)} available"
    if hardware.memory_limit is not None:
        reason += f" under the {gigabytes(hardware.total_bytes)} limit of cgroup {hardware.memory_limit}"
    inner, inner_reason = min(hardware.numa_available_bytes, default=None), "one NUMA node has left"
    if device == "metal":
        inner, inner_reason = hardware.wired_limit_bytes, "macOS lets the GPU use"
    return Limit(
        device=device,
        bytes=there - reserve,
        tier_bytes=there if device == "cpu" else min(there, inner or there),
        reason=f"{reason}, less {gigabytes(reserve)} for everything else",
        inner_bytes=inner,
        inner_reason=inner_reason,
    )


def _device(hardware: Hardware, config: ModelConfig) -> Device:
    if config.device == "cuda" and not hardware.gpus:
        raise ConfigError(
            "device is cuda, and nvidia-smi lists no GPU",
            hint='set device = "cpu", or see what nvidia-smi and CUDA_VISIBLE_DEVICES say',
        )
    if config.device == "cpu":
        return "cpu"
    if hardware.gpus and hardware.system != "Darwin":
        return "cuda"
    return "metal" if hardware.unified else "cpu"
