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
    from reviewer.selection.units import ReadText


def check(
    replies: Replies,
    read: ReadText,
    examples: Sequence[str],
    settings: Settings,
    silences: Mapping[str, Silence],
) -> tuple[tuple[UnitReview, ...], tuple[str, ...]]:
    """Check every claim of the model, then mark what is silenced, below the threshold, repeated or over the limit.

    The order matters: a finding that is silenced or too slight must not stand for its duplicates.

    Args:
        replies: What the model answered.
        read: Returns the new side's text of a path; None where it is not known.
        examples: The sentences of the prompt's own examples, to recognise copies of them.
        settings: The configuration in force.
        silences: Findings to silence, by fingerprint.

    Returns:
        The reviewed units in the order of the replies, and remarks about ignore comments that have no effect.
    """
    completed = [claims.completion(gap, code, read(gap.path) or "") for gap, code in replies.completions]
    units = [_with_completions(_unit_review(reply, read, examples), completed) for reply in replies.units]
    silenced, remarks = silencing.silence(units, read, silences)
    loud = thresholds.mark_slight(silenced, Severity(settings.min_severity))
    return thresholds.mark_rest(duplicates.mark(loud), settings.max_findings_per_file), remarks


def _unit_review(reply: UnitReply, read: ReadText, examples: Sequence[str]) -> UnitReview:
    unit, said = reply.unit, reply.answer.value
    review = UnitReview(
        path=unit.path,
        start=unit.start,
        end=unit.end,
        scope=unit.scope,
        language=unit.language.name,
        lines=unit.lines,
        status=UnitStatus.NOT_READ if said is None else UnitStatus.READ,
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


def _with_completions(review: UnitReview, completed: Sequence[Finding]) -> UnitReview:
    """Add the completions whose gap stands on a line that this unit adds."""
    added = {line.new for line in review.lines if line.kind == "+"}
    own = tuple(finding for finding in completed if finding.path == review.path and finding.line in added)
    return dataclasses.replace(review, findings=(*review.findings, *own)) if own else review
