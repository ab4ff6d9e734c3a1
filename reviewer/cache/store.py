"""One SQLite file that is only a cache: opened when first needed, replaced when damaged, off when it cannot be had.

What is kept in it must be such that it can be made again: a damaged file is set aside and a new one begun, a busy one
is a miss, and where there can be no file at all ``Store.problem`` says why.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, TypeVar

from reviewer.cache import database
from reviewer.cache.files import CacheFiles

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    _Work = Callable[["sqlite3.Connection"], "_T"]

_T = TypeVar("_T")


class Store:
    """One such file, shared by any number of processes and threads.

    Args:
        path: The SQLite file; made, with its folder, when first needed.
        prepare: Makes the tables where the file is new; raises ``database.DamageError`` where it is another's.
        busy_seconds: How long to wait for others that write.

    Attributes:
        files: The file and what lies beside it.
        problem: Why the store is off; None when it works.
    """

    def __init__(self, path: Path, prepare: Callable[[sqlite3.Connection], None], *, busy_seconds: float) -> None:
        self.path = path
        self.files = CacheFiles(path)
        self.problem: str | None = None
        self._prepare = prepare
        self._busy_seconds = busy_seconds
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def run(self, work: _Work[_T], missed: _T) -> _T:
        """Do ``work``; a damaged file is replaced and the work done once more; any other trouble gives ``missed``."""
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

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.files.make()
            self._connection = database.connect(self.path, self._busy_seconds)
            self._prepare(self._connection)
        return self._connection

    def _replace_file(self, reason: str) -> None:
        from filelock import Timeout

        try:
            self.files.set_aside(self._busy_seconds)
        except (OSError, Timeout) as trouble:
            self.problem = f"{self.path} is damaged ({reason}) and cannot be moved: {trouble}"
