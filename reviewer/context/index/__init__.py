"""Where a repository defines and calls its names: read from git's blobs, once for each, and kept by their ids.

A review asks for a handful of names and waits for the answer, so what is not known yet is read within a bound of
time, the files nearest to the change first. What could not be read in time is simply not there, and is read the next
time. The file is only a cache: damaged or locked, it costs the review its wider context and nothing else.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer import paths, syntax
from reviewer.cache.store import Store
from reviewer.context.index import eligible, tables
from reviewer.errors import GitError
from reviewer.git import listing
from reviewer.languages import detect
from reviewer.terminal.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from reviewer.git import Repository, Target

__all__ = ["DefinitionIndex", "Found", "default_path", "forget"]

_BUSY_SECONDS = 1.0
_MOST_FILES = 20_000
_CHUNK = 100  # blobs that are read, parsed and written together
_CHUNK_BYTES = 8 * 1024 * 1024
_MOST_FOUND = 400
_MOST_CALLERS = 40
_TEXT_CHARS = 1_200
_TOLD = 300  # missing files from which on the reading is worth a word


def default_path() -> Path:
    """Return the file that all reviews of this user share."""
    return paths.cache_dir() / "definitions.sqlite3"


def forget() -> None:
    """Forget every definition of every repository, also on disk."""
    store = Store(default_path(), tables.prepare, busy_seconds=_BUSY_SECONDS)
    if store.path.exists():
        store.run(tables.erase, None)
    store.files.remove(store.files.set_aside_files())
    store.close()


@dataclass(frozen=True, slots=True)
class Found:
    """One definition of the revision under review.

    Attributes:
        name: Qualified, such as ``Stack.pop``.
        kind: ``"function"``, ``"method"`` or ``"class"``.
        line: On which it begins, 1-based.
        text: The lines that show it: the whole of a short one, else signature and documentation.
    """

    path: str
    name: str
    kind: str
    line: int
    text: str


class DefinitionIndex:
    """The definitions of one revision, or of the index.

    Args:
        repository: Where the blobs are.
        target: Whose new side is asked about.
        path: The SQLite file; the user's own by default.
    """

    def __init__(self, repository: Repository, target: Target, path: Path | None = None) -> None:
        self.repository = repository
        self.target = target
        self.path = path or default_path()
        self._store = Store(self.path, tables.prepare, busy_seconds=_BUSY_SECONDS)
        self._files: dict[str, str] | None = None  # path -> blob id
        self._paths: dict[str, list[str]] = {}  # key -> paths
        self._ready: frozenset[str] = frozenset()

    def prepare(
        self,
        families: Collection[str],
        near: Iterable[str] = (),
        *,
        seconds: float = math.inf,
        progress: Progress = SILENT,
    ) -> int:
        """Read what is not known yet of these languages, as far as the time allows.

        Args:
            families: As ``eligible.family`` names them.
            near: Paths; files beside them are read first.
            seconds: Longest time for it.
            progress: Hears of a reading that takes longer.

        Returns:
            How many files could not be read in time.
        """
        if self._ready.issuperset(families):
            return 0
        self._ready = frozenset(families)
        self._paths = self._keys(self._ready)
        known = self._store.run(lambda connection: tables.select(connection, self._paths), None)
        if known is None:
            return len(self._paths)
        missing = [key for key in self._paths if key not in known]
        if not missing:
            return 0
        left = self._read(_by_distance(missing, self._paths, near), time.monotonic() + seconds, progress)
        self._store.run(lambda connection: tables.select(connection, self._paths), None)
        self._store.run(tables.trim, None)
        return left

    def find(self, names: Collection[str]) -> tuple[Found, ...]:
        """Return the definitions of some names (without what is around them), by path and line."""
        wanted = sorted(names)
        none: list[tuple[str, tables.Row]] = []
        rows = self._store.run(lambda connection: tables.definitions(connection, wanted, _MOST_FOUND), none)
        found = [
            Found(path, row.qualified, row.kind, row.line, row.text)
            for key, row in rows
            for path in self._paths.get(key, ())
        ]
        return tuple(sorted(found, key=lambda one: (one.path, one.line)))

    def callers(self, name: str) -> tuple[str, ...]:
        """Return the paths of files that call a name."""
        none: list[str] = []
        keys = self._store.run(lambda connection: tables.callers(connection, name, _MOST_CALLERS), none)
        return tuple(sorted(path for key in keys for path in self._paths.get(key, ())))

    def text(self, path: str) -> str:
        """Return a file's text; empty where there is none."""
        blob = self._listed().get(path)
        return "" if blob is None else _text(self._contents([blob]).get(blob, b""))

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def _listed(self) -> dict[str, str]:
        if self._files is None:
            try:
                self._files = self.repository.files(self.target)
            except GitError:  # the review itself will say so, if it cannot do without
                self._files = {}
        return self._files

    def _keys(self, families: Collection[str]) -> dict[str, list[str]]:
        """The paths of each blob that counts. One blob may be read in two ways, as C and as C++."""
        found: dict[str, list[str]] = {}
        for path, blob in self._listed().items():
            language = eligible.language_of(path)
            if language is not None and eligible.family(language) in families:
                found.setdefault(f"{language.name}:{blob}", []).append(path)
                if len(found) == _MOST_FILES:
                    break
        return found

    def _read(self, keys: Sequence[str], deadline: float, progress: Progress) -> int:
        """Read blobs until the time is over, and return how many were not."""
        try:
            sizes = listing.sizes(self.repository.offline, {_blob(key) for key in keys})
        except GitError:
            return len(keys)
        if len(keys) >= _TOLD:
            progress.step(f"reading the definitions of {len(keys)} files")
        done = 0
        for chunk in _chunks(keys, sizes):
            if time.monotonic() > deadline:
                break
            small = [_blob(key) for key in chunk if sizes.get(_blob(key), 0) <= eligible.MAX_BYTES]
            facts = self._facts(chunk, self._contents(list(dict.fromkeys(small))), deadline)
            self._store.run(lambda connection, found=facts: tables.add(connection, found), None)  # type: ignore[misc]
            done += len(facts)
            if len(keys) >= _TOLD:
                progress.advance(done, len(keys), "files")
        return len(keys) - done

    def _contents(self, blobs: Sequence[str]) -> dict[str, bytes]:
        try:
            return listing.contents(self.repository.offline, blobs)
        except GitError:
            return {}

    def _facts(self, keys: Sequence[str], data: dict[str, bytes], deadline: float) -> tuple[tables.BlobFacts, ...]:
        found = []
        for key in keys:
            if time.monotonic() > deadline:
                break
            found.append(_facts(key, self._paths[key][0], data.get(_blob(key), b"")))
        return tuple(found)


def _facts(key: str, path: str, data: bytes) -> tables.BlobFacts:
    """Read one blob; one that is too large, or that no person wrote, is known to hold nothing."""
    text = _text(data)
    if not text or not eligible.is_written(text):
        return tables.BlobFacts(key, (), frozenset())
    outlines, calls = syntax.survey(detect(path, text), text)
    lines = text.split("\n")
    rows = tuple(
        tables.Row(
            one.name, one.scope.name, one.scope.kind, one.scope.start, syntax.excerpt(lines, one.rows)[:_TEXT_CHARS]
        )
        for one in outlines
    )
    return tables.BlobFacts(key, rows, calls)


def _text(data: bytes) -> str:
    # Of a binary file nothing is read; a byte that is no UTF-8 costs only itself.
    return "" if b"\0" in data else data.decode("utf-8", "replace")


def _blob(key: str) -> str:
    return key.rpartition(":")[2]


def _chunks(keys: Sequence[str], sizes: dict[str, int]) -> Iterator[list[str]]:
    chunk: list[str] = []
    total = 0
    for key in keys:
        size = sizes.get(_blob(key), 0)
        size = 0 if size > eligible.MAX_BYTES else size
        if chunk and (len(chunk) == _CHUNK or total + size > _CHUNK_BYTES):
            yield chunk
            chunk, total = [], 0
        chunk.append(key)
        total += size
    if chunk:
        yield chunk


def _by_distance(keys: Sequence[str], files: dict[str, list[str]], near: Iterable[str]) -> list[str]:
    """Put first what lies nearest to some paths."""
    folders = {tuple(path.split("/")[:-1]) for path in near}

    def distance(key: str) -> int:
        parts = tuple(files[key][0].split("/")[:-1])
        return min((_steps(parts, folder) for folder in folders), default=0)

    return sorted(keys, key=distance)


def _steps(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many folders one goes up and down from one to the other."""
    shared = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        shared += 1
    return len(one) + len(other) - 2 * shared
