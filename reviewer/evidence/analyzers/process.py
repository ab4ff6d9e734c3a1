"""Runs one analyzer: no shell, bounded output, a time limit, and nothing of it left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MAX_OUTPUT = 32 * 1024 * 1024
"""Bytes of standard output; an analyzer that writes more is stopped."""

_MAX_ERRORS = 64 * 1024  # bytes of standard error that are kept
_CHUNK = 64 * 1024
_TICK = 0.1  # seconds between looks at the clock
_GRACE = 2.0  # seconds for the pipes of a killed process to close


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended.

    Attributes:
        status: Exit status; negative for a signal on POSIX.
        out: Standard output.
        tail: Last line of standard error, for a message; may be empty.
        stopped: Why it was stopped; empty where it ended by itself.
    """

    status: int
    out: bytes
    tail: str
    stopped: str = ""


def run(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float, cancelled: threading.Event) -> Ended:
    """Run a program to its end, or until the time is over, it writes too much, or the caller cancels it.

    Args:
        argv: The program and its arguments.
        cwd: Where it runs.
        env: Its whole environment.
        timeout: Seconds.
        cancelled: Ends the run early when set.

    Raises:
        OSError: The program cannot be started.
    """
    process = subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a group of its own, so that its children can be ended with it
    )
    out, err = _Pipe(process.stdout, MAX_OUTPUT), _Pipe(process.stderr, _MAX_ERRORS, drop=True)
    try:
        stopped = _wait(process, out, time.monotonic() + timeout, timeout, cancelled)
    finally:
        _end(process)
        out.close()
        err.close()
    return Ended(process.returncode, bytes(out.data), _last_line(bytes(err.data)), stopped)


def _wait(
    process: subprocess.Popen[bytes], out: _Pipe, deadline: float, timeout: float, cancelled: threading.Event
) -> str:
    """Wait for the end of the output and of the process; return why it must be stopped, or an empty string."""
    while True:
        if out.ended.wait(_TICK):
            if out.full:
                return f"it wrote more than {MAX_OUTPUT // 2**20} MiB"
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_TICK)
                return ""
        elif process.poll() is not None and out.ended.wait(_TICK):
            continue  # what it wrote last has just been read
        elif process.poll() is not None:
            return ""  # a child that it left behind holds the pipe open
        if cancelled.is_set():
            return "cancelled"
        if time.monotonic() > deadline:
            return f"it took longer than {timeout:g} s"


class _Pipe:
    """Reads a pipe in a thread, so that a full one never blocks the process."""

    def __init__(self, stream: IO[bytes] | None, limit: int, *, drop: bool = False) -> None:
        """Start reading; beyond ``limit`` bytes, drop the first ones or stop."""
        self.data = bytearray()
        self.full = False
        self.ended = threading.Event()
        self._stream = stream
        self._limit = limit
        self._drop = drop
        self._thread = threading.Thread(target=self._read, name="analyzer-output", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait for the rest; a process that escaped may hold the pipe, and is not waited for."""
        self._thread.join(_GRACE)

    def _read(self) -> None:
        if self._stream is not None:
            with self._stream as stream:
                while chunk := os.read(stream.fileno(), _CHUNK):
                    self.data += chunk
                    if len(self.data) > self._limit:
                        if not self._drop:
                            self.full = True
                            break
                        del self.data[: -self._limit]
        self.ended.set()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the process and of its group."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        _end_tree(process.pid)
    process.wait()


def _end_tree(pid: int) -> None:
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for member in [*root.children(recursive=True), root]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()


def _last_line(err: bytes) -> str:
    lines = err.decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
