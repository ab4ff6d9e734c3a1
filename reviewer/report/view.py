"""A review prepared for display: ids assigned, secrets masked, deceptive characters made visible.

Every text of the diff or the model enters a report through this module. The JSON report, whose strings are data, does
its own masking.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.finding import Mark, SourceKind, UnitStatus
from reviewer.report import ids as finding_ids
from reviewer.summarise import commit_message
from reviewer.terminal import masking
from reviewer.terminal.masking import mask, visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.diff import SourceLine
    from reviewer.finding import (
        ChangeSummary,
        Finding,
        Review,
        RiskLevel,
        Severity,
        Silence,
        Source,
        Suggestion,
        UnitReview,
    )


_MAX_PLACES = 5


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding; ``suggestion`` is None where it is hidden.

    Attributes:
        id: Its name in reports and commands (``ids``), such as ``3f2a9``; empty where the finding is hidden.
        also: Other lines with the same finding.
        rule: ``tool/RULE``, the id of a rule, or ``model/category``.
        source: What reported it, for display; never empty.
        sources: The sources, masked and on one line each.
        is_named: Whether the finding names its source; otherwise the model that was asked is assumed.
        changed: Whether masking or making visible changed the suggestion, which then must not be applied as it is.
    """

    id: str
    path: str
    line: int
    severity: Severity
    category: str
    message: str
    also: tuple[int, ...]
    suggestion: Suggestion | None
    changed: bool
    source: str
    sources: tuple[Source, ...]
    is_named: bool
    rule: str
    url: str
    context: str
    fingerprint: str

    @property
    def tags(self) -> tuple[str, ...]:
        """Severity, category, and what reported it."""
        return (self.severity.value, self.category, *([self.source] if self.is_named else []))

    @property
    def proof(self) -> str:
        """What was proven of the suggestion; empty where there is none or nothing was."""
        return self.suggestion.proof if self.suggestion is not None else ""

    @property
    def sentences(self) -> str:
        """The message and what it means here, on one line."""
        if not self.context:
            return self.message
        return f"{self.message}{'' if self.message.endswith(('.', '!', '?', ')')) else '.'} {self.context}"

    @property
    def text(self) -> str:
        """Everything about the finding as plain text of several lines, for formats with one field for it."""
        lines = [self.message, self.context, f"Source: {self.source}" + (f" {self.url}" if self.url else "")]
        if self.suggestion is not None:
            code = self.suggestion.replacement.split("\n") if self.suggestion.replacement else ["(delete the line)"]
            lines += [f"{heading(self.suggestion)}:", *(f"    {line}" for line in code)]
        return "\n".join(line for line in lines if line)


@dataclass(frozen=True, slots=True)
class UnitView:
    """One unit; ``explanation`` is empty where it is hidden, and ``line`` is where to start reading."""

    path: str
    start: int
    end: int
    line: int
    scope: str
    language: str
    lines: tuple[SourceLine, ...]
    explanation: str
    findings: tuple[FindingView, ...]
    status: UnitStatus
    cached: bool
    reason: str

    @property
    def is_read(self) -> bool:
        """Whether everything that was to read it did."""
        return self.status is not UnitStatus.NOT_READ


@dataclass(frozen=True, slots=True)
class UnreadView:
    """Lines that should have been read and were not; of a file that was not sent, its first line."""

    path: str
    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class SummaryView:
    """What the change does as a whole; hidden parts are empty, or None.

    Attributes:
        place: ``path:line`` where to start reading.
        message: A commit message of several lines, without a final newline.
    """

    text: str
    risk: RiskLevel | None
    reason: str
    place: str
    message: str


def heading(suggestion: Suggestion) -> str:
    """What a suggestion is and how well it was checked, such as ``Proven fix (ruff no longer reports B006)``."""
    if suggestion.proof:
        return f"Proven {suggestion.kind.value} ({suggestion.proof})"
    return f"Suggested {suggestion.kind.value} (applies, parses)"


def ids(review: Review) -> Mapping[int, str]:
    """Map the ``id()`` of each shown finding to its name in the report."""
    shown = {id(finding): finding for finding in review.shown}
    return dict(zip(shown, finding_ids.assign(tuple(shown.values())), strict=True))


def units(review: Review) -> tuple[UnitView, ...]:
    """Prepare every unit of a review."""
    numbers = ids(review)
    return tuple(_unit(unit, numbers, review.usage.model) for unit in review.units)


def secrets(review: Review) -> frozenset[str]:
    """The secrets in the code of a review, to be masked wherever a text repeats them."""
    found: set[str] = set()
    for unit in review.units:
        found |= masking.secrets("\n".join(line.text for line in unit.lines))
        for finding in unit.findings:
            found |= {finding.secret} | masking.secrets(finding.line_text)
            if finding.suggestion is not None:
                found |= masking.secrets(finding.suggestion.original)
    return frozenset(found)


def findings(review: Review) -> tuple[FindingView, ...]:
    """Prepare the shown findings, in order of path and line."""
    numbers = ids(review)
    return tuple(_finding(finding, numbers[id(finding)], review.usage.model) for finding in review.shown)


def silenced(review: Review) -> tuple[tuple[FindingView, Silence], ...]:
    """Prepare the findings that would be shown if the user had not suppressed them."""
    return tuple(
        (
            _finding(finding, "", review.usage.model),
            dataclasses.replace(finding.silence, reason=safe(finding.silence.reason)),
        )
        for finding in review.findings
        if finding.silence is not None and finding.marks == {Mark.SUPPRESSED}
    )


def unread(review: Review) -> tuple[UnreadView, ...]:
    """Prepare everything that should have been read and was not: units, then whole files."""
    units = [UnreadView(safe_path(one.path), one.start, one.end, safe(one.reason)) for one in review.not_read]
    files = [UnreadView(safe_path(one.path), 1, 1, safe(one.reason)) for one in review.skimmed if one.unread]
    return (*units, *files)


def change_summary(review: Review) -> SummaryView | None:
    """Prepare the summary of the whole change; None where there is nothing to show."""
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
    """Put untrusted text on one line: masked, with visible control characters and single spaces."""
    return " ".join(visible(mask(text)).split())


def safe_path(path: str) -> str:
    """Put a path on one line. It is not masked: a changed path would not be found."""
    return visible(path).replace("\n", "<U+000A>").replace("\t", "<U+0009>")


def safe_lines(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Prepare lines of code. They are masked together, because some secrets span lines."""
    if not texts:
        return ()
    return tuple(visible(text) for text in mask("\n".join(text.replace("\n", " ") for text in texts)).split("\n"))


def _unit(unit: UnitReview, numbers: Mapping[int, str], model: str) -> UnitView:
    shown = sorted((f for f in unit.findings if f.shown), key=lambda f: (f.line, -f.severity.rank))
    texts = safe_lines(tuple(line.text for line in unit.lines))
    return UnitView(
        path=safe_path(unit.path),
        start=unit.start,
        end=unit.end,
        line=unit.first_line,
        scope=safe(unit.scope),
        language=unit.language,
        lines=tuple(dataclasses.replace(line, text=text) for line, text in zip(unit.lines, texts, strict=True)),
        explanation=safe(unit.explanation.text) if unit.explanation and unit.explanation.shown else "",
        findings=tuple(_finding(finding, numbers[id(finding)], model) for finding in shown),
        status=unit.status,
        cached=unit.cached,
        reason=safe(unit.reason),
    )


def _message(summary: ChangeSummary) -> str:
    message = summary.message
    return commit_message.fitted(message.subject, message.body).rstrip("\n") if message.shown else ""


def _finding(finding: Finding, number: str, model: str) -> FindingView:
    suggestion = _suggestion(finding.suggestion)
    return FindingView(
        id=number,
        path=safe_path(finding.path),
        line=finding.line,
        severity=finding.severity,
        category=finding.category.value,
        message=safe(finding.message) + _elsewhere(finding.also),
        also=finding.also,
        suggestion=suggestion,
        changed=suggestion is not None and suggestion != finding.suggestion,
        source=", ".join(named(source) for source in finding.sources) or safe(model) or "model",
        sources=tuple(
            dataclasses.replace(one, name=safe(one.name), rule=safe(one.rule), url=safe(one.url))
            for one in finding.sources
        ),
        is_named=bool(finding.sources),
        rule=_rule(finding),
        url=safe(next((source.url for source in finding.sources if source.url), "")),
        context=safe(finding.context),
        fingerprint=finding.fingerprint,
    )


def _rule(finding: Finding) -> str:
    source = finding.source
    if source is None or source.kind is SourceKind.MODEL:
        return f"model/{finding.category.value}"
    name = safe(source.rule or source.name)
    return name if source.kind is SourceKind.RULE or not source.rule else f"{safe(source.name)}/{name}"


def named(source: Source) -> str:
    """Name a source of findings: ``ruff B006``, or the id of a packaged rule."""
    if source.kind is SourceKind.RULE:
        return safe(source.rule or source.name)
    return safe(f"{source.name} {source.rule}".strip())


def _elsewhere(lines: tuple[int, ...]) -> str:
    """Name the other lines with the same finding."""
    if not lines:
        return ""
    shown, more = lines[:_MAX_PLACES], len(lines) - _MAX_PLACES
    noun = "line" if len(lines) == 1 else "lines"
    return f" (also {noun} {', '.join(map(str, shown))}{f' and {more} more' if more > 0 else ''})"


def _suggestion(suggestion: Suggestion | None) -> Suggestion | None:
    if suggestion is None or not suggestion.shown:
        return None
    original, replacement = (
        "\n".join(safe_lines(tuple(text.split("\n")))) if text else ""
        for text in (suggestion.original, suggestion.replacement)
    )
    return dataclasses.replace(suggestion, original=original, replacement=replacement, proof=safe(suggestion.proof))
