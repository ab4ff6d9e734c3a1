"""The baseline: a file of the repository that lists existing findings, so that only new ones are reported.

One line each, sorted, without line numbers, so that the additions of two branches merge.
"""

from __future__ import annotations

import json
import re
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from reviewer import untrusted
from reviewer.config.repository import BASELINE
from reviewer.errors import ConfigError
from reviewer.finding import Category, Silence, SilencedBy
from reviewer.terminal.masking import mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reviewer.finding import Finding

_VERSION = 1
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_CATEGORIES = frozenset(category.value for category in Category)


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One finding; everything but the fingerprint is for display."""

    path: str
    category: str
    fingerprint: str
    message: str


def entries(findings: Iterable[Finding]) -> frozenset[Entry]:
    """The entries of findings, secrets in their messages masked."""
    return frozenset(Entry(one.path, one.category.value, one.fingerprint, mask(one.message)) for one in findings)


def merged(old: Iterable[Entry], new: Iterable[Entry]) -> tuple[Entry, ...]:
    """Merge entries, sorted; the older one of a fingerprint stays, since a model words a defect anew each time."""
    found = {entry.fingerprint: entry for entry in sorted(new, reverse=True)}
    return tuple(sorted((found | {entry.fingerprint: entry for entry in old}).values()))


def dump(found: Iterable[Entry]) -> str:
    """The file's text."""
    lines = [
        json.dumps({"path": e.path, "category": e.category, "fingerprint": e.fingerprint, "message": e.message})
        for e in sorted(found)
    ]
    body = "\n" + ",\n".join(lines) + "\n" if lines else ""
    return f'{{"version": {_VERSION}, "findings": [{body}]}}\n'


def load(data: bytes, name: str = BASELINE) -> tuple[Entry, ...]:
    """Read the file.

    Args:
        data: Its bytes.
        name: What it is called in messages.

    Raises:
        ConfigError: It is damaged; the message names the place.
    """
    hint = "fix it, or recreate it: reviewer baseline --update"
    try:
        tree = untrusted.parse_json(data)
    except untrusted.MalformedError as problem:
        raise ConfigError(f"{name}: {problem}", hint=hint) from problem
    if not isinstance(tree, dict) or tree.get("version") != _VERSION or not isinstance(tree.get("findings"), list):
        raise ConfigError(f"{name}: not a baseline of version {_VERSION}", hint=hint)
    found = []
    for number, one in enumerate(tree["findings"], 1):
        entry = _entry(one)
        if entry is None:
            raise ConfigError(f"{name}: invalid finding {number}: {one!r:.80}", hint=hint)
        found.append(entry)
    return tuple(found)


def silences(found: Iterable[Entry]) -> Mapping[str, Silence]:
    """The silences by fingerprint."""
    return {entry.fingerprint: Silence(SilencedBy.BASELINE) for entry in found}


def _entry(one: object) -> Entry | None:
    if not isinstance(one, dict) or set(one) != {"path", "category", "fingerprint", "message"}:
        return None
    entry = Entry(one["path"], one["category"], one["fingerprint"], one["message"])
    sound = all(isinstance(value, str) for value in astuple(entry)) and entry.category in _CATEGORIES
    return entry if sound and _FINGERPRINT.fullmatch(entry.fingerprint) else None
