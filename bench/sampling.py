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

    The weight is what the tree takes from a machine where it is alone: PSS, each page divided among those who map it.
    That is too little where a program outside of the tree maps the same libraries, so an engine that is weighed has an
    environment of its own; where it has not, every process's own pages (USS) and the largest share that any of them has
    in others' are a lower bound too. RSS counts shared pages once for each process.
    """

    def __init__(self, pid: int, every: float = 0.4) -> None:
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
            with suppress(psutil.Error, OSError):
                rows.append((_role(process), _weigh(process.pid)))
        self.count += 1
        best = self.peaks.setdefault(self.phase, {**dict.fromkeys(_KINDS, 0), "processes": []})
        total = {kind: sum(row[kind] for _, row in rows) for kind in _KINDS}
        if rows and alone([row for _, row in rows]) > (alone(best["processes"]) if best["processes"] else 0):
            best["processes"] = [{"role": role, **row} for role, row in rows]
        best.update({kind: max(best[kind], total[kind]) for kind in _KINDS})


def alone(rows: Sequence[Mapping[str, Any]]) -> int:
    """The weight of a tree where it is alone; see ``Sampler``."""
    own = sum(row["uss"] for row in rows) + max(row["rss"] - row["uss"] for row in rows)
    return max(own, sum(row.get("pss", 0) for row in rows))


def _weigh(pid: int) -> dict[str, int]:
    """One process in bytes, from the kernel's own sum over its mappings."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    return {"pss": sizes["Pss"], "uss": sizes["Private_Clean"] + sizes["Private_Dirty"], "rss": sizes["Rss"]}


def _role(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    for mark, role in (
        ("reviewer.engine.supervisor.supervisor", "supervisor"),
        ("EngineCore", "engine core"),
        ("Worker", "worker"),
        ("tracker", "tracker"),
        ("api_s", "server"),
        ("launcher.py", "server"),
    ):
        if mark in line:
            return role
    return "other"


@contextmanager
def control_group(limit: int) -> Iterator[Path]:
    """A memory control group with that limit; yields its folder.

    Raises:
        OSError: Only root may make one.
    """
    root = Path("/sys/fs/cgroup")
    old = (root / "memory").is_dir()
    group = (root / "memory" if old else root) / "reviewer-bench-memory"
    group.mkdir()
    try:
        (group / ("memory.limit_in_bytes" if old else "memory.max")).write_text(str(limit), encoding="ascii")
        yield group
    finally:
        for _ in range(50):
            with suppress(OSError):
                group.rmdir()
                break
            threading.Event().wait(0.2)


def killed(group: Path) -> int:
    """How many processes of a control group the kernel has killed for its limit."""
    return _count(group, ("memory.events", "memory.oom_control"), "oom_kill")


def major_faults(group: Path) -> int:
    """How often a page had to be read again from a file."""
    return _count(group, ("memory.stat",), "pgmajfault")


def _count(group: Path, files: Sequence[str], what: str) -> int:
    for name in files:
        if (group / name).is_file():
            rows = (line.split() for line in (group / name).read_text(encoding="ascii").splitlines())
            return next((int(row[1]) for row in rows if row[0] == what), 0)
    return 0
