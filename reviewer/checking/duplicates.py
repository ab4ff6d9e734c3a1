"""One defect is one finding, in however many units, at however many places, and with however many words it was told.

Two findings tell the same when they share a fingerprint (path, category and the code line, without its number), or a
sentence: one sentence told of many places is a model's habit, not several observations.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reviewer.finding import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewer.finding import Finding, UnitReview

# The unit's and the finding's index, and the finding.
_Placed = tuple[tuple[int, int], "Finding"]

# `}` or `else:` stands everywhere; of so short a line only the same one is the same.
_TELLING = 8


def mark(units: Iterable[UnitReview]) -> tuple[UnitReview, ...]:
    """Mark every finding but the best of those that tell the same, and let that one know the others' lines.

    The best is the one with a usable suggestion, then the most severe, then the first. Findings that are marked already
    are left as they are.
    """
    reviews = tuple(units)
    # By their places: a completion is one object, also where two units show its line.
    result = [list(unit.findings) for unit in reviews]
    places = [(u, f) for u, found in enumerate(result) for f, finding in enumerate(found) if finding.shown]
    for group in _groups([(place, result[place[0]][place[1]]) for place in places]):
        (unit, index), best = max(group, key=lambda one: _worth(one[1]))  # the first of several
        same = [finding for place, finding in group if place != (unit, index)]
        for (other, at), finding in group:
            result[other][at] = finding.marked(Mark.DUPLICATE)
        lines = {one.line for one in same if one.fingerprint == best.fingerprint} - {best.line}
        result[unit][index] = dataclasses.replace(best, also=tuple(sorted(lines)))
    return tuple(dataclasses.replace(unit, findings=tuple(found)) for unit, found in zip(reviews, result, strict=True))


def _worth(finding: Finding) -> tuple[bool, int]:
    return (finding.suggestion is not None and finding.suggestion.shown, finding.severity.rank)


def _groups(findings: Iterable[_Placed]) -> list[list[_Placed]]:
    """Findings that share a key with one of the group, in order of the first."""
    groups: list[list[_Placed]] = []
    by_key: dict[str, list[_Placed]] = {}
    for place, finding in findings:
        keys = _keys(finding)
        group = next((by_key[key] for key in keys if key in by_key), None)
        if group is None:
            group = []
            groups.append(group)
        group.append((place, finding))
        for key in keys:
            by_key.setdefault(key, group)
    return groups


def _keys(finding: Finding) -> tuple[str, str]:
    telling = len("".join(finding.line_text.split())) >= _TELLING
    place = finding.fingerprint if telling else f"{finding.fingerprint}:{finding.line}"
    return place, "".join(finding.message.lower().split())
