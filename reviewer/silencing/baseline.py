"""Findings that were there before anybody looked: a file of the repository that silences them.

One line each, sorted, without line numbers, so that two branches' additions merge and nothing moves with the code.
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
    """One finding; all but the fingerprint is for people."""

    path: str
    category: str
    fingerprint: str
    message: str


def entries(findings: Iterable[Finding]) -> frozenset[Entry]:
    """The entries of findings, secrets in their messages masked."""
    return frozenset(Entry(one.path, one.category.value, one.fingerprint, mask(one.message)) for one in findings)


def merged(old: Iterable[Entry], new: Iterable[Entry]) -> tuple[Entry, ...]:
    """Both, sorted; of one fingerprint the older entry stays, since a model words the same defect anew each time."""
    found = {entry.fingerprint: entry for entry in sorted(new, reverse=True)}
    return tuple(sorted((found | {entry.fingerprint: entry for entry in old}).values()))


def dump(found: Iterable[Entry]) -> str:
    """The file's text."""
    lines = [
        json.dumps({"path": e.path, "category": e.category, "fingerprint": e.fingerprint, "message": e.message})
        for e in sorted(found)
    ]
    body = ",\n".join(lines)
    return (
        f'{{"version": {_VERSION}, "findings": [\n{body}\n]}}\n'
        if lines
        else f'{{"version": {_VERSION}, "findings": []}}\n'
    )


def load(data: bytes, name: str = BASELINE) -> tuple[Entry, ...]:
    """Read the file.

    Args:
        data: Its bytes.
        name: What it is called in messages.

    Raises:
        ConfigError: It is not one; the message names the place.
    """
    hint = "mend it, or write it anew: reviewer baseline --update"
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
            raise ConfigError(f"{name}: finding {number} is damaged: {one!r:.80}", hint=hint)
        found.append(entry)
    return tuple(found)


def silences(found: Iterable[Entry]) -> Mapping[str, Silence]:
    """What a review takes: by fingerprint."""
    return {entry.fingerprint: Silence(SilencedBy.BASELINE) for entry in found}


def _entry(one: object) -> Entry | None:
    if not isinstance(one, dict) or set(one) != {"path", "category", "fingerprint", "message"}:
        return None
    entry = Entry(one["path"], one["category"], one["fingerprint"], one["message"])
    sound = all(isinstance(value, str) for value in astuple(entry)) and entry.category in _CATEGORIES
    return entry if sound and _FINGERPRINT.fullmatch(entry.fingerprint) else None
