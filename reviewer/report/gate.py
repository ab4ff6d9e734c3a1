"""The verdict: the exit code of a finished review.

Computed from findings and coverage only. No text of the model or of the diff can change it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.errors import ExitCode
from reviewer.finding import Severity

if TYPE_CHECKING:
    from reviewer.config import Settings
    from reviewer.finding import Finding, Review


def judge(review: Review, settings: Settings) -> ExitCode:
    """Return the exit code of a review under the given settings."""
    return exit_code(review, fail_on=severity(settings), require=settings.require)


def severity(settings: Settings) -> Severity | None:
    """Return the lowest severity that fails a review; None where none does."""
    return None if settings.fail_on is None else Severity(settings.fail_on)


def exit_code(review: Review, *, fail_on: Severity | None, require: bool) -> ExitCode:
    """Judge a review. Findings take precedence over incompleteness.

    Args:
        review: The finished review; hidden findings do not count.
        fail_on: The lowest severity that fails; None never fails.
        require: Whether every unit must have been read, whatever ``fail_on`` is.

    Returns:
        FINDINGS, INCOMPLETE (only with ``fail_on`` or ``require``) or PASSED.
    """
    if failing(review, fail_on):
        return ExitCode.FINDINGS
    if review.is_incomplete and (fail_on is not None or require):
        return ExitCode.INCOMPLETE
    return ExitCode.PASSED


def failing(review: Review, fail_on: Severity | None) -> tuple[Finding, ...]:
    """The shown findings at or above ``fail_on``; none where it is None."""
    if fail_on is None:
        return ()
    return tuple(finding for finding in review.shown if finding.severity.rank >= fail_on.rank)
