"""The report as JSON, for programs: everything, including hidden findings with their marks.

``schema.json`` in this folder is the published schema. ``schema_version`` is ``major.minor``: a minor version only adds
properties, a major one may change or remove some. The text is ASCII, so that no terminal or log acts on it.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reviewer import __version__
from reviewer.errors import ExitCode
from reviewer.finding import Severity
from reviewer.report import encoding, summary, view
from reviewer.terminal.masking import mask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.finding import ChangeSummary, Finding, Mark, Review, Suggestion, UnitReview
    from reviewer.report import RenderOptions

SCHEMA_VERSION = "1.2"

_OUTCOMES = {ExitCode.PASSED: "passed", ExitCode.FINDINGS: "findings", ExitCode.INCOMPLETE: "incomplete"}


def render(review: Review, options: RenderOptions) -> str:
    """Render a review as JSON; ends with a newline."""
    numbers = view.ids(review)
    homes = {id(finding): index for index, unit in enumerate(review.units) for finding in unit.findings}
    document = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "vllm-reviewer", "version": __version__},
        "subject": _text(review.subject),
        "verdict": _verdict(review, options),
        "counts": _counts(review),
        "summary": review.summary and _summary(review.summary),
        "findings": [{"unit": homes[id(finding)], **_finding(finding, numbers)} for finding in review.findings],
        "units": [_unit(unit) for unit in review.units],
        "skimmed": [
            {"path": _raw(one.path), "reason": _text(one.reason), "lines": one.lines, "unread": one.unread}
            for one in review.skimmed
        ],
        "usage": _usage(review, options),
        "notes": [_text(note) for note in review.notes],
    }
    return encoding.json_text(document) + "\n"


def schema() -> str:
    """The JSON schema of this report, as text."""
    return Path(__file__).with_name("schema.json").read_text(encoding="utf-8")


def _verdict(review: Review, options: RenderOptions) -> dict[str, Any]:
    code = summary.verdict(review, options)
    return {
        "outcome": _OUTCOMES.get(code, "failed"),
        "exit_code": 0 if options.advisory else int(code),
        "fail_on": options.fail_on.value if options.fail_on else None,
        "advisory": options.advisory,
    }


def _counts(review: Review) -> dict[str, int]:
    numbers = Counter(finding.severity for finding in review.shown)
    return {
        **{severity.value: numbers[severity] for severity in Severity},
        "not_shown": len(review.findings) - len(review.shown),
        "units": len(review.units),
        "units_read": len(review.units) - len(review.not_read),
    }


def _summary(summary: ChangeSummary) -> dict[str, Any]:
    risk, message = summary.risk, summary.message
    return {
        "text": _text(summary.text),
        "shown": summary.shown,
        "marks": _marks(summary.marks),
        "risk": {
            "level": risk.level.value,
            "reason": _text(risk.reason),
            "shown": summary.shown and risk.shown,
            "marks": _marks(risk.marks),
        },
        "look_first": {"path": _raw(summary.path), "line": summary.line},
        "commit_message": {
            "subject": _text(message.subject),
            "body": _text(message.body),
            "shown": message.shown,
            "marks": _marks(message.marks),
        },
        "cached": summary.cached,
    }


def _unit(unit: UnitReview) -> dict[str, Any]:
    explanation = unit.explanation
    return {
        "path": _raw(unit.path),
        "start_line": unit.start,
        "end_line": unit.end,
        "scope": _text(unit.scope),
        "language": unit.language,
        "status": unit.status.value,
        "reason": _text(unit.reason),
        "cached": unit.cached,
        "explanation": explanation
        and {"text": _text(explanation.text), "shown": explanation.shown, "marks": _marks(explanation.marks)},
    }


def _finding(finding: Finding, numbers: Mapping[int, str]) -> dict[str, Any]:
    return {
        "id": numbers.get(id(finding)),
        "fingerprint": finding.fingerprint,
        "path": _raw(finding.path),
        "line": finding.line,
        "severity": finding.severity.value,
        "category": finding.category.value,
        "message": _text(finding.message),
        "line_text": _text(finding.line_text),
        "scope": _text(finding.scope),
        "context": _text(finding.context),
        "sources": [
            {"kind": one.kind.value, "name": _text(one.name), "rule": _text(one.rule), "url": _text(one.url)}
            for one in finding.sources
        ],
        "quoted": finding.quoted,
        "also": list(finding.also),
        "shown": finding.shown,
        "marks": _marks(finding.marks),
        "silenced": finding.silence and {"by": finding.silence.by.value, "reason": _text(finding.silence.reason)},
        "suggestion": finding.suggestion and _suggestion(finding.suggestion),
    }


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    original, replacement = _text(suggestion.original), _text(suggestion.replacement)
    return {
        "kind": suggestion.kind.value,
        "start_line": suggestion.start,
        "end_line": suggestion.end,
        "original": original,
        "replacement": replacement,
        # A replacement with a secret masked, or without its bytes that are not UTF-8, must not be written into a file.
        "masked": (original, replacement) != (suggestion.original, suggestion.replacement),
        "shown": suggestion.shown,
        "proof": _text(suggestion.proof),
        "marks": _marks(suggestion.marks),
    }


def _usage(review: Review, options: RenderOptions) -> dict[str, Any]:
    usage = review.usage
    return {
        "seconds": round(summary.seconds(review, options), 3),
        "requests": usage.requests,
        "cached": usage.cached,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "model": _text(usage.model),
        "engine": _text(usage.engine),
        **({"memory_bytes": usage.memory} if usage.memory else {}),
        **({"memory_limit_bytes": usage.memory_limit} if usage.memory_limit else {}),
    }


def _marks(marks: frozenset[Mark]) -> list[str]:
    return sorted(mark.value for mark in marks)


def _text(text: str) -> str:
    return _raw(mask(text))


def _raw(text: str) -> str:
    # Undecodable bytes become U+FFFD: most readers reject a lone surrogate.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
