"""One patch that was applied, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Written:
    """The bytes of one file, before and after."""

    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class Applied:
    """One patch that was applied.

    Attributes:
        number: Counts up.
        review: When its review was made.
        subject: What was reviewed, for display.
        ids: The suggestions.
        made: When it was applied, as ISO 8601.
    """

    number: int
    review: str
    subject: str
    ids: tuple[str, ...]
    files: Mapping[str, Written] = field(default_factory=dict)
    made: str = ""
