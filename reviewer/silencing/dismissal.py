"""Dismissed findings, recorded in the git folder that all working trees share.

``reviewer/dismissed.jsonl`` is an append-only log: one JSON object per line, the last one of a fingerprint counts.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from reviewer import files, untrusted
from reviewer.errors import UsageError
from reviewer.finding import Silence, SilencedBy
from reviewer.paths import GIT_FOLDER
from reviewer.terminal.masking import mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from reviewer.finding import Finding

_NAME = "dismissed.jsonl"
_WAIT = 10.0  # seconds for another reviewer process that writes


@dataclass(frozen=True, slots=True)
class Dismissal:
    """One dismissed finding.

    Attributes:
        fingerprint: ``Finding.fingerprint``: it survives moves of the line.
        path, line_text, category, severity, message: The finding, for display.
        model: The model's name.
        reason: The user's; may be empty.
        made: When it was dismissed, as ISO 8601.
    """

    fingerprint: str
    path: str
    line_text: str
    category: str
    severity: str
    message: str
    model: str
    reason: str
    made: str

    @classmethod
    def of(cls, finding: Finding, *, model: str, reason: str) -> Dismissal:
        """Dismiss a finding now."""
        return cls(
            fingerprint=finding.fingerprint,
            path=finding.path,
            line_text=mask(finding.line_text),
            category=finding.category.value,
            severity=finding.severity.value,
            message=mask(finding.message),
            model=model,
            reason=mask(" ".join(reason.split())),
            made=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        )


class Dismissals:
    """The dismissals of one repository.

    Args:
        common_dir: The git folder that all its working trees share.
    """

    def __init__(self, common_dir: Path) -> None:
        self._common_dir = common_dir
        self._path = common_dir / GIT_FOLDER / _NAME

    def all(self) -> tuple[Dismissal, ...]:
        """Every dismissal in force, the oldest first.

        Raises:
            UsageError: The log cannot be read.
        """
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return ()
        except OSError as problem:
            raise UsageError(f"cannot read {self._path}: {problem.strerror}") from problem
        found: dict[str, Dismissal] = {}
        for line in lines:
            entry = _parse(line)
            if entry is None:
                continue
            found.pop(entry["fingerprint"], None)
            if not entry.get("undone"):
                found[entry["fingerprint"]] = Dismissal(**entry)
        return tuple(found.values())

    def silences(self) -> Mapping[str, Silence]:
        """The silences by fingerprint.

        Raises:
            UsageError: The log cannot be read.
        """
        return {one.fingerprint: Silence(SilencedBy.DISMISSED, one.reason) for one in self.all()}

    def add(self, dismissals: Iterable[Dismissal]) -> None:
        """Record dismissals.

        Raises:
            UsageError: The git folder cannot be written.
        """
        self._append([asdict(one) for one in dismissals])

    def undo(self, fingerprints: Iterable[str]) -> None:
        """Undo dismissals; the log keeps that they were made.

        Raises:
            UsageError: The git folder cannot be written.
        """
        made = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        self._append([{"fingerprint": one, "undone": True, "made": made} for one in fingerprints])

    def _append(self, entries: list[dict[str, object]]) -> None:
        from filelock import FileLock, Timeout

        data = b"".join(json.dumps(entry).encode("ascii") + b"\n" for entry in entries)
        try:
            self._path.parent.mkdir(exist_ok=True)
            with FileLock(self._path.with_suffix(".lock"), timeout=_WAIT):
                files.append(self._path, data, sync=True)  # for its owner only: it quotes code
        except Timeout:
            raise UsageError(f"another process holds {self._path.with_suffix('.lock')}") from None
        except OSError as problem:
            raise UsageError(f"cannot write {self._path}: {problem.strerror}") from problem


_FIELDS = frozenset(Dismissal.__dataclass_fields__)


def _parse(line: bytes) -> dict[str, Any] | None:
    """One line of the log; None where it is damaged or from another version."""
    try:
        entry = untrusted.parse_json(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("fingerprint"), str):
        return None
    if entry.get("undone"):
        return entry
    known = {name: value for name, value in entry.items() if name in _FIELDS}  # a later version may add some
    return known if len(known) == len(_FIELDS) else None
