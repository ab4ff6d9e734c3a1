"""Runs ``reviewer`` as a process of its own, as a shell or a git hook does.

Python's start and the imports take longer than most commands. On Linux they are therefore done once: a command runs in
a fork of a process that has imported the package (``tests.prefork``), with its own streams, folder and environment, and
it ends as any Python process ends. Hooks run by git, ``reviewer_anew`` and everything that tests start themselves are
processes from the start.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# A process reads these when it starts or imports; another value of one needs a process of its own.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "PATH", "LD_", "GIT_PYTHON")


def reviewer(
    *args: str, cwd: Path, data: bytes = b"", env: dict[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run one command line with nothing but a pipe for a terminal."""
    whole = {**os.environ, **(env or {})}
    if sys.platform != "linux" or _read_at_start(whole) != _read_at_start(dict(os.environ)):
        return reviewer_anew(*args, cwd=cwd, data=data, env=env, timeout=timeout)
    server, started_with = _prefork(os.getpid())
    if _read_at_start(whole) != started_with:
        return reviewer_anew(*args, cwd=cwd, data=data, env=env, timeout=timeout)
    ends = [os.pipe() for _ in range(3)]
    (read, give), (get_out, write_out), (get_err, write_err) = ends
    theirs = [read, write_out, write_err]
    code = _start(server, {"args": args, "cwd": str(cwd), "env": whole}, theirs)
    for handle in theirs:
        os.close(handle)
    # As subprocess.run does: the call ends when nobody holds the streams any more.
    with ThreadPoolExecutor(3) as threads:
        threads.submit(_feed, give, data)
        out, err = threads.submit(_drain, get_out), threads.submit(_drain, get_err)
        status = code(timeout)
    return subprocess.CompletedProcess(["reviewer", *args], status, out.result(), err.result())


def _feed(handle: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), open(handle, "wb") as stream:
        stream.write(data)


def _drain(handle: int) -> str:
    with open(handle, encoding="utf-8") as stream:
        return stream.read()


def reviewer_anew(
    *args: str, cwd: Path, data: bytes = b"", env: dict[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """The same, in a Python process that is started for it."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "reviewer", *args],
        cwd=cwd,
        input=data.decode(),
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        env={**os.environ, **(env or {})},
    )


def _read_at_start(env: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_READ_AT_START)}


@functools.cache
def _prefork(_pid: int) -> tuple[socket.socket, dict[str, str]]:
    """Start the process that forks, for this process; return its socket and the variables that it started with."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("prefork.py")), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours, _read_at_start(dict(os.environ))


def _start(server: socket.socket, request: dict[str, object], streams: list[int]) -> Callable[[float], int]:
    """Start one command; returns what waits for its exit code, which is negative where a signal ended it."""
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(server, [json.dumps(request).encode()], [*streams, theirs.fileno()])

    def wait(timeout: float) -> int:
        with ours, ours.makefile("r") as answers:
            ours.settimeout(timeout)
            pid = int(answers.readline())
            try:
                return os.waitstatus_to_exitcode(int(answers.readline()))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(["reviewer"], timeout) from None

    return wait
