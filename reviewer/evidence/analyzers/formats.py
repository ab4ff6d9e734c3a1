"""Reads what analyzers write. Their output is untrusted: whatever has not the expected shape is left out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from reviewer.evidence import sarif
from reviewer.evidence.analyzers.spec import Format, Spec
from reviewer.evidence.diagnostic import Diagnostic, Edit, one_line
from reviewer.evidence.shapes import WrongShapeError, items, number, record, text
from reviewer.finding import Severity, Source, SourceKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_DIAGNOSTICS = 20_000
"""More than these of one analyzer are not read."""

_SEVERITIES = {
    **dict.fromkeys(("error", "fatal error", "fatal"), Severity.ERROR),
    **dict.fromkeys(("warning", "warn"), Severity.WARNING),
    **dict.fromkeys(("info", "note", "style", "hint", "convention", "refactor", "help"), Severity.INFO),
}
# file:line:column: severity: message [code]; the column, the severity and the code may be missing.
_LINE = re.compile(
    r"(?P<path>(?:[A-Za-z]:[\\/])?[^:\n]+):(?P<line>\d{1,9})(?::(?P<column>\d{1,9}))?(?:[-:]\d{1,9}(?::\d{1,9})?)?:?\s+"
    r"(?:(?P<severity>fatal error|fatal|error|warning|warn|info|note|style|hint|convention|refactor|help)"
    r"(?:\[(?P<rustc>[\w:-]+)\])?:\s*)?"
    r"(?P<message>\S.*)"
)
_CODE_AFTER = re.compile(r"\s+(?:\[(?P<square>[\w./:@-]+)\]|\((?P<round>[\w./:@-]+)\))\s*\Z")
_CODE_BEFORE = re.compile(r"(?P<code>[A-Z]{1,8}\d{2,6}):?\s+")
_LONGEST_LINE = 4096  # characters; what is longer is no report

# The rules of ruff that fail whenever the line runs; the others depend on what runs around them.
_RUFF_ERRORS = ("invalid-syntax", "F50", "F52", "F62", "F63", "F70", "F82", "F901", "PLE", "E9")
_SHELLCHECK_EDITS = 50


class UnreadableOutputError(ValueError):
    """The output as a whole is not what the analyzer's format promises."""


def read(spec: Spec, output: bytes) -> list[Diagnostic]:
    """Read an analyzer's standard output.

    Args:
        spec: The analyzer.
        output: What it wrote, in UTF-8; other bytes are replaced.

    Raises:
        UnreadableOutputError: It is not of the analyzer's format.
    """
    found: list[Diagnostic] = []
    try:
        for one in _READERS[spec.format](spec, output):
            if one.source.rule not in spec.omitted:
                found.append(one)
            if len(found) == MAX_DIAGNOSTICS:
                break
    except (WrongShapeError, ValueError, RecursionError) as error:
        raise UnreadableOutputError(f"its output is not {spec.format.value}") from error
    return found


def _json(output: bytes) -> Any:
    return json.loads(output.decode("utf-8", "replace") or "null")


def _source(spec: Spec, rule: str, url: str = "") -> Source:
    return Source(SourceKind.TOOL, spec.name, rule, url or spec.url_of(rule))


# --- file:line:column: message --------------------------------------------------------------------------------------


def _lines(spec: Spec, output: bytes) -> Iterator[Diagnostic]:
    for line in output.decode("utf-8", "replace").split("\n"):
        match = _LINE.fullmatch(line.strip()) if len(line) <= _LONGEST_LINE else None
        if match is not None:
            rule, message = _code(match["message"], match["rustc"])
            yield Diagnostic(
                match["path"],
                int(match["line"]),
                one_line(message),
                _source(spec, rule),
                _SEVERITIES.get(match["severity"] or "", Severity.WARNING),
                spec.category_of(rule),
                column=int(match["column"] or 0),
            )


def _code(message: str, code: str | None) -> tuple[str, str]:
    if code:
        return code, message
    after = _CODE_AFTER.search(message)
    if after is not None:
        return after["square"] or after["round"], message[: after.start()]
    before = _CODE_BEFORE.match(message)
    return (before["code"], message[before.end() :]) if before is not None else ("", message)


# --- Reviewdog Diagnostic Format ------------------------------------------------------------------------------------
# https://github.com/reviewdog/reviewdog/tree/master/proto/rdf


def _rdjson(spec: Spec, output: bytes) -> Iterator[Diagnostic]:
    document = record(_json(output))
    for one in items(document.get("diagnostics")):
        yield from _rdf(spec, record(one), text(document.get("severity")))


def _rdjsonl(spec: Spec, output: bytes) -> Iterator[Diagnostic]:
    for line in output.split(b"\n"):
        if line.strip():
            yield from _rdf(spec, record(_json(line)), "")


def _rdf(spec: Spec, one: dict[str, Any], severity: str) -> Iterator[Diagnostic]:
    location, code = record(one.get("location")), record(one.get("code"))
    start, end = _rdf_range(location.get("range"))
    path, rule = text(location.get("path")), text(code.get("value"))
    if not path or start[0] < 1:
        return
    suggestions = [record(suggestion) for suggestion in items(one.get("suggestions"))]
    yield Diagnostic(
        path,
        start[0],
        one_line(text(one.get("message"))),
        _source(spec, rule, text(code.get("url"))),
        _SEVERITIES.get((text(one.get("severity")) or severity).lower(), Severity.WARNING),
        spec.category_of(rule),
        column=start[1],
        end_line=end[0],
        end_column=end[1],
        edits=tuple(
            Edit(*_rdf_range(suggestion.get("range"), whole=True), text(suggestion.get("text"), limit=None))
            for suggestion in suggestions[:1]
        ),
        secret=spec.secrets,
    )


def _rdf_range(value: object, *, whole: bool = False) -> tuple[tuple[int, int], tuple[int, int]]:
    """Start and end; for a suggestion, a missing column means the line's start, and a missing end the start."""
    start, end = record(record(value).get("start")), record(record(value).get("end"))
    least = 1 if whole else 0
    first = (number(start.get("line")), max(least, number(start.get("column"))))
    last = (number(end.get("line")), max(least, number(end.get("column"))))
    return first, last if last[0] else (first if whole else (0, 0))


# --- formats of single tools ----------------------------------------------------------------------------------------


def _ruff(spec: Spec, output: bytes) -> Iterator[Diagnostic]:
    for value in items(_json(output)):
        one = record(value)
        start, end = record(one.get("location")), record(one.get("end_location"))
        rule = text(one.get("code")) or "invalid-syntax"
        yield Diagnostic(
            text(one.get("filename")),
            number(start.get("row")),
            one_line(text(one.get("message"))),
            _source(spec, rule, text(one.get("url"))),
            Severity.ERROR if rule.startswith(_RUFF_ERRORS) else Severity.WARNING,
            spec.category_of(rule),
            column=number(start.get("column")),
            end_line=number(end.get("row")),
            end_column=number(end.get("column")),
            advice=_ruff_advice(one),
            edits=tuple(_ruff_edit(record(edit)) for edit in items(record(one.get("fix")).get("edits"))),
        )


def _ruff_advice(one: dict[str, Any]) -> str:
    """What ruff's own fix would do, which it also says where the fix itself is left to the programmer."""
    advice = one_line(text(record(one.get("fix")).get("message")))
    return advice if not advice or advice.endswith(".") else f"{advice}."


def _ruff_edit(edit: dict[str, Any]) -> Edit:
    start, end = record(edit.get("location")), record(edit.get("end_location"))
    return Edit(
        (number(start.get("row")), number(start.get("column"))),
        (number(end.get("row")), number(end.get("column"))),
        text(edit.get("content"), limit=None),
    )


def _shellcheck(spec: Spec, output: bytes) -> Iterator[Diagnostic]:
    for value in items(record(_json(output)).get("comments")):
        one = record(value)
        rule = f"SC{number(one.get('code'))}"
        replacements = items(record(one.get("fix")).get("replacements"))[:_SHELLCHECK_EDITS]
        yield Diagnostic(
            text(one.get("file")),
            number(one.get("line")),
            one_line(text(one.get("message"))),
            _source(spec, rule),
            _SEVERITIES.get(text(one.get("level")), Severity.WARNING),
            spec.category_of(rule),
            column=number(one.get("column")),
            end_line=number(one.get("endLine")),
            end_column=number(one.get("endColumn")),
            edits=tuple(_place_edit(record(replacement), "replacement") for replacement in replacements),
        )


def _place_edit(edit: dict[str, Any], key: str) -> Edit:
    start = (number(edit.get("line")), number(edit.get("column")))
    return Edit(start, (number(edit.get("endLine")), number(edit.get("endColumn"))), text(edit.get(key), limit=None))


def _eslint(spec: Spec, output: bytes) -> Iterator[Diagnostic]:
    fatal = 2
    for file in items(_json(output)):
        for value in items(record(file).get("messages")):
            one = record(value)
            rule = text(one.get("ruleId"))
            yield Diagnostic(
                text(record(file).get("filePath")),
                number(one.get("line")),
                one_line(text(one.get("message"))),
                # A plugin's rule is documented elsewhere.
                _source(spec, rule) if "/" not in rule else Source(SourceKind.TOOL, spec.name, rule),
                Severity.ERROR if number(one.get("severity")) == fatal else Severity.WARNING,
                spec.category_of(rule),
                column=number(one.get("column")),
                end_line=number(one.get("endLine")),
                end_column=number(one.get("endColumn")),
            )


def _sarif(spec: Spec, output: bytes) -> Iterator[Diagnostic]:
    for one in sarif.read(output, name=spec.name):
        source = one.source
        yield one if source.url else sarif.documented(one, spec.url_of(source.rule))


_READERS: dict[Format, Callable[[Spec, bytes], Iterator[Diagnostic]]] = {
    Format.SARIF: _sarif,
    Format.RDJSON: _rdjson,
    Format.RDJSONL: _rdjsonl,
    Format.LINES: _lines,
    Format.RUFF: _ruff,
    Format.SHELLCHECK: _shellcheck,
    Format.ESLINT: _eslint,
}
