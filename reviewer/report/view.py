"""A review as every human-readable format shows it: ids given, secrets masked, deceptive characters visible.

Text of the diff and of the model enters a report only through here (the JSON report, whose strings are data, masks by
itself).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.finding import UnitStatus
from reviewer.summarise import commit_message
from reviewer.terminal.masking import mask, visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.diff import SourceLine
    from reviewer.finding import ChangeSummary, Finding, Review, RiskLevel, Severity, Suggestion, UnitReview


_MOST_PLACES = 5


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding that is shown; ``suggestion`` is None unless it is shown too."""

    id: str
    line: int
    severity: Severity
    category: str
    message: str
    suggestion: Suggestion | None

    @property
    def tags(self) -> tuple[str, ...]:
        """Severity and category."""
        return (self.severity.value, self.category)


@dataclass(frozen=True, slots=True)
class UnitView:
    """One unit; ``explanation`` is empty unless it is shown, and ``line`` is where a reader should look first."""

    path: str
    start: int
    end: int
    line: int
    scope: str
    lines: tuple[SourceLine, ...]
    explanation: str
    findings: tuple[FindingView, ...]
    is_read: bool
    reason: str


@dataclass(frozen=True, slots=True)
class SummaryView:
    """What the change does as a whole; a part that is not shown is empty, or None.

    Attributes:
        place: ``path:line`` to look at first.
        message: A commit message of several lines, without a final newline.
    """

    text: str
    risk: RiskLevel | None
    reason: str
    place: str
    message: str


def ids(review: Review) -> Mapping[int, str]:
    """The id of each shown finding (``r1``, ``r2``, …), by the finding's ``id()``."""
    numbers: dict[int, str] = {}
    for number, finding in enumerate(review.shown, 1):
        numbers.setdefault(id(finding), f"r{number}")
    return numbers


def units(review: Review) -> tuple[UnitView, ...]:
    """Every unit of a review, fit to be shown."""
    numbers = ids(review)
    return tuple(_unit(unit, numbers) for unit in review.units)


def change_summary(review: Review) -> SummaryView | None:
    """The summary of the whole change, fit to be shown; None where there is nothing to show of one."""
    summary = review.summary
    if summary is None or not (summary.shown or summary.message.shown):
        return None
    risk = summary.risk if summary.shown and summary.risk.shown else None
    return SummaryView(
        text=safe(summary.text) if summary.shown else "",
        risk=None if risk is None else risk.level,
        reason="" if risk is None else safe(risk.reason),
        place=f"{safe_path(summary.path)}:{summary.line}" if summary.shown else "",
        message=_message(summary),
    )


def safe(text: str) -> str:
    """Text of a model, a diff or a file name on one line: masked, visible, runs of white space made one space."""
    return " ".join(visible(mask(text)).split())


def safe_path(path: str) -> str:
    """A path on one line; secrets are not looked for, since a changed path would lead nowhere."""
    return visible(path).replace("\n", "<U+000A>").replace("\t", "<U+0009>")


def safe_lines(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Lines of code, masked together, since some secrets span lines."""
    if not texts:
        return ()
    return tuple(visible(text) for text in mask("\n".join(text.replace("\n", " ") for text in texts)).split("\n"))


def _unit(unit: UnitReview, numbers: Mapping[int, str]) -> UnitView:
    shown = sorted((f for f in unit.findings if f.shown), key=lambda f: (f.line, -f.severity.rank))
    texts = safe_lines(tuple(line.text for line in unit.lines))
    return UnitView(
        path=safe_path(unit.path),
        start=unit.start,
        end=unit.end,
        line=unit.first_line,
        scope=safe(unit.scope),
        lines=tuple(dataclasses.replace(line, text=text) for line, text in zip(unit.lines, texts, strict=True)),
        explanation=safe(unit.explanation.text) if unit.explanation and unit.explanation.shown else "",
        findings=tuple(_finding(finding, numbers[id(finding)]) for finding in shown),
        is_read=unit.status is UnitStatus.READ,
        reason=safe(unit.reason),
    )


def _message(summary: ChangeSummary) -> str:
    message = summary.message
    return commit_message.fitted(message.subject, message.body).rstrip("\n") if message.shown else ""


def _finding(finding: Finding, number: str) -> FindingView:
    return FindingView(
        id=number,
        line=finding.line,
        severity=finding.severity,
        category=finding.category.value,
        message=safe(finding.message) + _elsewhere(finding.also),
        suggestion=_suggestion(finding.suggestion),
    )


def _elsewhere(lines: tuple[int, ...]) -> str:
    """Where the same was found too."""
    if not lines:
        return ""
    shown, more = lines[:_MOST_PLACES], len(lines) - _MOST_PLACES
    noun = "line" if len(lines) == 1 else "lines"
    return f" (also {noun} {', '.join(map(str, shown))}{f' and {more} more' if more > 0 else ''})"


def _suggestion(suggestion: Suggestion | None) -> Suggestion | None:
    if suggestion is None or not suggestion.shown:
        return None
    original, replacement = (
        "\n".join(safe_lines(tuple(text.split("\n")))) if text else ""
        for text in (suggestion.original, suggestion.replacement)
    )
    return dataclasses.replace(suggestion, original=original, replacement=replacement)
