"""Measures the memory of the supervised tree of processes, often and cheaply, and detects low memory of the machine."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from reviewer import processes
from reviewer.engine.planning import cgroup

_LIST_SECONDS = 5.0
_MEASURE_SECONDS = 60.0
_LOW_SHARE = 0.05
_LOW_LEAST_BYTES = 1_000_000_000
_CRITICAL = 0.5  # of what is low


class TreeMemory:
    """The memory of this process and its descendants, shared pages counted once.

    For the exact size the system walks all pages, which takes tens of milliseconds for a large engine. The resident
    sizes are cheap, and the exact size cannot grow more than they do, so it is measured only when it may have exceeded
    the limit.
    """

    def __init__(self, limit_bytes: int | None) -> None:
        self._limit = limit_bytes
        self._own = psutil.Process()
        self._tree: list[psutil.Process] = []
        self._listed = self._measured = -1e9
        self._resident = self._exact = 0

    def processes(self) -> list[psutil.Process]:
        """The tree; a process started in the last seconds may be missing."""
        now = time.monotonic()
        if now - self._listed >= _LIST_SECONDS:
            self._listed = now
            self._tree = [self._own, *self._own.children(recursive=True)]
        return self._tree

    def bytes(self) -> int:
        """The size, or a little more; exact when it is over the limit."""
        resident = sum(_resident(one) for one in self.processes())
        estimate = self._exact + max(0, resident - self._resident)
        due = time.monotonic() - self._measured >= _MEASURE_SECONDS
        if due or (self._limit is not None and estimate > self._limit):
            return self._measure(resident)
        return estimate

    def forget(self) -> None:
        """Start anew: the tree was replaced."""
        self._listed = self._measured = -1e9
        self._resident = self._exact = 0

    def _measure(self, resident: int) -> int:
        self._exact = processes.memory_bytes(self.processes())
        self._resident = resident
        self._measured = time.monotonic()
        return self._exact


@dataclass(slots=True)
class LowMemory:
    """Decides whether the machine's memory has been low for too long.

    Attributes:
        threshold_bytes: What is low; None means 5% of the machine's memory, at least 1 GB; 0 disables it.
        seconds: How long it must have been low.
    """

    threshold_bytes: int | None
    seconds: float
    _since: float | None = field(default=None, init=False)

    def look(self, now: float, available: int, total: int, *, busy: bool) -> bool:
        """Whether to stop the engine; a busy one may finish, unless memory gets critical.

        Args:
            now: On a monotonic clock.
            available: Memory that is left, in bytes.
            total: Memory of the machine or of the container, in bytes.
            busy: Whether requests are open.
        """
        low = self.threshold_bytes
        if low is None:
            low = max(_LOW_LEAST_BYTES, int(total * _LOW_SHARE))
        if available >= (low * _CRITICAL if busy else low):
            self._since = None
            return False
        if self._since is None:
            self._since = now
        return now - self._since >= self.seconds


def available_and_total() -> tuple[int, int]:
    """Memory of this machine in bytes, within the limits of its container."""
    machine = psutil.virtual_memory()
    bound = cgroup.memory()
    if bound is None:
        return machine.available, machine.total
    return min(machine.available, bound.available_bytes), min(machine.total, bound.limit_bytes)


def _resident(one: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(one.memory_info().rss)
    return 0
