"""Marks findings that repeat another one.

Two findings are the same when they share a fingerprint (path, category and the code line, without its number). Two of
the model are also the same when they share a message: a model that repeats one sentence for many places has not made
several observations. A rule that says the same of several places has.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reviewer.finding import Mark, SourceKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewer.finding import Finding, UnitReview

# The unit's and the finding's index, and the finding.
_Placed = tuple[tuple[int, int], "Finding"]

# `}` or `else:` occurs everywhere: so short a line is the same only with the same number.
_SHORT = 8


def mark(units: Iterable[UnitReview]) -> tuple[UnitReview, ...]:
    """Mark all but the best finding of each group of duplicates, and add the others' lines to that one.

    The best is the one with a usable suggestion, then the most severe, then the first. Marked findings are ignored.
    """
    reviews = tuple(units)
    # Identified by place, because a completion is one object even where two units show its line.
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


def _keys(finding: Finding) -> tuple[str, ...]:
    short = len("".join(finding.line_text.split())) < _SHORT
    place = f"{finding.fingerprint}:{finding.line}" if short else finding.fingerprint
    if finding.source is not None and finding.source.kind is not SourceKind.MODEL:
        return (place,)
    return place, "".join(finding.message.lower().split())
