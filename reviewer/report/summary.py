"""The sentences about a whole review that the human-readable formats share."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reviewer.errors import ExitCode
from reviewer.finding import Mark, Severity, UnitStatus
from reviewer.report import gate
from reviewer.report.view import ids, safe, safe_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reviewer.finding import Finding, Review, UnitReview
    from reviewer.report import RenderOptions

_PATHS_PER_REASON = 10  # the JSON report lists all


def plural(count: int, noun: str) -> str:
    """``1 hunk``, ``2 hunks``; information has no plural."""
    return f"{count} {noun}" if count == 1 or noun == "info" else f"{count} {noun}s"


def extent(review: Review) -> str:
    """Size of the change: ``3 hunks in 2 files``."""
    files = len({unit.path for unit in review.units})
    return f"{plural(len(review.units), 'hunk')} in {plural(files, 'file')}"


def counts(review: Review) -> str:
    """Findings by severity: ``1 error, 2 warnings``; or that nothing was found, and in how many hunks."""
    numbers = Counter(finding.severity for finding in review.shown)
    found = [plural(numbers[one], one.value) for one in Severity if numbers[one]]
    if found:
        return ", ".join(found)
    read = len(review.units) - len(review.not_read)
    if review.not_read:
        return f"nothing found in the {read} that could be read" if read else "none could be read"
    return "nothing found"


def seconds(review: Review, options: RenderOptions) -> float:
    """Wall time to report, in seconds."""
    return review.usage.seconds if options.seconds is None else options.seconds


def timing(review: Review, options: RenderOptions) -> str:
    """Duration and cache hits: ``1.8 s (2 of 3 from cache)``."""
    took = f"{seconds(review, options):.1f} s"
    cached = sum(unit.cached for unit in review.units if unit.status is UnitStatus.READ)
    if not cached:
        return took
    # Completions are requests without a unit, so "all" also requires that nothing was requested.
    share = "all" if cached == len(review.units) and not review.usage.requests else f"{cached} of {len(review.units)}"
    return f"{took} ({share} from cache)"


def read_share(review: Review) -> str:
    """Coverage: ``2 of 3 hunks read``, or that only rules and analyzers ran."""
    total = len(review.units)
    if total and all(unit.status is UnitStatus.NOT_ASKED for unit in review.units):
        return f"{plural(total, 'hunk')} checked by rules and analyzers"
    return f"{total - len(review.not_read)} of {plural(total, 'hunk')} read"


def not_read(review: Review) -> tuple[tuple[str, str], ...]:
    """Where and why units were not read: one entry for all units of a file with the same reason."""
    grouped: dict[tuple[str, str], list[UnitReview]] = {}
    for unit in review.not_read:
        grouped.setdefault((unit.path, safe(unit.reason)), []).append(unit)
    return tuple((_places(path, units), reason) for (path, reason), units in grouped.items())


def unread_files(review: Review) -> tuple[tuple[str, str], ...]:
    """Which files should have been read and were not sent, and why."""
    return tuple((safe_path(one.path), safe(one.reason)) for one in review.skimmed if one.unread)


def _places(path: str, units: Sequence[UnitReview]) -> str:
    if len(units) == 1:
        return place(path, units[0].start, units[0].end)
    return f"{safe_path(path)} ({plural(len(units), 'hunk')})"


def skipped_paths(review: Review) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Files that were not reviewed: each reason and its paths."""
    grouped: dict[str, list[str]] = {}
    for one in review.skimmed:
        grouped.setdefault(safe(one.reason), []).append(safe_path(one.path))
    return tuple((reason, tuple(paths)) for reason, paths in grouped.items())


def skipped(review: Review) -> tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]:
    """The same for formats with little room: the first paths, and ``("5 more",)`` if there are more."""
    found = []
    for reason, paths in skipped_paths(review):
        left = len(paths) - _PATHS_PER_REASON
        found.append((reason, paths[:_PATHS_PER_REASON], (f"{left} more",) if left > 0 else ()))
    return tuple(found)


def hidden(review: Review) -> str:
    """Count what is hidden, by reason: ``2 findings (ungrounded 1, echo 1)``; empty where nothing is."""
    findings = [finding for finding in review.findings if not finding.shown]
    suggestions = [f.suggestion for f in review.shown if f.suggestion and not f.suggestion.shown]
    explanations = [unit.explanation for unit in review.units if unit.explanation and unit.explanation.marks]
    whole = [review.summary] if review.summary else []
    parts = [
        f"{plural(len(reasons), noun)} ({_counted(reasons)})"
        for noun, reasons in (
            ("finding", [_finding_reason(finding) for finding in findings]),
            ("suggestion", [_reason(suggestion.marks) for suggestion in suggestions]),
            ("explanation", [_reason(explanation.marks) for explanation in explanations]),
            ("summary of the change", [_reason(one.marks) for one in whole if one.marks]),
            ("risk estimate", [_reason(one.risk.marks) for one in whole if one.shown and one.risk.marks]),
            ("commit message", [_reason(one.message.marks) for one in whole if one.message.marks]),
        )
        if reasons
    ]
    return ", ".join(parts)


def offers(review: Review, options: RenderOptions) -> tuple[str, ...]:
    """One example of each command that takes the review's ids; none where the review was not stored."""
    if not options.offers:
        return ()
    numbers = ids(review)
    fixable = [one for one in review.shown if one.suggestion is not None and one.suggestion.shown]
    return (
        *(f"reviewer apply {numbers[id(one)]}" for one in fixable[:1]),
        *(f"reviewer dismiss {numbers[id(one)]}" for one in review.shown[:1]),
    )


def verdict(review: Review, options: RenderOptions) -> ExitCode:
    """The exit code to report."""
    if options.verdict is not None:
        return options.verdict
    return gate.exit_code(review, fail_on=options.fail_on, require=False)


def verdict_sentence(review: Review, options: RenderOptions) -> str:
    """The consequence of the review; empty where there is none."""
    if options.advisory:
        worst = _worst(review.shown)
        return f'Advisory: not blocking (fail_on = "{worst}" would block).' if worst else ""
    code = verdict(review, options)
    if code is ExitCode.FINDINGS and options.fail_on:
        failing = gate.failing(review, options.fail_on)
        return f'Failed: {plural(len(failing), "finding")} at or above fail_on = "{options.fail_on}".'
    if code is ExitCode.INCOMPLETE:
        files = sum(one.unread for one in review.skimmed)
        parts = [plural(count, noun) for count, noun in ((len(review.not_read), "hunk"), (files, "file")) if count]
        return f"Incomplete: {' and '.join(parts)} could not be read."
    if code is ExitCode.PASSED and options.fail_on and review.shown:
        return f'Passed: nothing at or above fail_on = "{options.fail_on}".'
    return ""


def place(path: str, start: int, end: int) -> str:
    """``path:line`` or ``path:first-last``."""
    return f"{safe_path(path)}:{start}" if start == end else f"{safe_path(path)}:{start}-{end}"


def _worst(findings: Iterable[Finding]) -> Severity | None:
    return max((finding.severity for finding in findings), key=lambda severity: severity.rank, default=None)


def _finding_reason(finding: Finding) -> str:
    # A person's request takes precedence over the other marks.
    return finding.silence.by.value if finding.silence else _reason(finding.marks)


def _reason(marks: frozenset[Mark]) -> str:
    # Only the first reason, in the order of Mark, so that the numbers add up.
    return next(mark for mark in Mark if mark in marks).value.replace("-", " ")


def _counted(reasons: Iterable[str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in Counter(reasons).items())
