"""Several suggestions for one text, all numbered by that text, put into it at once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reviewer.checking import suggestion as suggestions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewer.finding import Suggestion


def compose(text: str, chosen: Iterable[Suggestion]) -> str | None:
    """Replace the lines of all suggestions, keeping the text's own line endings.

    Args:
        text: What they are numbered by.
        chosen: None may overlap another.

    Returns:
        The new text; None where the lines of one are not there.
    """
    after: str | None = text
    for one in sorted(chosen, key=lambda one: one.start, reverse=True):  # from the end: numbers before it stay
        if after is None:
            return None
        after = suggestions.apply(after, one)
    return after


def overlap(one: Suggestion, other: Suggestion) -> bool:
    """Whether two suggestions replace a line in common."""
    return one.start <= other.end and other.start <= one.end


def shifted(one: Suggestion, done: Iterable[Suggestion]) -> Suggestion:
    """Number a suggestion by the text into which others, which it does not overlap, have been put already."""
    offset = sum(growth(other) for other in done if other.start < one.start)
    return dataclasses.replace(one, start=one.start + offset, end=one.end + offset)


def growth(one: Suggestion) -> int:
    """How many lines more the text has with it."""
    return added(one) - (one.end - one.start + 1)


def added(one: Suggestion) -> int:
    """How many lines it puts in."""
    return one.replacement.count("\n") + 1 if one.replacement else 0
