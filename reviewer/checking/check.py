"""Turns replies into reviewed units, and sets every mark of every finding."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reviewer import silencing
from reviewer.checking import claims, duplicates, thresholds
from reviewer.finding import Severity, UnitReview, UnitStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewer.asking import Replies, UnitReply
    from reviewer.config import Settings
    from reviewer.finding import Finding, Silence
    from reviewer.selection.units import ReadText, ReviewUnit


def check(
    replies: Replies,
    evidence: Sequence[Finding],
    read: ReadText,
    *,
    examples: Sequence[str],
    settings: Settings,
    silences: Mapping[str, Silence],
) -> tuple[tuple[UnitReview, ...], tuple[str, ...]]:
    """Check every claim of the model, add the evidence to its units, and set every mark.

    Args:
        replies: What the model answered.
        evidence: What rules and analyzers report; the model can neither veto nor mark it.
        read: Returns the new side's text of a path; None where it is not known.
        examples: The sentences of the prompt's own examples, to recognise copies of them.
        settings: The configuration in force.
        silences: Findings to silence, by fingerprint.

    Returns:
        The reviewed units in the order of the replies, and remarks about ignore comments that have no effect.
    """
    completed = [claims.completion(gap, code, read(gap.path) or "") for gap, code in replies.completions]
    units = [_with_completions(_unit_review(reply, read, examples), completed) for reply in replies.units]
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


def _settle(
    units: Sequence[UnitReview], read: ReadText, settings: Settings, silences: Mapping[str, Silence]
) -> tuple[tuple[UnitReview, ...], tuple[str, ...]]:
    """Mark what is silenced, below the threshold, repeated or over the limit.

    The order matters: a finding that is silenced or too slight must not stand for its duplicates.
    """
    silenced, remarks = silencing.silence(units, read, silences)
    loud = thresholds.mark_slight(silenced, Severity(settings.min_severity))
    return thresholds.mark_rest(duplicates.mark(loud), settings.max_findings_per_file), remarks


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


def _unit_review(reply: UnitReply, read: ReadText, examples: Sequence[str]) -> UnitReview:
    unit, said = reply.unit, reply.answer.value
    review = dataclasses.replace(
        _blank(unit, UnitStatus.NOT_READ if said is None else UnitStatus.READ),
        cached=reply.answer.cached,
        reason=reply.answer.reason,
    )
    if said is None:
        return review
    return dataclasses.replace(
        review,
        explanation=claims.explanation(said, unit, examples, reply.beside),
        findings=claims.findings(said, unit, read(unit.path) or "", examples, reply.beside),
    )


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
