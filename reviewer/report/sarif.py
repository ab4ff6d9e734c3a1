"""SARIF 2.1.0, for code scanning services and editors.

Format: OASIS "Static Analysis Results Interchange Format (SARIF) Version 2.1.0". GitHub code scanning identifies a
result by ``primaryLocationLineHash`` and reads ``security-severity`` and ``tags`` of its rule. Units that were not read
are notifications of the invocation, suppressed findings are results with ``suppressions``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reviewer import __version__
from reviewer.finding import Severity, SilencedBy
from reviewer.report import encoding, summary, view

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewer.finding import Review, Silence, Suggestion
    from reviewer.report import RenderOptions
    from reviewer.report.view import FindingView, UnreadView

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_SCORES = {Severity.ERROR: "8.0", Severity.WARNING: "5.0", Severity.INFO: "2.0"}  # CVSS bands: high, medium, low
_UNREAD = {"text": "A part of the change was not reviewed."}
_NOTIFICATION = {"id": "not-reviewed", "shortDescription": _UNREAD, "fullDescription": _UNREAD, "help": _UNREAD}


def render(review: Review, options: RenderOptions) -> str:
    """Render the shown and the suppressed findings as one run."""
    found: list[tuple[FindingView, Silence | None]] = [(finding, None) for finding in view.findings(review)]
    found += view.silenced(review)
    rules: dict[str, FindingView] = {}
    for finding, _ in found:
        rules.setdefault(finding.rule, finding)
    numbers = {rule: number for number, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "vllm-reviewer",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(finding) for finding in rules.values()],
                "notifications": [_NOTIFICATION],
            }
        },
        "invocations": [_invocation(review)],
        "columnKind": "utf16CodeUnits",
        "results": [_result(finding, numbers[finding.rule], silence) for finding, silence in found],
        "properties": {
            "subject": view.safe(review.subject),
            "model": view.safe(review.usage.model),
            "verdict": summary.verdict(review, options).name.lower(),
            "hidden": summary.hidden(review),
            "notes": [view.safe(note) for note in review.notes],
        },
    }
    return encoding.json_text({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}) + "\n"


def _rule(finding: FindingView) -> dict[str, Any]:
    if finding.rule.startswith("model/"):
        text = f"A {finding.category} finding of the model."
    else:
        text = f"A {finding.category} finding of {finding.source.partition(', ')[0]}."
    more = f" See {finding.url}" if finding.url else ""
    rule: dict[str, Any] = {
        "id": finding.rule,
        "shortDescription": {"text": text},
        "fullDescription": {"text": text},
        "help": {"text": f"{text}{more}", "markdown": f"{text}{f' [Documentation]({finding.url})' if more else ''}"},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": {"tags": [finding.category]},
    }
    if finding.url:
        rule["helpUri"] = quote(finding.url, safe=":/?#[]@!$&'()*+,;=%-._~")
    if finding.category == "security":
        rule["properties"]["security-severity"] = _SCORES[finding.severity]
    return rule


def _result(finding: FindingView, rule: int, silence: Silence | None) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": "\n".join(part for part in (finding.message, finding.context) if part)},
        "locations": [_location(finding.path, finding.line, finding.line)],
        "partialFingerprints": {
            "primaryLocationLineHash": f"{finding.fingerprint}:1",
            "reviewerFingerprint/v1": finding.fingerprint,
        },
        "properties": {
            "id": finding.id,
            "category": finding.category,
            "source": finding.source,
            "proven": bool(finding.proof),
            "proof": finding.proof,
        },
    }
    if finding.also:
        result["relatedLocations"] = [
            {"id": number, **_location(finding.path, line, line), "message": {"text": "The same finding."}}
            for number, line in enumerate(finding.also, 1)
        ]
    if finding.suggestion is not None and not finding.changed:
        result["fixes"] = [_fix(finding.path, finding.suggestion)]
    if silence is not None:
        kind = "inSource" if silence.by is SilencedBy.COMMENT else "external"
        result["suppressions"] = [{"kind": kind, "status": "accepted", "justification": silence.reason or silence.by}]
    return result


def _location(path: str, start: int, end: int) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": _artifact(path),
            "region": {"startLine": max(start, 1), "endLine": max(start, end, 1)},
        }
    }


def _artifact(path: str) -> dict[str, str]:
    return {"uri": quote(path, safe="/"), "uriBaseId": "%SRCROOT%"}


def _fix(path: str, suggestion: Suggestion) -> dict[str, Any]:
    """The replacement of whole lines; columns count UTF-16 code units, as ``columnKind`` says."""
    region = {"startLine": suggestion.start, "startColumn": 1}
    if suggestion.replacement:
        last = suggestion.original.rpartition("\n")[2]
        region |= {"endLine": suggestion.end, "endColumn": len(last.encode("utf-16-le")) // 2 + 1}
    else:  # the line's ending goes too
        region |= {"endLine": suggestion.end + 1, "endColumn": 1}
    replacement: dict[str, Any] = {"deletedRegion": region, "insertedContent": {"text": suggestion.replacement}}
    return {
        "description": {"text": view.heading(suggestion)},
        "artifactChanges": [{"artifactLocation": _artifact(path), "replacements": [replacement]}],
    }


def _invocation(review: Review) -> dict[str, Any]:
    return {
        "executionSuccessful": True,
        "toolExecutionNotifications": _notifications(view.unread(review)),
    }


def _notifications(unread: Iterable[UnreadView]) -> list[dict[str, Any]]:
    return [
        {
            "descriptor": {"id": _NOTIFICATION["id"], "index": 0},
            "level": "warning",
            "message": {"text": f"Not reviewed: {one.reason}"},
            "locations": [_location(one.path, one.start, one.end)],
        }
        for one in unread
    ]
