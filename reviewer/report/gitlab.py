"""GitLab Code Quality: a JSON array of issues, shown in a merge request.

Format: "Code Quality" in GitLab's documentation, a subset of the Code Climate specification. A fingerprint identifies
one issue of the report, so repeated ones are numbered.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from reviewer.finding import Severity
from reviewer.report import encoding, view

if TYPE_CHECKING:
    from reviewer.finding import Review
    from reviewer.report import RenderOptions
    from reviewer.report.view import FindingView, UnreadView

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.INFO: "info"}


def render(review: Review, _options: RenderOptions) -> str:
    """Render the shown findings, and an issue for everything that was not read."""
    seen: Counter[str] = Counter()
    issues = []
    for finding in view.findings(review):
        seen[finding.fingerprint] += 1
        issues.append(_issue(finding, seen[finding.fingerprint]))
    issues += [_not_read(one) for one in view.unread(review)]
    return encoding.json_text(issues) + "\n"


def _issue(finding: FindingView, number: int) -> dict[str, Any]:
    fix = f". {view.heading(finding.suggestion)}" if finding.suggestion is not None else ""
    return {
        "type": "issue",
        "description": f"{finding.message} [{finding.source}]{fix}",
        "check_name": finding.rule,
        "fingerprint": finding.fingerprint if number == 1 else f"{finding.fingerprint}-{number}",
        "severity": _SEVERITIES[finding.severity],
        "categories": ["Security" if finding.category == "security" else "Bug Risk"],
        "location": {"path": finding.path, "lines": {"begin": finding.line, "end": finding.line}},
        "content": {"body": finding.text},
    }


def _not_read(unread: UnreadView) -> dict[str, Any]:
    place = f"{unread.path}:{unread.start}"
    return {
        "type": "issue",
        "description": f"Not reviewed: {unread.reason}",
        "check_name": "not-reviewed",
        "fingerprint": hashlib.sha256(f"not reviewed {place}".encode()).hexdigest()[:16],
        "severity": "info",
        "location": {"path": unread.path, "lines": {"begin": unread.start, "end": unread.end}},
    }
