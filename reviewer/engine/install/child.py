"""Runs a helper program (uv, the converter) so that it never outlives us and never goes silent.

Its lines arrive as they are written, a tick comes every half second in between, and its last lines are kept, because
a failure must quote the child's own words. Whatever ends the wait early (Ctrl-C above all) ends its whole process tree.
"""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_TICK = 0.5  # seconds
_GRACE = 3.0  # seconds between asking a process tree to end and ending it


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended: its exit status and the last lines that it wrote."""

    returncode: int
    tail: tuple[str, ...]

    @property
    def quoted(self) -> str:
        """The last lines, indented for a message."""
        return "\n".join(f"  {line}" for line in self.tail)


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    on_tick: Callable[[], None] | None = None,
    tail: int = 15,
) -> Outcome:
    """Run a program to its end, standard output and standard error together.

    Args:
        argv: The program and its arguments.
        env: Its whole environment.
        cwd: Where it runs.
        on_line: Called with each line, without its end.
        on_tick: Called about every half second.
        tail: How many of the last lines to keep.

    Raises:
        OSError: The program cannot be started.
    """
    lines: queue.Queue[str] = queue.Queue()
    kept: deque[str] = deque(maxlen=tail)

    def take(line: str) -> None:
        if line:
            kept.append(line)
        if on_line is not None:
            on_line(line)

    process = subprocess.Popen(
        list(argv),
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    try:
        reader = threading.Thread(target=_read, args=(process.stdout, lines), name="child-output", daemon=True)
        reader.start()
        for line in _follow(process, reader, lines, on_tick):
            take(line)
        process.wait()
    except BaseException:
        end_tree(process.pid)
        process.wait()
        raise
    return Outcome(process.returncode, tuple(kept))


def end_tree(pid: int) -> None:
    """End a process and all its descendants: ask, wait a little, then force."""
    import psutil

    try:
        root = psutil.Process(pid)
        family = [*root.children(recursive=True), root]
    except psutil.NoSuchProcess:
        return
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.terminate()
    _, alive = psutil.wait_procs(family, timeout=_GRACE)
    for member in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(alive, timeout=_GRACE)


def _read(stream: IO[str] | None, lines: queue.Queue[str]) -> None:
    if stream is not None:
        with stream:
            for line in stream:
                lines.put(line.rstrip())


def _follow(
    process: subprocess.Popen[str],
    reader: threading.Thread,
    lines: queue.Queue[str],
    on_tick: Callable[[], None] | None,
) -> Iterator[str]:
    ticked = time.monotonic()
    while reader.is_alive() or not lines.empty():
        with contextlib.suppress(queue.Empty):
            yield lines.get(timeout=_TICK / 5)
        if time.monotonic() - ticked < _TICK:
            continue
        ticked = time.monotonic()
        if on_tick is not None:
            on_tick()
        if process.poll() is not None:  # a grandchild may hold the pipe open for ever
            reader.join(_TICK)
            if lines.empty():
                return
