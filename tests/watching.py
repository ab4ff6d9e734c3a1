"""Runs ``reviewer watch`` as a process and waits for what it says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self


class Watching:
    """One watcher; a context manager that ends it, should the test have left it running.

    Args:
        root: Where it runs.
        args: More of its command line.
        env: More environment.
    """

    def __init__(self, root: Path, *args: str, env: dict[str, str] | None = None) -> None:
        with tempfile.NamedTemporaryFile(prefix="watch-", delete=False) as file:
            self._log = Path(file.name)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "reviewer", "watch", *args],
                cwd=root, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(env or {})},
                start_new_session=os.name == "posix",
            )  # fmt: skip

    def lines(self) -> list[str]:
        """What it has said so far."""
        return self._log.read_text(encoding="utf-8").splitlines()

    def until(self, words: str, *, times: int = 1, seconds: float = 60) -> str:
        """Wait until it has said a line with these words, and return the last such line."""
        deadline = time.monotonic() + seconds
        while len(found := [line for line in self.lines() if words in line]) < times:
            assert self.process.poll() is None, self.lines()
            assert time.monotonic() < deadline, (words, self.lines())
            time.sleep(0.05)
        return found[-1]

    def leave(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._log.unlink()
