"""The index's SQLite tables: which blob defines which names, and which names it calls.

Rows belong to a blob and not to a path or a revision, so they never go stale. Which blobs are those of the revision
under review is said by a temporary table, once for each review.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reviewer.cache.database import DamageError, compact, make_tables, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

# Bumped, too, whenever a blob could be read differently.
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE blobs (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
CREATE TABLE definitions (
    name TEXT NOT NULL, blob INTEGER NOT NULL, qualified TEXT NOT NULL, kind TEXT NOT NULL, line INTEGER NOT NULL,
    text TEXT NOT NULL, crc INTEGER NOT NULL
);
CREATE INDEX definitions_by_name ON definitions (name, blob);
CREATE INDEX definitions_by_blob ON definitions (blob);
CREATE TABLE calls (name TEXT NOT NULL, blob INTEGER NOT NULL, PRIMARY KEY (name, blob)) WITHOUT ROWID;
CREATE INDEX calls_by_blob ON calls (blob);
"""
_CURRENT: Final = "CREATE TEMP TABLE IF NOT EXISTS current (id INTEGER PRIMARY KEY)"
_DEFINED: Final = """
SELECT d.name, b.key, d.qualified, d.kind, d.line, d.text, d.crc
FROM json_each(?) AS wanted JOIN definitions AS d ON d.name = wanted.value
JOIN current ON current.id = d.blob JOIN blobs AS b ON b.id = d.blob ORDER BY d.name, b.key, d.line LIMIT ?
"""
_CALLED: Final = """
SELECT b.key FROM calls AS c JOIN current ON current.id = c.blob JOIN blobs AS b ON b.id = c.blob
WHERE c.name = ? ORDER BY b.key LIMIT ?
"""
_KEPT: Final = 60_000  # blobs; about ten versions of a repository of 5,000 files


@dataclass(frozen=True, slots=True)
class Row:
    """One definition.

    Attributes:
        name: Without what is around it.
        qualified: With it, such as ``Stack.pop``.
        kind: That of ``syntax.Scope``.
        line: 1-based.
        text: The lines that show it.
    """

    name: str
    qualified: str
    kind: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class BlobFacts:
    """What is kept of one blob."""

    key: str
    definitions: tuple[Row, ...]
    calls: frozenset[str]


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables where the file is new.

    Raises:
        DamageError: The file is another program's or version's.
    """
    make_tables(connection, _SCHEMA, _VERSION)


def select(connection: sqlite3.Connection, keys: Iterable[str]) -> frozenset[str]:
    """Make these blobs the ones that are asked about, and return those that are known."""
    wanted = json.dumps(list(keys))
    rows = connection.execute(
        "SELECT b.id, b.key FROM json_each(?) AS wanted JOIN blobs AS b ON b.key = wanted.value", (wanted,)
    ).fetchall()
    connection.execute(_CURRENT)
    with transaction(connection):
        connection.execute("DELETE FROM current")
        connection.executemany("INSERT OR IGNORE INTO current VALUES (?)", ((number,) for number, _ in rows))
    return frozenset(key for _, key in rows)


def add(connection: sqlite3.Connection, found: Sequence[BlobFacts]) -> None:
    """Keep what was read of some blobs; those that another process has added meanwhile stay as they are."""
    with transaction(connection):
        for blob in found:
            cursor = connection.execute("INSERT OR IGNORE INTO blobs (key) VALUES (?)", (blob.key,))
            if not cursor.rowcount:
                continue
            number = cursor.lastrowid
            connection.executemany(
                "INSERT INTO definitions VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((d.name, number, d.qualified, d.kind, d.line, d.text, _crc(d.text)) for d in blob.definitions),
            )
            connection.executemany("INSERT INTO calls VALUES (?, ?)", ((name, number) for name in blob.calls))


def trim(connection: sqlite3.Connection, keep: int = _KEPT) -> None:
    """Forget the blobs that were read first beyond a bound, but none of those that are asked about."""
    (count,) = connection.execute("SELECT count(*) FROM blobs").fetchone()
    if count <= keep:
        return
    with transaction(connection):
        connection.execute("CREATE TEMP TABLE leaving (id INTEGER PRIMARY KEY)")
        connection.execute(
            "INSERT INTO leaving SELECT id FROM blobs WHERE id NOT IN (SELECT id FROM current) ORDER BY id LIMIT ?",
            (count - keep * 9 // 10,),
        )
        for table in ("definitions", "calls"):
            connection.execute(f"DELETE FROM {table} WHERE blob IN (SELECT id FROM leaving)")  # noqa: S608 - our names
        connection.execute("DELETE FROM blobs WHERE id IN (SELECT id FROM leaving)")
        connection.execute("DROP TABLE leaving")


def erase(connection: sqlite3.Connection) -> None:
    """Remove everything, also from free pages and the log."""
    with transaction(connection):
        for table in ("definitions", "calls", "blobs"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our names
    compact(connection)


def definitions(connection: sqlite3.Connection, names: Sequence[str], most: int) -> list[tuple[str, Row]]:
    """Return the definitions of some names with the keys of their blobs.

    Raises:
        DamageError: A text's checksum is wrong.
    """
    found = []
    for name, key, qualified, kind, line, text, crc in connection.execute(_DEFINED, (json.dumps(names), most)):
        if _crc(text) != crc:
            raise DamageError("checksum of a definition is wrong")
        found.append((key, Row(name, qualified, kind, line, text)))
    return found


def callers(connection: sqlite3.Connection, name: str, most: int) -> list[str]:
    """Return the keys of the blobs that call a name."""
    return [key for (key,) in connection.execute(_CALLED, (name, most))]


def _crc(text: str) -> int:
    return zlib.crc32(text.encode())
