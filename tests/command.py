"""Runs ``reviewer`` as a process of its own, as a shell or a git hook does."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def reviewer(
    *args: str, cwd: Path, data: bytes = b"", env: dict[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run one command line with nothing but a pipe for a terminal."""
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
