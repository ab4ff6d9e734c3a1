from __future__ import annotations

import dataclasses

import pytest

from reviewer.errors import ExitCode
from reviewer.finding import Category, Finding, Mark, Review, Severity, UnitReview, UnitStatus
from reviewer.report.gate import exit_code, failing

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def review(*severities: Severity, marked: Severity | None = None, unread: bool = False) -> Review:
    findings = [Finding("a.py", n, severity, Category.BUG, "m") for n, severity in enumerate(severities, 1)]
    if marked:
        findings.append(Finding("a.py", 9, marked, Category.BUG, "m").marked(Mark.UNGROUNDED))
    unit = UnitReview("a.py", 1, 9, "", "python", (), UnitStatus.READ, findings=tuple(findings))
    units = [unit]
    if unread:
        units.append(dataclasses.replace(unit, status=UnitStatus.NOT_READ, findings=(), reason="r"))
    return Review("staged changes", units=tuple(units))


@pytest.mark.parametrize(
    ("found", "fail_on", "require", "code"),
    [
        (review(), None, False, ExitCode.PASSED),
        (review(), ERROR, True, ExitCode.PASSED),
        (review(ERROR), None, False, ExitCode.PASSED),
        (review(ERROR), None, True, ExitCode.PASSED),
        (review(ERROR), ERROR, False, ExitCode.FINDINGS),
        (review(WARNING), ERROR, False, ExitCode.PASSED),
        (review(WARNING), WARNING, False, ExitCode.FINDINGS),
        (review(INFO), WARNING, False, ExitCode.PASSED),
        (review(INFO, ERROR), INFO, False, ExitCode.FINDINGS),
        (review(marked=ERROR), INFO, True, ExitCode.PASSED),
        (review(unread=True), None, False, ExitCode.PASSED),
        (review(unread=True), ERROR, False, ExitCode.INCOMPLETE),
        (review(unread=True), None, True, ExitCode.INCOMPLETE),
        (review(WARNING, unread=True), ERROR, False, ExitCode.INCOMPLETE),
        (review(ERROR, unread=True), ERROR, True, ExitCode.FINDINGS),
        (Review("nothing"), ERROR, True, ExitCode.PASSED),
    ],
)
def test_exit_code(found: Review, fail_on: Severity | None, require: bool, code: ExitCode) -> None:
    assert exit_code(found, fail_on=fail_on, require=require) is code


def test_failing_names_the_findings_that_fail() -> None:
    found = review(INFO, ERROR, WARNING, marked=ERROR)
    assert [finding.line for finding in failing(found, WARNING)] == [2, 3]
    assert failing(found, None) == ()
