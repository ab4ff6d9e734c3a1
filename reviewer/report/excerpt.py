"""The lines of a unit that a report shows, and small diffs for suggestions."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from reviewer.diff import LineKind, SourceLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reviewer.finding import Suggestion
    from reviewer.report.view import UnitView

_AROUND = 3  # lines of context, as in a unified diff
_WHOLE = 24  # units of up to this many lines are shown whole
_HEAD = 12  # changed lines shown of a unit without findings

Elided = int  # number of lines left out here
Row = SourceLine | Elided


def rows(unit: UnitView) -> tuple[Row, ...]:
    """Return the unit's lines in order; a number stands for that many lines left out.

    A short unit is shown whole. A long one is cut to the lines around its findings, or to its beginning.
    """
    lines = unit.lines
    if len(lines) <= _WHOLE:
        return lines
    marked = {finding.line for finding in unit.findings}
    wanted = {index for index, line in enumerate(lines) if line.new in marked}
    if not wanted:
        wanted = set([index for index, line in enumerate(lines) if line.kind is not LineKind.CONTEXT][:_HEAD])
    return _with_gaps(lines, wanted)


def suggestion_rows(suggestion: Suggestion) -> tuple[Row, ...]:
    """Return a suggestion as a small diff, numbered as in the file before and after it."""
    before, after = _split(suggestion.original), _split(suggestion.replacement)
    found: list[SourceLine] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, from_, to, new_from, new_to in matcher.get_opcodes():
        start = suggestion.start
        if tag == "equal":
            found.extend(
                SourceLine(LineKind.CONTEXT, before[i], start + i, start + new_from + i - from_)
                for i in range(from_, to)
            )
            continue
        found.extend(SourceLine(LineKind.REMOVED, before[i], start + i, None) for i in range(from_, to))
        found.extend(SourceLine(LineKind.ADDED, after[i], None, start + i) for i in range(new_from, new_to))
    if len(found) <= _WHOLE:
        return tuple(found)
    return _with_gaps(found, {index for index, line in enumerate(found) if line.kind is not LineKind.CONTEXT})


def _with_gaps(lines: Sequence[SourceLine], wanted: Iterable[int]) -> tuple[Row, ...]:
    keep = {near for index in wanted for near in range(index - _AROUND, index + _AROUND + 1)}
    found: list[Row] = []
    left_out = 0
    for index, line in enumerate(lines):
        if index not in keep:
            left_out += 1
            continue
        if left_out:
            found.append(left_out)
            left_out = 0
        found.append(line)
    return (*found, left_out) if left_out else tuple(found)


def _split(text: str) -> list[str]:
    return text.split("\n") if text else []
