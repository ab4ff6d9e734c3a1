"""The record of an installed model: its source, and size and SHA-256 of every file.

It is outside the model's folder, so that a registered folder is not changed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from reviewer import files as atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from reviewer.terminal.progress import Progress

FILE_NAME = "manifest.json"
_FORMAT = 1
_CHUNK = 4 << 20
_SHOWN = 5  # damaged files that an error lists


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file as it was installed.

    Attributes:
        path: Relative to the model's folder, with ``/``.
        bytes: Its size.
        sha256: Checksum of its contents, hexadecimal.
        mtime_ns: Modification time; a file with unchanged size and time is not read again at every start.
    """

    path: str
    bytes: int
    sha256: str
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a file of an installed model."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One installed model.

    Attributes:
        id: Its name.
        kind: ``"hub"``, ``"embedded"`` or ``"local"``.
        source: The repository, wheel or folder it came from.
        revision: Commit or version, if the source has one.
        licence: SPDX expression, if the source has one.
        folder: Absolute path of a registered folder; None for the folder ``files`` beside the manifest.
        files: Every file, sorted by path.
    """

    id: str
    kind: str
    source: str
    revision: str | None
    licence: str | None
    folder: str | None
    files: tuple[FileRecord, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over paths and contents, independent of place and time."""
        lines = "".join(f"{record.sha256} {record.bytes} {record.path}\n" for record in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(record.bytes for record in self.files)

    def write(self, path: Path) -> None:
        """Write it atomically."""
        document = {"format": _FORMAT, "digest": self.digest, **asdict(self)}
        atomic.write(path, json.dumps(document, indent=2) + "\n", sync=True)

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read it.

        Raises:
            OSError: It cannot be read.
            ValueError: It is not a valid manifest, or was changed.
        """
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        try:
            if document.pop("format") != _FORMAT:
                raise ValueError("its format is unknown")
            digest = document.pop("digest")
            records = tuple(FileRecord(**record) for record in document.pop("files"))
            manifest = cls(**document, files=records)
        except (TypeError, KeyError, AttributeError) as problem:
            raise ValueError(f"it is not a manifest: {problem}") from problem
        if manifest.digest != digest:
            raise ValueError("its digest does not match its records")
        return manifest


def record_files(folder: Path, names: Iterable[str], progress: Progress) -> tuple[FileRecord, ...]:
    """Read and hash files of ``folder``.

    Raises:
        OSError: One cannot be read.
    """
    chosen = sorted(names)
    total = sum((folder / name).stat().st_size for name in chosen)
    progress.step("computing checksums")
    done = 0
    records = []
    for name in chosen:
        path = folder / name
        status = path.stat()
        digest = hashlib.sha256()
        for chunk in _chunks(path):
            digest.update(chunk)
            done += len(chunk)
            progress.advance(done, total, "B")
        records.append(FileRecord(name, status.st_size, digest.hexdigest(), status.st_mtime_ns))
    return tuple(records)


def quick_check(manifest: Manifest, folder: Path) -> list[Damage]:
    """Find missing files and changed sizes, and hash files whose modification time changed."""
    return [damage for record in manifest.files if (damage := _check(record, folder, trust_time=True))]


def full_check(manifest: Manifest, folder: Path, progress: Progress) -> list[Damage]:
    """Hash every file, and find files that do not belong, except in a registered folder."""
    found = []
    done = 0
    progress.step(f"verifying {manifest.id}")
    for record in manifest.files:
        damage = _check(record, folder, trust_time=False)
        if damage is not None:
            found.append(damage)
        done += record.bytes
        progress.advance(done, manifest.bytes, "B")
    if manifest.folder is None:
        known = {record.path for record in manifest.files}
        found += [Damage(name, "not in the manifest") for name in sorted(set(_walk(folder)) - known)]
    return found


def listed(damage: Sequence[Damage]) -> str:
    """Format damage as one line."""
    shown = "; ".join(f"{entry.file}: {entry.reason}" for entry in damage[:_SHOWN])
    return shown if len(damage) <= _SHOWN else f"{shown}; and {len(damage) - _SHOWN} more"


def _check(record: FileRecord, folder: Path, *, trust_time: bool) -> Damage | None:
    path = folder / record.path
    try:
        status = path.stat()
        if status.st_size != record.bytes:
            return Damage(record.path, f"{status.st_size:,} bytes instead of {record.bytes:,}")
        if trust_time and status.st_mtime_ns == record.mtime_ns:
            return None
        digest = hashlib.sha256()
        for chunk in _chunks(path):
            digest.update(chunk)
    except FileNotFoundError:
        return Damage(record.path, "missing")
    except OSError as problem:
        return Damage(record.path, f"cannot be read: {problem.strerror}")
    return None if digest.hexdigest() == record.sha256 else Damage(record.path, "the SHA-256 differs")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _walk(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if not path.is_dir():
            yield path.relative_to(folder).as_posix()
