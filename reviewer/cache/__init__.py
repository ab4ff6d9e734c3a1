"""The model's answers, kept between runs, so that a repeated review costs no model call.

One SQLite file in WAL mode. The key is a digest of everything that affects an answer, so an entry is never stale; the
least recently used ones are removed when the file reaches its bound.

A cache must never make a review fail. A damaged file is set aside and replaced; where no file can be opened, the cache
is off, ``AnswerCache.problem`` is the reason, and every lookup is a miss.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reviewer import paths
from reviewer.cache import database
from reviewer.cache.store import Store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["DEFAULT_MAX_BYTES", "AnswerCache", "CacheStats", "default_path", "key"]

DEFAULT_MAX_BYTES: Final = 256 * 1024 * 1024

_BUSY_SECONDS: Final = 5.0
# A lookup writes the time of use only when the recorded one is older than this: reads then stay reads.
_TOUCH_SECONDS: Final = 60.0


def default_path() -> Path:
    """Return the file that all reviews of this user share."""
    return paths.cache_dir() / "answers.sqlite3"


def key(parts: Mapping[str, object]) -> str:
    """Digest everything that affects an answer.

    Args:
        parts: Plain JSON values; their order does not matter, their types do (``1`` is not ``True`` nor ``"1"``).

    Returns:
        SHA-256 of the canonical JSON, 64 hexadecimal digits.

    Raises:
        TypeError: A part is not a JSON value.
        ValueError: A part is NaN or infinite.
    """
    text = json.dumps(dict(parts), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Statistics of the cache.

    Attributes:
        bytes: Size of the entries, as counted against ``max_bytes``.
        file_bytes: Size on disk, including the write-ahead log.
        oldest: When the least recently used entry was last used, in seconds since the epoch; None where it is empty.
        hits, misses: Of this process.
        set_aside: Damaged files that were kept.
        problem: Why the cache is off; None when it works.
    """

    path: Path
    entries: int
    bytes: int
    max_bytes: int
    file_bytes: int
    oldest: float | None
    hits: int
    misses: int
    set_aside: tuple[Path, ...]
    problem: str | None


class AnswerCache:
    """A bounded store of answers in one file, shared by any number of processes and threads.

    The file is opened by the first call, not by the constructor.

    Args:
        path: The SQLite file; created, with its folder, when first needed.
        max_bytes: Bound for all entries together; the file may be about a tenth larger.
        clock: Seconds since the epoch, for tests.
    """

    def __init__(
        self, path: Path, max_bytes: int = DEFAULT_MAX_BYTES, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._store = Store(path, busy_seconds=_BUSY_SECONDS)
        self._clock = clock
        self._hits = 0
        self._misses = 0

    @property
    def problem(self) -> str | None:
        """Why the cache is off; None when it works."""
        return self._store.problem

    def get(self, key: str) -> str | None:
        """Return the answer stored under ``key``, or None."""
        data = self._store.run(lambda connection: self._read(connection, key), None)
        if data is None:
            self._misses += 1
            return None
        self._hits += 1
        return data.decode("utf-8", "surrogatepass")

    def put(self, key: str, value: str) -> None:
        """Store an answer, unless it alone exceeds the bound."""
        # A reply decoded from JSON may hold a lone surrogate, which SQLite's TEXT refuses.
        data = value.encode("utf-8", "surrogatepass")
        if database.cost(data) <= self.max_bytes:
            self._store.run(lambda connection: self._write(connection, key, data), None)

    def stats(self) -> CacheStats:
        """Return statistics; does not create a missing cache."""
        nothing = database.Totals(entries=0, bytes=0, oldest=None)
        totals = self._store.run(database.totals, nothing) if self.path.exists() else nothing
        return CacheStats(
            path=self.path,
            entries=totals.entries,
            bytes=totals.bytes,
            max_bytes=self.max_bytes,
            file_bytes=self._store.size(),
            oldest=totals.oldest,
            hits=self._hits,
            misses=self._misses,
            set_aside=self._store.set_aside_files(),
            problem=self.problem,
        )

    def clear(self) -> int:
        """Remove every answer, and files that were set aside; return how many answers there were."""
        removed = self._store.run(database.erase, 0) if self.path.exists() else 0
        self._store.remove_set_aside()
        return removed

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        self._store.close()

    def __enter__(self) -> AnswerCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, connection: sqlite3.Connection, key: str) -> bytes | None:
        row = database.read(connection, key)
        if row is None:
            return None
        data, used = row
        now = self._clock()
        if abs(now - used) > _TOUCH_SECONDS:
            database.touch(connection, key, now)
        return data

    def _write(self, connection: sqlite3.Connection, key: str, data: bytes) -> None:
        database.store(connection, key, data, self._clock(), self.max_bytes)
