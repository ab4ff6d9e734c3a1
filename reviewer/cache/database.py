"""The cache's SQLite database: schema, queries, and which errors mean that the file is damaged.

``sqlite3`` is imported inside functions, because a hook with nothing to review does not need it.
"""

from __future__ import annotations

import contextlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

_VERSION: Final = 1
# Size of a row without its value: key, times, index entries, slack of its page.
_ROW_BYTES: Final = 256
# Eviction goes down to this share of the bound, so that a full cache does not evict at every store.
_EVICT_TO: Final = 0.9

# The triggers keep the sum of all sizes in one row, so that the bound is checked without a scan.
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


class DamageError(Exception):
    """Damage that SQLite does not detect: a database of another program or version, a changed byte of a value."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Number and size of the answers, and when the oldest was last used."""

    entries: int
    bytes: int
    oldest: float | None


def errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that this module's functions raise."""
    import sqlite3

    return (sqlite3.Error, DamageError)


def is_busy(trouble: Exception) -> bool:
    """Whether other processes held the file for longer than the busy time-out."""
    import sqlite3

    return _code(trouble) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}


def is_damage(trouble: Exception) -> bool:
    """Whether a new file would help, as opposed to a full disk or a folder that may not be written."""
    import sqlite3

    # SQLITE_ERROR is a missing table or column here: the statements themselves are right.
    damages = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA}
    return isinstance(trouble, DamageError) or _code(trouble) in damages


def cost(data: bytes) -> int:
    """Return an answer's size, as counted against the bound."""
    return len(data) + _ROW_BYTES


def connect(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """Connect in autocommit mode; transactions are explicit. Any thread may use it, one at a time."""
    import sqlite3

    return sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)


def prepare(connection: sqlite3.Connection) -> None:
    """Create the tables where the file is new.

    Raises:
        DamageError: The file belongs to another program or version.
    """
    connection.execute("PRAGMA synchronous = NORMAL")
    if _version(connection) == _VERSION:
        return
    with contextlib.suppress(*errors()):  # another process is doing it at this moment
        connection.execute("PRAGMA journal_mode = WAL")
    with transaction(connection):
        found = _version(connection)
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if found == 0 and tables == 0:
            for statement in _statements(_SCHEMA):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        elif found != _VERSION:
            raise DamageError(f"schema version {found} instead of {_VERSION}")


def read(connection: sqlite3.Connection, key: str) -> tuple[bytes, float] | None:
    """Return an answer and when it was last used; None where there is none.

    Raises:
        DamageError: The answer's checksum is wrong.
    """
    row = connection.execute("SELECT value, crc, used FROM answers WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    value, crc, used = row
    # SQLite detects a damaged page header, not a damaged byte of a value.
    if not isinstance(value, bytes) or zlib.crc32(value) != crc:
        raise DamageError("checksum of an answer is wrong")
    return value, used


def touch(connection: sqlite3.Connection, key: str, now: float) -> None:
    """Record a use, unless another process is writing: the answer matters more than its rank."""
    (busy_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    try:
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("UPDATE answers SET used = ? WHERE key = ?", (now, key))
    except errors() as trouble:
        if not is_busy(trouble):
            raise
    finally:
        connection.execute(f"PRAGMA busy_timeout = {busy_ms}")


def store(connection: sqlite3.Connection, key: str, data: bytes, now: float, max_bytes: int) -> None:
    """Store an answer and evict the least recently used ones beyond the bound, in one transaction."""
    with transaction(connection):
        connection.execute(_STORE, (key, data, zlib.crc32(data), cost(data), now))
        (total,) = connection.execute("SELECT bytes FROM total").fetchone()
        if total > max_bytes:
            connection.execute(_EVICT, (total - max_bytes * _EVICT_TO,))


def totals(connection: sqlite3.Connection) -> Totals:
    """Count without a scan."""
    size, entries = connection.execute("SELECT bytes, entries FROM total").fetchone()
    (oldest,) = connection.execute("SELECT min(used) FROM answers").fetchone()
    return Totals(entries, size, oldest)


def erase(connection: sqlite3.Connection) -> int:
    """Remove every answer, also from free pages and the log, and return how many there were."""
    with transaction(connection):
        (entries,) = connection.execute("SELECT entries FROM total").fetchone()
        connection.execute("DELETE FROM answers")
    # Deleted rows stay readable until the file is rewritten, which fails while another process reads it.
    with contextlib.suppress(*errors()):
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    count: int = entries
    return count


def _code(trouble: Exception) -> int:
    code: int = getattr(trouble, "sqlite_errorcode", 0)
    return code & 0xFF


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    number: int = version
    return number


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run a group of statements as one transaction."""
    # IMMEDIATE takes the write lock at once, so that the busy time-out applies; a later upgrade would fail instead.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    """Split a script: ``executescript`` would commit the open transaction first."""
    import sqlite3

    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
