"""What a summary is made of: one point for each piece that was read, with what is shown of it, and no code.

The explanations and findings are the words of a model about text that others wrote, so they are as untrusted as that
text. Where not all points have room, the most valuable ones stay, in their order, and the rest is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.diff import LineKind, printable
from reviewer.finding import Severity, UnitStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.finding import Finding, Skipped, UnitReview

# What the number, the signs and the separators of one line cost, in characters.
_OVERHEAD = 24
_MOST_SKIMMED = 10


@dataclass(frozen=True, slots=True)
class Remark:
    """One shown finding of a point."""

    severity: Severity
    message: str


@dataclass(frozen=True, slots=True)
class Point:
    """One piece of the change in words, fit to be printed.

    Attributes:
        path: As git stores it; ``place`` is what is printed.
        line: Where a reader should look, in the new side.
        explanation: Empty unless it is shown to people, too.
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
        """About how long it is when it is printed."""
        said = len(self.explanation) + sum(len(remark.message) + _OVERHEAD for remark in self.remarks)
        return len(self.place) + len(self.scope) + said + _OVERHEAD

    @property
    def value(self) -> tuple[int, bool, int]:
        """What is worse comes first, then what has words, then what is larger."""
        worst = max((remark.severity.rank for remark in self.remarks), default=-1)
        return worst, bool(self.explanation), self.added + self.removed


@dataclass(frozen=True, slots=True)
class Points:
    """The points of one request.

    Attributes:
        more: How many found no room.
        unread: How many pieces have no answer.
        skimmed: Files that were not sent, with the reason, as ``"logo.png (binary)"``.
    """

    listed: tuple[Point, ...]
    more: int = 0
    unread: int = 0
    skimmed: tuple[str, ...] = ()


def collect(units: Sequence[UnitReview], skimmed: Sequence[Skipped] = ()) -> Points:
    """Make the points of a whole change, whatever their length."""
    read = [unit for unit in units if unit.status is UnitStatus.READ]
    named = [f"{_one_line(one.path)} ({_one_line(one.reason)})" for one in skimmed[:_MOST_SKIMMED]]
    rest = [f"{len(skimmed) - _MOST_SKIMMED} other files"] if len(skimmed) > _MOST_SKIMMED else []
    return Points(tuple(_point(unit) for unit in read), 0, len(units) - len(read), (*named, *rest))


def within(points: Points, room: int) -> Points:
    """Keep the most valuable points that fit into ``room`` characters, one at least, in their order."""
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
