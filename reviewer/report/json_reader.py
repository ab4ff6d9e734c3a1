"""Reads a JSON report back into a ``Review``, so that a stored review can be shown in every format.

The report does not hold the code: the lines of each unit are taken from the reviewed change. A report may come from
another machine, so every value is validated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from reviewer.diff import LineKind, SourceLine
from reviewer.errors import UsageError
from reviewer.finding import (
    Category,
    ChangeSummary,
    CommitMessage,
    Explanation,
    Finding,
    Mark,
    Review,
    Risk,
    RiskLevel,
    Severity,
    Silence,
    SilencedBy,
    Skipped,
    Source,
    SourceKind,
    Suggestion,
    SuggestionKind,
    UnitReview,
    UnitStatus,
    Usage,
)
from reviewer.report import ids
from reviewer.report.json_report import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewer.diff import Change

_T = TypeVar("_T")
_Json = dict[str, Any]
_MAJOR = SCHEMA_VERSION.partition(".")[0]


def read(report: Mapping[str, Any], change: Change | None = None) -> Review:
    """Rebuild a review.

    Args:
        report: The parsed JSON report.
        change: What was reviewed; without it the units have no lines.

    Raises:
        UsageError: It is not a report of this major version.
    """
    version = report.get("schema_version")
    if not isinstance(version, str) or version.partition(".")[0] != _MAJOR:
        raise UsageError(
            f"unsupported format {version!r} of the stored review; expected {_MAJOR}.x",
            hint="Review it again, or use the version that wrote it.",
        )
    try:
        return _review(dict(report), change)
    except (LookupError, TypeError, ValueError) as problem:
        raise UsageError(f"the stored review is damaged: {problem!r}", hint="Review it again.") from problem


def _review(report: _Json, change: Change | None) -> Review:
    found: list[list[Finding]] = [[] for _ in report["units"]]
    for one in report["findings"]:
        found[_get(one, "unit", int)].append(_finding(one))
    return Review(
        subject=_get(report, "subject", str),
        units=tuple(_unit(unit, tuple(own), change) for unit, own in zip(report["units"], found, strict=True)),
        skimmed=tuple(
            Skipped(
                _get(one, "path", str), _get(one, "reason", str), _get(one, "lines", int), one.get("unread") is True
            )
            for one in report["skimmed"]
        ),
        usage=_usage(_get(report, "usage", dict)),
        notes=tuple(str(note) for note in report["notes"]),
        summary=_summary(report.get("summary")),  # new in 1.1
    )


def _summary(one: _Json | None) -> ChangeSummary | None:
    if one is None:
        return None
    risk, first, message = (_get(one, name, dict) for name in ("risk", "look_first", "commit_message"))
    return ChangeSummary(
        text=_get(one, "text", str),
        risk=Risk(RiskLevel(risk["level"]), _get(risk, "reason", str), _marks(risk)),
        path=_get(first, "path", str),
        line=_get(first, "line", int),
        message=CommitMessage(_get(message, "subject", str), _get(message, "body", str), _marks(message)),
        marks=_marks(one),
        cached=_get(one, "cached", bool),
    )


def _unit(unit: _Json, findings: tuple[Finding, ...], change: Change | None) -> UnitReview:
    path, start, end = _get(unit, "path", str), _get(unit, "start_line", int), _get(unit, "end_line", int)
    explanation = unit["explanation"]
    return UnitReview(
        path=path,
        start=start,
        end=end,
        scope=_get(unit, "scope", str),
        language=_get(unit, "language", str),
        lines=_lines(change, path, start, end),
        status=UnitStatus(unit["status"]),
        explanation=None if explanation is None else Explanation(_get(explanation, "text", str), _marks(explanation)),
        findings=findings,
        cached=_get(unit, "cached", bool),
        reason=_get(unit, "reason", str),
    )


def _skipped(one: _Json) -> Skipped:
    unread = one.get("unread") is True  # new in 1.2
    return Skipped(_get(one, "path", str), _get(one, "reason", str), _get(one, "lines", int), unread)


def _finding(one: _Json) -> Finding:
    suggestion = one["suggestion"]
    return Finding(
        path=_get(one, "path", str),
        line=_get(one, "line", int),
        severity=Severity(one["severity"]),
        category=Category(one["category"]),
        message=_get(one, "message", str),
        line_text=_get(one, "line_text", str),
        scope=_get(one, "scope", str),
        suggestion=None if suggestion is None else _suggestion(suggestion),
        marks=_marks(one),
        silence=_silence(one.get("silenced")),
        also=_lines_of(one.get("also", [])),
        sources=tuple(_source(source) for source in one.get("sources", ())),
        context=_get(one, "context", str) if "context" in one else "",
        quoted=None if one.get("quoted") is None else _get(one, "quoted", bool),
        stored_fingerprint=ids.fingerprint(_get(one, "fingerprint", str)),
    )


def _source(one: _Json) -> Source:
    return Source(SourceKind(one["kind"]), _get(one, "name", str), _get(one, "rule", str), _get(one, "url", str))


def _silence(one: _Json | None) -> Silence | None:
    return None if one is None else Silence(SilencedBy(one["by"]), _get(one, "reason", str))


def _lines_of(numbers: object) -> tuple[int, ...]:
    if not isinstance(numbers, list) or not all(isinstance(number, int) for number in numbers):
        raise TypeError(f"also is {numbers!r:.60}")
    return tuple(numbers)


def _suggestion(one: _Json) -> Suggestion:
    return Suggestion(
        start=_get(one, "start_line", int),
        end=_get(one, "end_line", int),
        replacement=_get(one, "replacement", str),
        original=_get(one, "original", str),
        kind=SuggestionKind(one["kind"]),
        marks=_marks(one),
        proof=_get(one, "proof", str) if "proof" in one else "",
    )


def _usage(one: _Json) -> Usage:
    return Usage(
        requests=_get(one, "requests", int),
        cached=_get(one, "cached", int),
        prompt_tokens=_get(one, "prompt_tokens", int),
        completion_tokens=_get(one, "completion_tokens", int),
        seconds=float(one["seconds"]),
        model=_get(one, "model", str),
        engine=_get(one, "engine", str),
        memory=_get({"memory_bytes": 0, **one}, "memory_bytes", int),  # new in 1.2
        memory_limit=_get({"memory_limit_bytes": 0, **one}, "memory_limit_bytes", int),
    )


def _marks(one: _Json) -> frozenset[Mark]:
    return frozenset(Mark(mark) for mark in one["marks"])


@overload
def _get(values: _Json, name: str, kind: type[dict[Any, Any]]) -> _Json: ...
@overload
def _get(values: _Json, name: str, kind: type[_T]) -> _T: ...
def _get(values: _Json, name: str, kind: type[Any]) -> Any:
    value = values[name]
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {value!r:.60}")
    return value


def _lines(change: Change | None, path: str, start: int, end: int) -> tuple[SourceLine, ...]:
    """The lines of the change from ``start`` to ``end`` of the new side, with those removed in between and around."""
    for file in change.files if change is not None else ():
        if file.path != path:
            continue
        for hunk in file.hunks:
            lines = _between(hunk.lines, start, end)
            if lines:
                return lines
    return ()


def _between(lines: Sequence[SourceLine], start: int, end: int) -> tuple[SourceLine, ...]:
    inside = [index for index, line in enumerate(lines) if line.new is not None and start <= line.new <= end]
    if not inside:
        return ()
    first, last = inside[0], inside[-1]
    while first > 0 and lines[first - 1].kind is LineKind.REMOVED:
        first -= 1
    while last + 1 < len(lines) and lines[last + 1].kind is LineKind.REMOVED:
        last += 1
    return tuple(lines[first : last + 1])
