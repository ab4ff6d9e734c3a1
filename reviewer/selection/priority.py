"""The order in which units are sent: under a deadline, only the first ones get an answer.

Source comes before tests and tests before everything else; within source, security-relevant files come first and huge
files last. Reports are ordered by path and line instead.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.selection.units import ReviewUnit

_GUARDS = re.compile(
    r"auth|login|passw|secret|token|crypt|session|permission|access|security|sanitiz|payment|billing|migrat",
    re.IGNORECASE,
)
_TESTS = re.compile(
    r"(?:^|/)(?:tests?|specs?|__tests__|testdata|fixtures)/|(?:^|/)test_|[._-](?:test|spec)s?\.", re.IGNORECASE
)
_PLAIN = frozenset(("generic", "markdown", "yaml", "html", "css"))
_HUGE = 1_000  # added lines of one file


def order(units: Sequence[ReviewUnit]) -> list[int]:
    """Return the indexes of the units, the most valuable first; equals keep their order."""
    added = Counter[str]()
    for unit in units:
        added[unit.path] += len(unit.anchors)
    return sorted(range(len(units)), key=lambda index: _rank(units[index], added[units[index].path]))


def _rank(unit: ReviewUnit, added: int) -> tuple[int, bool, bool]:
    kind = 1 if _TESTS.search(unit.path) else 2 if unit.language.name in _PLAIN else 0
    return kind, added > _HUGE, kind > 0 or _GUARDS.search(unit.path) is None
