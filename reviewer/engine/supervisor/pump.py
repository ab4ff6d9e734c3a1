"""Copies an engine's output into its log, which stays bounded: two files, the older one named ``.log.1``."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from reviewer.engine.server import registry
from reviewer.engine.supervisor import smaller

if TYPE_CHECKING:
    from pathlib import Path

_READ_BYTES = 65536


class Pump(threading.Thread):
    """Reads a pipe to its end, whatever happens to the log: a full disk must not block the engine.

    Args:
        source: The pipe.
        log: The log file, which this process has open as its standard output.
        limit: Size in bytes at which the log is rotated.

    Attributes:
        concurrency: Requests of full length that the KV cache holds, from the log; None before the engine logs it.
    """

    def __init__(self, source: int, log: Path, limit: int) -> None:
        super().__init__(name="log", daemon=True)
        self._source = source
        self._log = log
        self._limit = limit
        self._last = b""
        self.concurrency: float | None = None

    def run(self) -> None:
        """Read until the last process has closed the pipe."""
        with suppress(OSError):
            while data := os.read(self._source, _READ_BYTES):
                self._notice(data)
                with suppress(OSError):
                    self._write(data)

    def _notice(self, data: bytes) -> None:
        """Find the figure in the output; the end of a read may cut it."""
        if self.concurrency is None:
            match = smaller.CONCURRENCY.search(self._last + data)
            self._last = data[-200:]
            self.concurrency = float(match[1]) if match else None

    def _write(self, data: bytes) -> None:
        if os.fstat(1).st_size + len(data) > self._limit:
            self._rotate()
        while data:
            data = data[os.write(1, data) :]

    def _rotate(self) -> None:
        try:
            self._log.replace(self._log.with_name(f"{self._log.name}.1"))
            fresh = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        except OSError:  # Windows: it cannot be renamed while it is open
            os.ftruncate(1, 0)
            os.lseek(1, 0, os.SEEK_SET)
        else:
            os.dup2(fresh, 1)
            os.dup2(fresh, 2)
            os.close(fresh)
        os.write(1, f"{registry.CONTINUED_LINE}\n".encode())
