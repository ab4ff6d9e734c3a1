"""A command line of the user's, run through the shell with a time limit; no process of it is left running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import FrameType

_GRACE = 2.0  # seconds between asking a process to end and killing it
_TAIL_BYTES = 8192
_TAIL_LINES = 12


class Outcome(StrEnum):
    """How a command ended."""

    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed out"


@dataclass(frozen=True, slots=True)
class Run:
    """The outcome of a command.

    Attributes:
        status: Exit status; negative for a signal, None after a time-out.
        tail: The last lines of its output, both streams together.
    """

    outcome: Outcome
    seconds: float
    status: int | None
    tail: tuple[str, ...] = ()


def run(command: str, folder: Path, log: Path, env: Mapping[str, str], timeout: float, *, marker: str = "") -> Run:
    """Run a command line through the shell, with empty standard input.

    Args:
        command: As the user typed it.
        folder: Where it runs.
        log: The file for its output.
        env: Its whole environment.
        timeout: In seconds.
        marker: Identifies its processes, for ``processes.end``; a new one where empty.

    Raises:
        OSError: There is no shell.
    """
    import psutil

    from reviewer import processes

    marker = marker or f"check-{uuid.uuid4().hex}"
    began = time.monotonic()
    with log.open("wb") as output:
        # It is the user's own command line, typed for a shell.
        child = subprocess.Popen(  # noqa: S602
            command, shell=True,  # nosec B602
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=folder,
            env={**env, processes.MARKER: marker}, start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )  # fmt: skip
        try:
            try:
                status = child.wait(timeout)
            except subprocess.TimeoutExpired:
                status = None
            seconds = time.monotonic() - began
        finally:
            # Also what it left running in the background.
            root = psutil.Process(child.pid) if child.poll() is None else None
            processes.end(root, marker, grace=_GRACE)
            child.wait()
    outcome = Outcome.TIMED_OUT if status is None else Outcome.FAILED if status else Outcome.PASSED
    return Run(outcome, seconds, status, _tail(log))


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first signal to end into ``KeyboardInterrupt``, and ignore further ones during the clean-up."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}

    def leave(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        if before[number] != signal.SIG_IGN:  # nohup, or a job in a shell's background
            signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tail(log: Path) -> tuple[str, ...]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            data = file.read()
    except OSError:
        return ()
    lines = [line.rstrip() for line in data.decode("utf-8", "replace").splitlines()]
    return tuple([line for line in lines if line][-_TAIL_LINES:])
