"""The SQLite file of a cache: opened when first needed, replaced when damaged, off when it cannot be opened."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from reviewer import files
from reviewer.cache import database
from reviewer.errors import in_words

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
    from pathlib import Path

    _Work = Callable[["sqlite3.Connection"], "_T"]

_T = TypeVar("_T")
_SUFFIXES = ("", "-wal", "-shm")  # what SQLite puts beside the database


class Store:
    """One such file, shared by any number of processes and threads.

    Args:
        path: The SQLite file; created, with its folder, when first needed.
        busy_seconds: How long to wait for other processes that write.

    Attributes:
        problem: Why the store is off; None when it works.
    """

    def __init__(self, path: Path, *, busy_seconds: float) -> None:
        self.path = path
        self.problem: str | None = None
        self._busy_seconds = busy_seconds
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None

    def run(self, work: _Work[_T], missed: _T) -> _T:
        """Do ``work``; a damaged file is replaced and the work repeated once; other trouble returns ``missed``."""
        with self._lock:
            for attempt in (1, 2):
                if self.problem is not None:
                    break
                try:
                    return work(self._open())
                except database.errors() as trouble:
                    if database.is_busy(trouble):
                        break
                    self.close()
                    if attempt == 1 and (database.is_damage(trouble) or self.path.is_dir()):
                        self._replace_file(str(trouble))
                    else:
                        self.problem = f"{self.path}: {trouble}"
                except OSError as trouble:
                    self.close()
                    self.problem = f"{self.path}: {trouble.strerror or trouble}"
        return missed

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            if self._connection is not None:
                with contextlib.suppress(OSError, *database.errors()):
                    self._connection.close()
                self._connection = None

    def size(self) -> int:
        """Return the bytes on disk, including the write-ahead log."""
        return sum(_size(self._beside(suffix)) for suffix in _SUFFIXES)

    def set_aside_files(self) -> tuple[Path, ...]:
        """Return the damaged files that were kept."""
        return tuple(sorted(self.path.parent.glob(f"{self.path.name}.damaged-*")))

    def remove_set_aside(self) -> None:
        """Remove the damaged files as far as possible."""
        _remove(self.set_aside_files())

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._create()
            self._connection = database.connect(self.path, self._busy_seconds)
            database.prepare(self._connection)
        return self._connection

    def _create(self) -> None:
        """Create the file before SQLite does, readable by its owner only: answers quote code."""
        files.make_folder(self.path.parent, 0o700)
        if not self.path.is_dir():
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            if os.name == "posix" and self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)
        self._opened = _identity(self.path)

    def _replace_file(self, reason: str) -> None:
        from filelock import Timeout

        try:
            self._set_aside()
        except (OSError, Timeout) as trouble:
            self.problem = f"{self.path} is damaged ({reason}) and cannot be moved: {in_words(trouble)}"

    def _set_aside(self) -> None:
        """Rename the file that was opened, unless another process has done so already."""
        from filelock import FileLock

        with FileLock(self._beside(".lock"), timeout=self._busy_seconds):
            if _identity(self.path) != self._opened:
                return
            older = self.set_aside_files()
            stamp = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}-{time.perf_counter_ns()}"
            for suffix in _SUFFIXES:
                file = self._beside(suffix)
                if file.exists():
                    file.rename(self._beside(f".damaged-{stamp}{suffix}"))
            # Each may be as large as the bound, and the newest is enough to examine.
            _remove(older)

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)


def _remove(files: Iterable[Path]) -> None:
    import shutil

    for file in files:
        with contextlib.suppress(OSError):
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file)
            else:
                file.unlink()


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
