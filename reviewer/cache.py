"""Answers of the model, kept between runs, so that a repeated review costs no model call.

One SQLite file in WAL mode. The caller's key is a digest of everything that shaped an answer, so an entry never goes
stale; it only goes unused, and the least recently used ones leave when the file's share of the disk is full.

A cache must never be the reason why a review fails. A damaged file is set aside and a new one begun; where there can
be no file at all the cache is off, says why in ``AnswerCache.problem``, and every lookup is a miss.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    _Work = Callable[["sqlite3.Connection"], "_T"]

_T = TypeVar("_T")

DEFAULT_MAX_BYTES: Final = 256 * 1024 * 1024

_VERSION: Final = 1
_BUSY_SECONDS: Final = 5.0
# A lookup writes the time of use only when the recorded one is older than this: reads then stay reads.
_TOUCH_SECONDS: Final = 60.0
# What a row costs beside its value: key, times, index entry, page slack (measured: about 250 bytes).
_ROW_BYTES: Final = 256
# Eviction goes below the bound by this share, so that a full cache does not evict at every store.
_EVICT_TO: Final = 0.9

# The triggers keep the sum of all sizes in one row: the bound is then checked without a scan, inside the transaction.
_SCHEMA: Final = """
CREATE TABLE answers (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value BLOB NOT NULL, crc INTEGER NOT NULL,
    bytes INTEGER NOT NULL, used REAL NOT NULL
);
CREATE INDEX answers_by_use ON answers (used, id, bytes);
CREATE TABLE total (bytes INTEGER NOT NULL, entries INTEGER NOT NULL);
INSERT INTO total VALUES (0, 0);
CREATE TRIGGER answer_added AFTER INSERT ON answers BEGIN
    UPDATE total SET bytes = bytes + NEW.bytes, entries = entries + 1;
END;
CREATE TRIGGER answer_removed AFTER DELETE ON answers BEGIN
    UPDATE total SET bytes = bytes - OLD.bytes, entries = entries - 1;
END;
CREATE TRIGGER answer_replaced AFTER UPDATE OF bytes ON answers BEGIN
    UPDATE total SET bytes = bytes + NEW.bytes - OLD.bytes;
END;
"""
_STORE: Final = """
INSERT INTO answers (key, value, crc, bytes, used) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key)
DO UPDATE SET value = excluded.value, crc = excluded.crc, bytes = excluded.bytes, used = excluded.used
"""
_EVICT: Final = """
DELETE FROM answers WHERE id IN (
    SELECT id FROM (SELECT id, bytes, sum(bytes) OVER (ORDER BY used, id) AS freed FROM answers)
    WHERE freed - bytes < ?
)
"""


def key(parts: Mapping[str, object]) -> str:
    """Digest everything that shaped an answer.

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
    """What the cache holds.

    Attributes:
        bytes: What the entries count against ``max_bytes``.
        file_bytes: What the files take on disk, the write-ahead log included.
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
        path: The SQLite file; made, with its folder, when first needed.
        max_bytes: Bound for all entries together; the file may be about a tenth larger.
        clock: Seconds since the epoch, for tests.
    """

    def __init__(
        self, path: Path, max_bytes: int = DEFAULT_MAX_BYTES, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.problem: str | None = None
        self._clock = clock
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._hits = 0
        self._misses = 0

    def get(self, key: str) -> str | None:
        """Return the answer stored under ``key``, or None."""
        value = self._run(lambda connection: self._read(connection, key), None)
        if value is None:
            self._misses += 1
        else:
            self._hits += 1
        return value

    def put(self, key: str, value: str) -> None:
        """Store an answer; one that alone exceeds the bound is not kept."""
        # A reply decoded from JSON may hold a lone surrogate, which SQLite's TEXT refuses.
        data = value.encode("utf-8", "surrogatepass")
        if len(data) + _ROW_BYTES <= self.max_bytes:
            self._run(lambda connection: self._write(connection, key, data), None)

    def stats(self) -> CacheStats:
        """Count what is there; of a cache that does not exist yet, without making it."""
        nothing: tuple[int, int, float | None] = (0, 0, None)
        entries, size, oldest = self._run(_totals, nothing) if self.path.exists() else nothing
        return CacheStats(
            path=self.path,
            entries=entries,
            bytes=size,
            max_bytes=self.max_bytes,
            file_bytes=sum(_size(file) for file in self._files()),
            oldest=oldest,
            hits=self._hits,
            misses=self._misses,
            set_aside=self._damaged_files(),
            problem=self.problem,
        )

    def clear(self) -> int:
        """Forget every answer, also on disk, set-aside files included.

        Returns:
            How many answers were removed.
        """
        removed = self._run(_erase, 0) if self.path.exists() else 0
        for file in self._damaged_files():
            _remove(file)
        return removed

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            if self._connection is not None:
                with contextlib.suppress(OSError, *_errors()):
                    self._connection.close()
                self._connection = None

    def __enter__(self) -> AnswerCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, work: _Work[_T], missed: _T) -> _T:
        """Do ``work``; a damaged file is replaced and the work done once more; any other trouble gives ``missed``."""
        error = _errors()
        with self._lock:
            for attempt in (1, 2):
                if self.problem is not None:
                    break
                try:
                    return work(self._open())
                except error as trouble:
                    if _is_busy(trouble):
                        break
                    self.close()
                    if attempt == 1 and self._is_damage(trouble):
                        self._replace_file(str(trouble))
                    else:
                        self.problem = f"{self.path}: {trouble}"
                except OSError as trouble:
                    self.close()
                    self.problem = f"{self.path}: {trouble.strerror or trouble}"
        return missed

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            import sqlite3

            self._make_file()
            # Autocommit: each statement that must not stand alone is put in a transaction by hand.
            self._connection = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._prepare(self._connection)
        return self._connection

    def _make_file(self) -> None:
        """Make the file before SQLite would, readable by its owner only: answers quote code."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.path.is_dir():
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            if os.name == "posix" and self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)
        self._identity = _identity(self.path)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA synchronous = NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == _VERSION:
            return
        with contextlib.suppress(*_errors()):  # another process is switching it over at this moment
            connection.execute("PRAGMA journal_mode = WAL")
        with _transaction(connection):
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if version == 0 and tables == 0:
                for statement in _statements(_SCHEMA):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            elif version != _VERSION:
                raise _DamageError(f"schema version {version} instead of {_VERSION}")

    def _read(self, connection: sqlite3.Connection, key: str) -> str | None:
        row = connection.execute("SELECT value, crc, used FROM answers WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        value, crc, used = row
        # SQLite notices a damaged page header, not a damaged byte of a value.
        if not isinstance(value, bytes) or zlib.crc32(value) != crc:
            raise _DamageError("checksum of an answer is wrong")
        now = self._clock()
        if abs(now - used) > _TOUCH_SECONDS:
            connection.execute("UPDATE answers SET used = ? WHERE key = ?", (now, key))
        text: str = value.decode("utf-8", "surrogatepass")
        return text

    def _write(self, connection: sqlite3.Connection, key: str, data: bytes) -> None:
        now = self._clock()
        with _transaction(connection):
            connection.execute(_STORE, (key, data, zlib.crc32(data), len(data) + _ROW_BYTES, now))
            (total,) = connection.execute("SELECT bytes FROM total").fetchone()
            if total > self.max_bytes:
                connection.execute(_EVICT, (total - self.max_bytes * _EVICT_TO,))

    def _is_damage(self, trouble: Exception) -> bool:
        """Whether a new file would help, as opposed to a full disk or a folder that may not be written."""
        import sqlite3

        if isinstance(trouble, _DamageError) or self.path.is_dir():
            return True
        code = getattr(trouble, "sqlite_errorcode", 0) & 0xFF
        return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA}

    def _replace_file(self, reason: str) -> None:
        """Move the damaged file out of the way, unless another process has done so meanwhile."""
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.path.with_name(self.path.name + ".lock"), timeout=_BUSY_SECONDS):
                if _identity(self.path) == self._identity:
                    self._set_aside()
        except (OSError, Timeout) as trouble:
            self.problem = f"{self.path} is damaged ({reason}) and cannot be moved: {trouble}"

    def _set_aside(self) -> None:
        older = self._damaged_files()
        stamp = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}-{time.perf_counter_ns()}"
        for file in self._files():
            if file.exists():
                suffix = file.name.removeprefix(self.path.name)
                file.rename(self.path.with_name(f"{self.path.name}.damaged-{stamp}{suffix}"))
        for file in older:  # the newest is enough to look into, and each may be as large as the bound
            _remove(file)

    def _files(self) -> tuple[Path, Path, Path]:
        return (
            self.path,
            self.path.with_name(self.path.name + "-wal"),
            self.path.with_name(self.path.name + "-shm"),
        )

    def _damaged_files(self) -> tuple[Path, ...]:
        return tuple(sorted(self.path.parent.glob(f"{self.path.name}.damaged-*")))


class _DamageError(Exception):
    """What SQLite itself does not notice: another program's or version's database, a changed byte of a value."""


def _errors() -> tuple[type[Exception], ...]:
    import sqlite3

    return (sqlite3.Error, _DamageError)


def _is_busy(trouble: Exception) -> bool:
    import sqlite3

    return getattr(trouble, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    # IMMEDIATE takes the write lock at once, so that the busy timeout applies; a later upgrade would fail instead.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    """Split a script, because ``executescript`` would commit the open transaction first."""
    import sqlite3

    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _totals(connection: sqlite3.Connection) -> tuple[int, int, float | None]:
    size, entries = connection.execute("SELECT bytes, entries FROM total").fetchone()
    (oldest,) = connection.execute("SELECT min(used) FROM answers").fetchone()
    return entries, size, oldest


def _erase(connection: sqlite3.Connection) -> int:
    with _transaction(connection):
        (entries,) = connection.execute("SELECT entries FROM total").fetchone()
        connection.execute("DELETE FROM answers")
    # Deleted rows stay readable in free pages and in the log until both are rewritten. Others may be reading: no harm.
    with contextlib.suppress(*_errors()):
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    count: int = entries
    return count


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


def _remove(path: Path) -> None:
    import shutil

    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
