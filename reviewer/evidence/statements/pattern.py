"""A rule that is a pattern in the text of one statement."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.finding import Category, Severity

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Pattern:
    """One rule.

    Attributes:
        found: Matches the fault, in the text of one statement; the finding names the line of its group ``at`` (``at2``
            and so on in further alternatives), or of its start.
        unless: Makes a statement right that ``found`` matches.
        check: Says whether a match of ``found`` is the fault, where a regex cannot tell.
        fix: Makes what stands for the text of the group ``at``; None where there is no mechanical fix.
        ignores: Paths that the rule does not apply to.
    """

    id: str
    found: re.Pattern[str]
    message: str
    url: str
    unless: re.Pattern[str] | None = None
    check: Callable[[re.Match[str]], bool] | None = None
    ignores: re.Pattern[str] | None = None
    fix: Callable[[re.Match[str]], str] | None = None
    severity: Severity = Severity.WARNING
    category: Category = Category.BUG


def regex(text: str) -> re.Pattern[str]:
    """Compile a pattern in which case and white space do not count."""
    return re.compile(text, re.IGNORECASE | re.VERBOSE)


def template(text: str) -> Callable[[re.Match[str]], str]:
    """Return a fix that fills the groups of the match into a text."""
    return lambda found: found.expand(text)
