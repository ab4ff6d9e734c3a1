"""Shared by the benchmarks: measured in alternated pairs, told as medians and their ratio.

A machine's speed drifts while a benchmark runs. Two things that are to be compared are therefore run in turns, and the
order within a turn changes each time; figures of different runs are never compared.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

# Some environments switch it off; a user's Python compiles a program once.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@dataclass(frozen=True)
class Pair:
    """Values of two things that were measured in turns, in the same unit."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Median of ours over median of theirs; below 1 is in our favour."""
        return statistics.median(self.ours) / statistics.median(self.theirs)


def alternate(ours: Callable[[], float], theirs: Callable[[], float], times: int) -> Pair:
    """Measure both ``times`` times, the first of each turn being ours and theirs in turns."""
    pair = Pair()
    for turn in range(times):
        steps = [(pair.ours, ours), (pair.theirs, theirs)]
        for values, measure in steps if turn % 2 == 0 else reversed(steps):
            values.append(measure())
    return pair


def cpu_seconds(argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> float:
    """Run a command and return its user and system time, children it waited for included.

    Raises:
        RuntimeError: It failed.
    """
    process = subprocess.Popen(argv, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode != 0:
        raise RuntimeError(f"{argv} ended with {process.returncode}: {errors.decode(errors='replace')}")
    return usage.ru_utime + usage.ru_stime


@contextmanager
def stopwatch(values: list[float]) -> Iterator[None]:
    """Append the wall time of the block, in seconds."""
    start = time.perf_counter()
    yield
    values.append(time.perf_counter() - start)


def git(repo: Path, *args: str) -> str:
    """Run git quietly and return what it prints."""
    return subprocess.run(
        ["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", *args],
        cwd=repo,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def spread(values: Sequence[float], unit: str = "s") -> str:
    """Median and range: ``0.123 s (0.120 to 0.140, n=15)``."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.3f} {unit} ({low:.3f} to {high:.3f}, n={len(values)})"


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Two columns, the first as wide as it must be."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def machine() -> str:
    """The machine in words, for a record of figures."""
    name = platform.processor() or platform.machine()
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores ({name}), Python {platform.python_version()}"
    )


def verdict(name: str, value: float, at_most: float) -> tuple[str, str]:
    """A row that sets a figure beside its goal."""
    return name, f"{value:.2f} (goal: at most {at_most:g}) {'met' if value <= at_most else 'NOT met'}"
