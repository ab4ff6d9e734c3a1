"""The memory of a process tree over time, and a control group that bounds it (Linux)."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_KINDS = ("pss", "uss", "rss")


class Sampler:
    """Weighs a tree several times a second and keeps the heaviest moment, by phase.

    The weight is what the tree takes from a machine where it is alone: every process's own pages (USS), and once what
    they share, which is the same libraries in all of them. PSS, each shared page divided among those who map it, is
    that too while no other engine runs, and less when one does. RSS counts shared pages once for each process.
    """

    def __init__(self, pid: int, every: float = 0.2) -> None:
        self.phase = "start"
        self.peaks: dict[str, dict[str, Any]] = {}
        self.count = 0
        self._root = psutil.Process(pid)
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def peak(self, kind: str) -> int:
        return max((phase[kind] for phase in self.peaks.values()), default=0)

    def _run(self) -> None:
        while not self._over.wait(self._every):
            with suppress(psutil.Error):
                self._sample()

    def _sample(self) -> None:
        rows = []
        for process in (self._root, *self._root.children(recursive=True)):
            with suppress(psutil.Error):
                memory = process.memory_full_info()
                rows.append((_role(process), {kind: int(getattr(memory, kind)) for kind in _KINDS}))
        self.count += 1
        best = self.peaks.setdefault(self.phase, {**dict.fromkeys(_KINDS, 0), "processes": []})
        total = {kind: sum(row[kind] for _, row in rows) for kind in _KINDS}
        if rows and alone([row for _, row in rows]) > (alone(best["processes"]) if best["processes"] else 0):
            best["processes"] = [{"role": role, **row} for role, row in rows]
        best.update({kind: max(best[kind], total[kind]) for kind in _KINDS})


def alone(rows: Sequence[Mapping[str, Any]]) -> int:
    """The weight of a tree; a lower bound of what is shared: the largest share of any process."""
    return sum(row["uss"] for row in rows) + max(row["rss"] - row["uss"] for row in rows)


def _role(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    for mark, role in (
        ("EngineCore", "engine core"),
        ("Worker", "worker"),
        ("tracker", "tracker"),
        ("api_s", "server"),
    ):
        if mark in line:
            return role
    return "other"


@contextmanager
def control_group(limit: int) -> Iterator[Path]:
    """A memory control group with that limit; yields the file that takes the ids of its processes.

    Raises:
        OSError: Only root may make one.
    """
    root = Path("/sys/fs/cgroup")
    old = (root / "memory").is_dir()
    group = (root / "memory" if old else root) / "reviewer-bench-memory"
    group.mkdir()
    try:
        (group / ("memory.limit_in_bytes" if old else "memory.max")).write_text(str(limit), encoding="ascii")
        yield group / "cgroup.procs"
    finally:
        for _ in range(50):
            with suppress(OSError):
                group.rmdir()
                break
            threading.Event().wait(0.2)
