"""Reads the limits that a container or a service manager sets for this process, from cgroup v1 and v2.

The process's own cgroup and all its parents may have limits; the tightest one applies. In a container the path in
``/proc/self/cgroup`` is often the host's and missing; the top of the mount is then the container's cgroup.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNLIMITED = 1 << 60  # v1 has 2**63, rounded to pages, for "no limit"


@dataclass(frozen=True, slots=True)
class MemoryBound:
    """The tightest memory limit over a process.

    Attributes:
        limit_bytes: The limit.
        available_bytes: What is left of it, or of a parent's limit if that is less.
        path: The cgroup with the limit.
    """

    limit_bytes: int
    available_bytes: int
    path: str


@dataclass(frozen=True, slots=True)
class _Controller:
    """The mount of a controller, and the process's cgroup in it."""

    mount: Path
    path: PurePosixPath
    version: int

    def levels(self) -> Iterator[tuple[Path, str]]:
        """The existing folders from the process's cgroup up to the mount."""
        for part in (self.path, *self.path.parents):
            folder = self.mount / str(part).lstrip("/")
            if folder.is_dir():
                yield folder, str(part)


def memory(root: Path = Path("/")) -> MemoryBound | None:
    """The tightest memory limit, if any."""
    bounds = [bound for controller in _controllers(root, "memory") for bound in _memory_bounds(controller)]
    if not bounds:
        return None
    tightest = min(bounds, key=lambda bound: bound.limit_bytes)
    left = min(bound.available_bytes for bound in bounds)
    return MemoryBound(tightest.limit_bytes, left, tightest.path)


def cpu_quota(root: Path = Path("/")) -> float | None:
    """The tightest quota of processor time, in processors, if any."""
    quotas = [quota for controller in _controllers(root, "cpu") for quota in _cpu_quotas(controller)]
    return min(quotas, default=None)


def _controllers(root: Path, name: str) -> Iterator[_Controller]:
    base = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup"):
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        place = PurePosixPath("/", path)
        if ".." in place.parts:  # a cgroup namespace without the process's own cgroup
            place = PurePosixPath("/")
        if hierarchy == "0" and not controllers:
            hybrid = base / "unified"
            yield _Controller(hybrid if hybrid.is_dir() else base, place, 2)
        elif name in controllers.split(","):
            mount = next((base / folder for folder in (controllers, name) if (base / folder).is_dir()), None)
            if mount is not None:
                yield _Controller(mount, place, 1)


def _memory_bounds(controller: _Controller) -> Iterator[MemoryBound]:
    v2 = controller.version == 2  # noqa: PLR2004 - the two versions of the interface
    limits = ("memory.max", "memory.high") if v2 else ("memory.limit_in_bytes",)
    usage_file = "memory.current" if v2 else "memory.usage_in_bytes"
    cached = "inactive_file" if v2 else "total_inactive_file"
    for folder, path in controller.levels():
        limit = min((value for name in limits if (value := _number(folder / name)) is not None), default=None)
        if limit is None or limit >= _UNLIMITED:
            continue
        used = _number(folder / usage_file) or 0
        used -= _stat(folder / "memory.stat", cached)  # page cache that the kernel reclaims first
        yield MemoryBound(limit, max(0, limit - max(0, used)), path)


def _cpu_quotas(controller: _Controller) -> Iterator[float]:
    for folder, _ in controller.levels():
        if controller.version == 2:  # noqa: PLR2004
            quota, _, period = next(iter(_lines(folder / "cpu.max")), "").partition(" ")
        else:
            quota = next(iter(_lines(folder / "cpu.cfs_quota_us")), "")
            period = next(iter(_lines(folder / "cpu.cfs_period_us")), "")
        if quota.isdigit() and period.isdigit() and int(quota) > 0 and int(period) > 0:
            yield int(quota) / int(period)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _number(path: Path) -> int | None:
    text = next(iter(_lines(path)), "").strip()
    return int(text) if text.isdigit() else None


def _stat(path: Path, key: str) -> int:
    for line in _lines(path):
        name, _, value = line.partition(" ")
        if name == key and value.strip().isdigit():
            return int(value)
    return 0
