"""Runs a helper program (uv, a converter) with its output line by line; an interruption ends its whole process tree."""

from __future__ import annotations

import contextlib
import queue
import secrets
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import psutil

from reviewer import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_TICK = 0.5  # seconds
_GRACE = 3.0  # seconds that an interrupted process tree has to exit before it is killed
_TAIL = 15  # lines


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended: its exit status and the last lines of its output."""

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
) -> Completed:
    """Run a program to its end, with standard output and standard error combined.

    Args:
        argv: The program and its arguments.
        env: Its whole environment.
        cwd: Its working directory.
        on_line: Called with each line, without its end.
        on_tick: Called about every half second.

    Raises:
        OSError: The program cannot be started.
    """
    kept: deque[str] = deque(maxlen=_TAIL)
    marker = f"child:{secrets.token_hex(8)}"
    process = subprocess.Popen(
        list(argv), env={**env, processes.MARKER: marker}, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
    )  # fmt: skip
    try:
        for line in _lines(process, on_tick):
            if line:
                kept.append(line)
            if on_line is not None:
                on_line(line)
        process.wait()
    except BaseException:
        root = psutil.Process(process.pid) if process.poll() is None else None  # its id is not reused before a wait
        processes.end(root, marker, grace=_GRACE)
        process.wait()
        raise
    return Completed(process.returncode, tuple(kept))


def _lines(process: subprocess.Popen[str], on_tick: Callable[[], None] | None) -> Iterator[str]:
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process.stdout, lines), name="child-output", daemon=True)
    reader.start()
    ticked = time.monotonic()
    while reader.is_alive() or not lines.empty():
        with contextlib.suppress(queue.Empty):
            yield lines.get(timeout=_TICK / 5)
        if time.monotonic() - ticked < _TICK:
            continue
        ticked = time.monotonic()
        if on_tick is not None:
            on_tick()
        if process.poll() is not None:  # a grandchild may keep the pipe open forever
            reader.join(_TICK)
            if lines.empty():
                return


def _read(stream: IO[str] | None, lines: queue.Queue[str]) -> None:
    if stream is not None:
        with stream:
            for line in stream:
                lines.put(line.rstrip())
