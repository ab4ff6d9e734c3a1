"""Runs ``reviewer`` in forks of a process that has imported it; see ``tests.command``.

Usage: ``python -P prefork.py FD``, where FD is a Unix socket. A request is one message: JSON with ``args``, ``cwd`` and
``env``, and the file descriptors of the standard streams and of a socket of its own. That socket gets the process id,
and then the exit status as ``os.waitpid`` gives it. The process ends when the socket is closed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

_MOST_BYTES = 1 << 20
_LEFT_OUT = ("reviewer.protocols", "reviewer.evaluation", "reviewer.__main__")  # seldom run, and slow to import


def import_commands() -> None:
    """Import what a command imports, so that children need not."""
    import reviewer

    for module in pkgutil.walk_packages(reviewer.__path__, "reviewer."):
        if not module.name.startswith(_LEFT_OUT):
            importlib.import_module(module.name)
    for name in ("anyio._backends._asyncio", "httpcore", "httpx", "jinja2.ext", "rich.live", "rich.progress", "yaml"):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def serve(requests: socket.socket) -> dict[str, Any] | None:
    """Fork for each request; returns the request in the child, and None in the parent at the end."""
    running: dict[int, socket.socket] = {}
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    waiting = selectors.DefaultSelector()
    waiting.register(requests, selectors.EVENT_READ)
    waiting.register(reader, selectors.EVENT_READ)
    while True:
        ready = {key.fileobj for key, _ in waiting.select()}
        if reader in ready:
            reader.recv(4096)
            _report_ended(running)
        if requests in ready:
            message, handles, _, _ = socket.recv_fds(requests, _MOST_BYTES, 4)
            if not message:
                return None
            answer = socket.socket(fileno=handles.pop())
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                waiting.close()
                for one in (*running.values(), answer, requests, reader, writer):
                    one.close()
                _take(handles)
                found: dict[str, Any] = json.loads(message)
                return found
            for handle in handles:
                os.close(handle)
            running[pid] = answer
            _tell(answer, pid)


def _report_ended(running: dict[int, socket.socket]) -> None:
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with running.pop(pid) as answer:
                _tell(answer, status)


def _tell(answer: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # the one who asked has not waited
        answer.sendall(b"%d\n" % number)


def _take(handles: list[int]) -> None:
    """Make these the standard streams, as Python sets them up for files and pipes."""
    for wanted, handle in enumerate(handles):
        os.dup2(handle, wanted)
        os.close(handle)
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115


def main() -> None:
    """Serve; in a child, run the command."""
    import_commands()
    request = serve(socket.socket(fileno=int(sys.argv[1])))
    if request is None:
        return
    from reviewer import __main__

    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    tempfile.tempdir = None  # found anew, from this environment
    sys.argv = [str(Path(__main__.__file__)), *request["args"]]
    __main__.main()


if __name__ == "__main__":
    main()
