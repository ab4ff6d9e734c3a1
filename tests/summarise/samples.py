"""Units as they are after their answers were checked."""

from __future__ import annotations

from reviewer.diff import LineKind, SourceLine
from reviewer.finding import Category, Explanation, Finding, Mark, Severity, UnitReview, UnitStatus


def unit(
    path: str = "stats.py",
    line: int = 12,
    explanation: str = "Drops the guard for an empty list of values.",
    *errors: str,
    scope: str = "average()",
    added: int = 1,
    marks: frozenset[Mark] = frozenset(),
    status: UnitStatus = UnitStatus.READ,
) -> UnitReview:
    """A unit of one context line and ``added`` new ones from ``line`` on; ``errors`` are findings on the last."""
    lines = [SourceLine(LineKind.CONTEXT, "def f():", line - 1, line - 1)]
    lines += [SourceLine(LineKind.ADDED, f"    x = {number}", None, line + number) for number in range(added)]
    last = line + added - 1
    return UnitReview(
        path=path,
        start=line - 1,
        end=last,
        scope=scope,
        language="python",
        lines=tuple(lines),
        status=status,
        explanation=Explanation(explanation, marks) if explanation else None,
        findings=tuple(Finding(path, last, Severity.ERROR, Category.BUG, message) for message in errors),
        reason="" if status is UnitStatus.READ else "no answer",
    )
