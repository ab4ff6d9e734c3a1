"""In which order units are asked about: under a deadline, what is asked first is what gets read.

Source before tests before everything else; within source, what guards something first; a huge file last, so that it
does not keep all others waiting. The report's order is another matter: that is by path and line.
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
    """The indexes of the units, the most valuable first; equals stay in their order."""
    added = Counter[str]()
    for unit in units:
        added[unit.path] += len(unit.anchors)
    return sorted(range(len(units)), key=lambda index: _rank(units[index], added[units[index].path]))


def _rank(unit: ReviewUnit, added: int) -> tuple[int, bool, bool]:
    kind = 1 if _TESTS.search(unit.path) else 2 if unit.language.name in _PLAIN else 0
    return kind, added > _HUGE, kind > 0 or _GUARDS.search(unit.path) is None
