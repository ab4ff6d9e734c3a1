"""The input of a summary: one point per unit that was read, with its explanation and findings but without code.

Explanations and findings are a model's text about untrusted text, and therefore untrusted. Where not all points fit,
the most valuable ones are kept, in order, and the others are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.diff import LineKind, printable
from reviewer.finding import Severity, UnitStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.finding import Finding, Skipped, UnitReview

# Characters that the number, the signs and the separators of one line take.
_OVERHEAD = 24
_MAX_SKIMMED = 10


@dataclass(frozen=True, slots=True)
class Remark:
    """One shown finding of a point."""

    severity: Severity
    message: str


@dataclass(frozen=True, slots=True)
class Point:
    """One unit, described for the prompt.

    Attributes:
        path: As git stores it; ``place`` is what is printed.
        line: Where to start reading, in the new side.
        explanation: Empty unless reports show it.
    """

    path: str
    line: int
    scope: str
    added: int
    removed: int
    explanation: str
    remarks: tuple[Remark, ...]

    @property
    def place(self) -> str:
        """``path:line`` without control characters."""
        return f"{_one_line(self.path)}:{self.line}"

    @property
    def chars(self) -> int:
        """Approximate length when printed."""
        text = len(self.explanation) + sum(len(remark.message) + _OVERHEAD for remark in self.remarks)
        return len(self.place) + len(self.scope) + text + _OVERHEAD

    @property
    def value(self) -> tuple[int, bool, int]:
        """Sort key: the worst finding first, then whether it has an explanation, then its size."""
        worst = max((remark.severity.rank for remark in self.remarks), default=-1)
        return worst, bool(self.explanation), self.added + self.removed


@dataclass(frozen=True, slots=True)
class Points:
    """The points of one request.

    Attributes:
        more: Number of points that did not fit.
        unread: Number of units without an answer.
        skimmed: Files that were not sent, with the reason, as ``"logo.png (binary)"``.
    """

    listed: tuple[Point, ...]
    more: int = 0
    unread: int = 0
    skimmed: tuple[str, ...] = ()


def collect(units: Sequence[UnitReview], skimmed: Sequence[Skipped] = ()) -> Points:
    """Make the points of a whole change, of any length."""
    read = [unit for unit in units if unit.status is UnitStatus.READ]
    named = [f"{_one_line(one.path)} ({_one_line(one.reason)})" for one in skimmed[:_MAX_SKIMMED]]
    rest = [f"{len(skimmed) - _MAX_SKIMMED} other files"] if len(skimmed) > _MAX_SKIMMED else []
    return Points(tuple(_point(unit) for unit in read), 0, len(units) - len(read), (*named, *rest))


def within(points: Points, room: int) -> Points:
    """Keep the most valuable points that fit into ``room`` characters, at least one, in order."""
    left = room - sum(map(len, points.skimmed))
    kept: set[int] = set()
    for index in sorted(range(len(points.listed)), key=lambda at: points.listed[at].value, reverse=True):
        left -= points.listed[index].chars
        if left < 0 and kept:
            break
        kept.add(index)
    listed = tuple(point for index, point in enumerate(points.listed) if index in kept)
    return Points(listed, points.more + len(points.listed) - len(listed), points.unread, points.skimmed)


def _point(unit: UnitReview) -> Point:
    explanation = unit.explanation.text if unit.explanation and unit.explanation.shown else ""
    return Point(
        path=unit.path,
        line=unit.first_line,
        scope=_one_line(unit.scope),
        added=sum(line.kind is LineKind.ADDED for line in unit.lines),
        removed=sum(line.kind is LineKind.REMOVED for line in unit.lines),
        explanation=_one_line(explanation),
        remarks=tuple(_remark(finding) for finding in unit.findings if finding.shown),
    )


def _remark(finding: Finding) -> Remark:
    return Remark(finding.severity, _one_line(finding.message))


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())
