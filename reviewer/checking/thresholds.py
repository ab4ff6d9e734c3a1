"""How much a person wants to hear: findings below a severity, and more than so many of one file, are set aside."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reviewer.finding import Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.finding import Finding, Severity, UnitReview


def mark_slight(units: Sequence[UnitReview], min_severity: Severity) -> tuple[UnitReview, ...]:
    """Mark what is below a severity; before duplicates are, or a slight finding would take a grave one along.

    Args:
        units: What came back for each unit.
        min_severity: The least severity that is shown.
    """
    slight = {id(one) for unit in units for one in unit.findings if one.severity.rank < min_severity.rank}
    return tuple(_marked(unit, slight, Mark.BELOW_SEVERITY) for unit in units)


def mark_rest(units: Sequence[UnitReview], most: int | None) -> tuple[UnitReview, ...]:
    """Mark what is more than so many of one file: the worst stay, and of equals the first.

    Args:
        units: What came back for each unit, with every other mark.
        most: Longest list of shown findings of one file; None is no bound.
    """
    if most is None:
        return tuple(units)
    shown: dict[str, list[Finding]] = {}
    for unit in units:
        shown.setdefault(unit.path, []).extend(finding for finding in unit.findings if finding.shown)
    over = {id(one) for found in shown.values() for one in sorted(found, key=_worst_first)[most:]}
    return tuple(_marked(unit, over, Mark.OVER_LIMIT) for unit in units)


def _worst_first(finding: Finding) -> tuple[int, int]:
    return -finding.severity.rank, finding.line


def _marked(unit: UnitReview, which: set[int], mark: Mark) -> UnitReview:
    findings = tuple(one.marked(mark) if id(one) in which and one.shown else one for one in unit.findings)
    return dataclasses.replace(unit, findings=findings)
