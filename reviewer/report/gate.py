"""The verdict: which exit code a finished review earns.

Computed from findings and coverage alone. No sentence of the model and none of the diff can change it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.errors import ExitCode
from reviewer.finding import Severity

if TYPE_CHECKING:
    from reviewer.config import Settings
    from reviewer.finding import Finding, Review


def judge(review: Review, settings: Settings) -> ExitCode:
    """Return the exit code that a review earns under the settings in force."""
    return exit_code(review, fail_on=severity(settings), require=settings.require)


def severity(settings: Settings) -> Severity | None:
    """Return the severity that fails a review; None where nothing does."""
    return None if settings.fail_on is None else Severity(settings.fail_on)


def exit_code(review: Review, *, fail_on: Severity | None, require: bool) -> ExitCode:
    """Judge a review.

    Findings beat incompleteness: what was found stands, whatever else was not read.

    Args:
        review: The finished review; only the findings that are shown count.
        fail_on: The least severity that fails; None is advisory.
        require: Whether everything must have been read, even where no severity fails.

    Returns:
        FINDINGS, INCOMPLETE (only where ``fail_on`` or ``require`` asks for a code) or PASSED.
    """
    if failing(review, fail_on):
        return ExitCode.FINDINGS
    if review.is_incomplete and (fail_on is not None or require):
        return ExitCode.INCOMPLETE
    return ExitCode.PASSED


def failing(review: Review, fail_on: Severity | None) -> tuple[Finding, ...]:
    """The shown findings at or over ``fail_on``; none where it is None."""
    if fail_on is None:
        return ()
    return tuple(finding for finding in review.shown if finding.severity.rank >= fail_on.rank)
