"""Turns replies into reviewed units, and sets every mark of every finding."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reviewer import silencing
from reviewer.checking import duplicates
from reviewer.finding import Mark, Severity, UnitReview, UnitStatus
from reviewer.languages import LANGUAGES
from reviewer.selection.units import scope_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewer.asking import Replies, UnitReply
    from reviewer.config import Settings
    from reviewer.engine.profile import ReplyBounds
    from reviewer.finding import Finding, Silence
    from reviewer.selection.units import ReadText, ReviewUnit


def check(
    replies: Replies,
    evidence: Sequence[Finding],
    read: ReadText,
    *,
    examples: Sequence[str],
    bounds: ReplyBounds,
    settings: Settings,
    silences: Mapping[str, Silence],
) -> tuple[tuple[UnitReview, ...], tuple[str, ...]]:
    """Check every claim of the model, add the evidence to its units, and set every mark.

    Args:
        replies: What the model answered.
        evidence: What rules and analyzers report; the model can neither veto nor mark it.
        read: Returns the new side's text of a path; None where it is not known.
        examples: The sentences of the prompt's own examples, to recognise copies of them.
        bounds: How long each part of a reply could be.
        settings: The configuration in force.
        silences: Findings to silence, by fingerprint.

    Returns:
        The reviewed units in the order of the replies, and remarks about ignore comments that have no effect.
    """
    from reviewer.checking import claims  # its patterns take a tenth of a second to compile; evidence needs none

    completed = [claims.completion(gap, code, read(gap.path) or "") for gap, code in replies.completions]
    units = [_with_completions(_unit_review(reply, read, examples, bounds), completed) for reply in replies.units]
    return _settle(_with_evidence(units, evidence), read, settings, silences)


def check_evidence(
    units: Sequence[ReviewUnit],
    evidence: Sequence[Finding],
    read: ReadText,
    settings: Settings,
    silences: Mapping[str, Silence],
) -> tuple[tuple[UnitReview, ...], tuple[str, ...]]:
    """Do the same for a review without a model; ``check`` describes the arguments."""
    reviews = [_blank(unit, UnitStatus.NOT_ASKED) for unit in units]
    return _settle(_with_evidence(reviews, evidence), read, settings, silences)


def mark_below(units: Sequence[UnitReview], min_severity: Severity) -> tuple[UnitReview, ...]:
    """Mark the findings below a severity."""
    below = {id(one) for unit in units for one in unit.findings if one.severity.rank < min_severity.rank}
    return tuple(_marked(unit, below, Mark.BELOW_SEVERITY) for unit in units)


def mark_over_limit(units: Sequence[UnitReview], most: int | None) -> tuple[UnitReview, ...]:
    """Mark the findings of a file beyond the ``most`` severe ones, of equals the first; None is no limit."""
    if most is None:
        return tuple(units)
    shown: dict[str, list[Finding]] = {}
    for unit in units:
        shown.setdefault(unit.path, []).extend(finding for finding in unit.findings if finding.shown)
    over = {
        id(one)
        for found in shown.values()
        for one in sorted(found, key=lambda finding: (-finding.severity.rank, finding.line))[most:]
    }
    return tuple(_marked(unit, over, Mark.OVER_LIMIT) for unit in units)


def _marked(unit: UnitReview, which: set[int], mark: Mark) -> UnitReview:
    findings = tuple(one.marked(mark) if id(one) in which and one.shown else one for one in unit.findings)
    return dataclasses.replace(unit, findings=findings)


def _settle(
    units: Sequence[UnitReview], read: ReadText, settings: Settings, silences: Mapping[str, Silence]
) -> tuple[tuple[UnitReview, ...], tuple[str, ...]]:
    """Mark what is silenced, below the threshold, repeated or over the limit.

    The order matters: a finding that is silenced or below the threshold must not represent its duplicates.
    """
    silenced, remarks = silencing.silence(units, read, silences, trust_comments=settings.trust_comments)
    severe = mark_below(silenced, Severity(settings.min_severity))
    limited = mark_over_limit(duplicates.mark(severe), settings.max_findings_per_file)
    return tuple(_headed(unit, read) for unit in limited), remarks


def _headed(unit: UnitReview, read: ReadText) -> UnitReview:
    """Name the scope of the first shown finding, with which the report begins: a unit may change several functions."""
    if not any(finding.shown for finding in unit.findings):
        return unit
    scope = scope_at(LANGUAGES[unit.language], read(unit.path), unit.first_line)
    return unit if scope is None else dataclasses.replace(unit, scope=scope)


def _with_evidence(units: Sequence[UnitReview], evidence: Sequence[Finding]) -> list[UnitReview]:
    """Give each unit the evidence on its lines, before the model's own findings."""
    left = list(evidence)
    result = []
    for unit in units:
        lines = {line.new for line in unit.lines}
        own = [one for one in left if one.path == unit.path and one.line in lines]
        left = [one for one in left if one not in own]
        result.append(dataclasses.replace(unit, findings=(*own, *unit.findings)) if own else unit)
    return result


def _unit_review(reply: UnitReply, read: ReadText, examples: Sequence[str], bounds: ReplyBounds) -> UnitReview:
    unit, said = reply.unit, reply.answer.value
    review = dataclasses.replace(
        _blank(unit, UnitStatus.NOT_READ if said is None else UnitStatus.READ),
        cached=reply.answer.cached,
        reason=reply.answer.reason,
    )
    if said is None:
        return review
    from reviewer.checking import claims

    found = claims.Claims(unit, read(unit.path) or "", reply.beside, examples, bounds)
    explanation = found.explanation(said, unsure=reply.answer.unsure)
    return dataclasses.replace(review, explanation=explanation, findings=found.findings(said))


def _blank(unit: ReviewUnit, status: UnitStatus) -> UnitReview:
    return UnitReview(
        path=unit.path,
        start=unit.start,
        end=unit.end,
        scope=unit.scope,
        language=unit.language.name,
        lines=unit.lines,
        status=status,
    )


def _with_completions(review: UnitReview, completed: Sequence[Finding]) -> UnitReview:
    """Add the completions whose gap stands on a line that this unit adds."""
    added = {line.new for line in review.lines if line.kind == "+"}
    own = tuple(finding for finding in completed if finding.path == review.path and finding.line in added)
    return dataclasses.replace(review, findings=(*review.findings, *own)) if own else review
