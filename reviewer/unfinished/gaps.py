"""The unfinished code of a change, each piece with the code around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer import unfinished

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reviewer.languages import Language
    from reviewer.selection.units import ReviewUnit
    from reviewer.unfinished import Unfinished

# Shown on each side of a gap.
_LINES_BEFORE = 30
_LINES_AFTER = 10


@dataclass(frozen=True, slots=True)
class Gap:
    """One piece of unfinished code.

    Attributes:
        before, after: The lines before and after the gap.
        placeholder: The lines of the gap.
        scope: The function that it is in, or git's hunk heading.
    """

    path: str
    language: Language
    found: Unfinished
    before: str
    after: str
    placeholder: str
    scope: str


def find(units: Sequence[ReviewUnit], texts: Mapping[str, str]) -> tuple[Gap, ...]:
    """Find the unfinished code that the units add, in their order.

    Args:
        units: The units under review.
        texts: The whole new text of each path.
    """
    # By file, because a file can have thousands of units.
    own: dict[str, list[ReviewUnit]] = {}
    for unit in units:
        own.setdefault(unit.path, []).append(unit)
    return tuple(gap for path, of_path in own.items() for gap in _file_gaps(of_path, texts[path]))


def _file_gaps(units: Sequence[ReviewUnit], text: str) -> Iterator[Gap]:
    """The gaps of one file, each with the first unit that adds a line of it."""
    first = units[0]
    adding: dict[int, ReviewUnit] = {}
    for unit in units:
        for number in unit.added:
            adding.setdefault(number, unit)
    found = unfinished.find(first.language.name, text, adding, path=first.path)
    lines = text.split("\n") if found else []
    for gap in found:
        unit = next((adding[number] for number in range(gap.start, gap.end + 1) if number in adding), first)
        yield _gap(unit, gap, lines)


def _gap(unit: ReviewUnit, gap: Unfinished, lines: Sequence[str]) -> Gap:
    return Gap(
        path=unit.path,
        language=unit.language,
        found=gap,
        before="\n".join(lines[max(0, gap.start - 1 - _LINES_BEFORE) : gap.start - 1]),
        after="\n".join(lines[gap.end : gap.end + _LINES_AFTER]),
        placeholder="\n".join(line.removesuffix("\r") for line in lines[gap.start - 1 : gap.end]),
        scope=gap.name or unit.scope,
    )
