"""The files of the cache on disk: made private, and set aside when they are damaged."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class CacheFiles:
    """The database at ``path`` and what SQLite puts beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None

    def make(self) -> None:
        """Make the file before SQLite would, readable by its owner only: answers quote code.

        Raises:
            OSError: There can be no such file.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._path.is_dir():
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            if os.name == "posix" and self._path.stat().st_mode & 0o077:
                self._path.chmod(0o600)
        self._identity = _identity(self._path)

    def set_aside(self, timeout: float) -> None:
        """Move the file that ``make`` saw out of the way, unless another process has done so meanwhile.

        Raises:
            OSError: It cannot be moved; on Windows, because another process has it open.
            filelock.Timeout: Another process is at it for longer than ``timeout`` seconds.
        """
        from filelock import FileLock

        with FileLock(self._beside(".lock"), timeout=timeout):
            if _identity(self._path) != self._identity:
                return
            older = self.set_aside_files()
            stamp = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}-{time.perf_counter_ns()}"
            for suffix in ("", "-wal", "-shm"):
                file = self._beside(suffix)
                if file.exists():
                    file.rename(self._beside(f".damaged-{stamp}{suffix}"))
            # The newest is enough to look into, and each may be as large as the bound.
            self.remove(older)

    def set_aside_files(self) -> tuple[Path, ...]:
        """Return the damaged files that were kept."""
        return tuple(sorted(self._path.parent.glob(f"{self._path.name}.damaged-*")))

    def size(self) -> int:
        """Return the bytes on disk, the write-ahead log included."""
        return sum(_size(self._beside(suffix)) for suffix in ("", "-wal", "-shm"))

    @staticmethod
    def remove(files: Iterable[Path]) -> None:
        """Remove set-aside files as far as possible."""
        import shutil

        for file in files:
            with contextlib.suppress(OSError):
                if file.is_dir() and not file.is_symlink():
                    shutil.rmtree(file)
                else:
                    file.unlink()

    def _beside(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
