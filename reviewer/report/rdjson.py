"""Reviewdog's diagnostic format, as one JSON document (rdjson) or one diagnostic per line (rdjsonl).

Format: ``proto/rdf/reviewdog.proto`` of reviewdog. A range without columns is whole lines, from the first to the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reviewer.report import encoding, view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.finding import Review
    from reviewer.report import RenderOptions
    from reviewer.report.view import FindingView


def render(review: Review, _options: RenderOptions) -> str:
    """Render rdjson (``DiagnosticResult``)."""
    document = {"source": {"name": "vllm-reviewer"}, "diagnostics": list(_diagnostics(review))}
    return encoding.json_text(document) + "\n"


def render_lines(review: Review, _options: RenderOptions) -> str:
    """Render rdjsonl (one ``Diagnostic`` per line); an empty line where there is none."""
    return "\n".join(encoding.json_text(one, indent=None) for one in _diagnostics(review)) + "\n"


def _diagnostics(review: Review) -> Iterator[dict[str, Any]]:
    for finding in view.findings(review):
        yield _diagnostic(finding)
    for one in view.unread(review):
        yield {
            "message": f"Not reviewed: {one.reason}",
            "location": {"path": one.path, "range": _range(one.start, one.end)},
            "severity": "INFO",
            "source": {"name": "vllm-reviewer"},
            "code": {"value": "not-reviewed"},
        }


def _diagnostic(finding: FindingView) -> dict[str, Any]:
    message = "\n".join(part for part in (finding.message, finding.context) if part)
    if finding.suggestion is not None:
        message += f"\n{view.heading(finding.suggestion)}"
    diagnostic: dict[str, Any] = {
        "message": message,
        "location": {"path": finding.path, "range": _range(finding.line, finding.line)},
        "severity": finding.severity.value.upper(),
        "source": {"name": finding.source},
        "code": {"value": finding.rule} | ({"url": finding.url} if finding.url else {}),
    }
    if finding.suggestion is not None and not finding.changed:
        range_ = _range(finding.suggestion.start, finding.suggestion.end)
        diagnostic["suggestions"] = [{"range": range_, "text": finding.suggestion.replacement}]
    return diagnostic


def _range(start: int, end: int) -> dict[str, Any]:
    return {"start": {"line": start}, "end": {"line": end}}
