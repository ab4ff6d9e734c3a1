"""The files of a change in the manner of ``git diff --stat``: added and removed lines, and what was found."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.cells import cell_len

from reviewer.diff import LineKind
from reviewer.finding import Severity
from reviewer.report import summary, view
from reviewer.terminal.masking import without_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.finding import Review
    from reviewer.report import RenderOptions
    from reviewer.report.styled import Line

_GRAPH = 20  # signs of the longest bar
_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold cyan"}


def lines(review: Review, options: RenderOptions) -> Iterator[Line]:
    """Return one line for each file with reviewed lines, in order of path. Paths are never shortened."""
    changed: dict[str, Counter[LineKind]] = {}
    for unit in review.units:
        changed.setdefault(unit.path, Counter()).update(line.kind for line in unit.lines)
    totals = {path: counts[LineKind.ADDED] + counts[LineKind.REMOVED] for path, counts in changed.items()}
    most = max(totals.values(), default=0)
    names = {path: without_commands(view.safe_path(path)) for path in changed}
    column = max((cell_len(name) for name in names.values() if cell_len(name) <= options.width // 2), default=0)
    for path, counts in changed.items():
        added, removed = (_bar(counts[kind], most) for kind in (LineKind.ADDED, LineKind.REMOVED))
        pad = " " * max(0, column - cell_len(names[path]))
        gap = " " * (min(most, _GRAPH) + 3 - added - removed)
        found = tuple(_found(review, path))
        yield (
            (f" {names[path]}{pad} ", ""), ("│", "dim"), (f" {totals[path]:>{len(str(most))}} ", ""),
            ("+" * added, "green"), ("-" * removed, "red"), *(((gap, ""), *found) if found else ()),
        )  # fmt: skip


def _bar(count: int, most: int) -> int:
    """Signs for so many lines: as many, or scaled; at least one where there is any."""
    if most <= _GRAPH:
        return count
    return max(1, round(count * (_GRAPH - 1) / most)) if count else 0


def _found(review: Review, path: str) -> Iterator[tuple[str, str]]:
    numbers = Counter(finding.severity for finding in review.shown if finding.path == path)
    for place, severity in enumerate(one for one in Severity if numbers[one]):
        if place:
            yield (", ", "")
        yield (summary.plural(numbers[severity], severity.value), _STYLES[severity])
