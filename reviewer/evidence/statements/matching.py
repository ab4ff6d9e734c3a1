"""Runs the rules on a file, and says where in it they match."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.evidence import manifests, stages
from reviewer.evidence.diagnostic import Diagnostic, Edit, Fault
from reviewer.evidence.statements import dockerfile, sql
from reviewer.evidence.textual import NAME
from reviewer.finding import Source, SourceKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.evidence.reviewed import ReviewedFile
    from reviewer.evidence.statements.pattern import Pattern

# What is not closed goes to the end of the text; a search for each opening again would take quadratic time.
_COMMENT = re.compile(r"'(?:[^']|'')*(?:'|\Z)|(--[^\n]*|/\*.*?(?:\*/|\Z))", re.DOTALL)
_DOCKER_COMMENT = re.compile(r"^[^\S\n]*#.*$", re.MULTILINE)
_END = re.compile(r"'(?:[^']|'')*(?:'|\Z)|\$(\w*)\$.*?(?:\$\1\$|\Z)|(;)", re.DOTALL)
_LINE = re.compile(r"(?:[^\n]*\\\n)*[^\n]*\n?")
# The rules' patterns are not linear, so a longer statement, such as one that inserts data, is left out.
_LONGEST = 2000
_MOST = 100_000  # characters of a file's statements


def scan(file: ReviewedFile) -> Iterator[Diagnostic]:
    """Report what the rules of the file's language find anywhere in it."""
    if file.language.name == "sql":
        text = _COMMENT.sub(lambda found: _blank(found[0]) if found[1] else found[0], file.text)
        yield from _matches(file, sql.patterns(), text, _sql_statements(text))
    elif file.language.name == "dockerfile":
        text = _DOCKER_COMMENT.sub(lambda found: _blank(found[0]), file.text)
        yield from _matches(file, dockerfile.patterns(), text, [one.span() for one in _LINE.finditer(text)])
        for fault, (start, end) in stages.faults(text):
            yield _diagnostic(file, fault, (_place(text, start), _place(text, end)), ())
    elif file.language.name == "yaml":
        for rule, (start, end) in manifests.faults(file.parseable):
            yield _diagnostic(file, rule, (_place(file.parseable, start), _place(file.parseable, end)), ())


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _sql_statements(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for found in _END.finditer(text):
        if found[2]:
            yield start, found.start()
            start = found.end()
    yield start, len(text)


def _matches(
    file: ReviewedFile,
    patterns: tuple[Pattern, ...],
    text: str,
    spans: Iterator[tuple[int, int]] | list[tuple[int, int]],
) -> Iterator[Diagnostic]:
    matched = 0
    for start, end in spans:
        statement = text[start:end]
        if len(statement) > _LONGEST:
            continue
        matched += len(statement)
        if matched > _MOST:
            return
        for one in patterns:
            found = one.found.search(statement)
            if found and not _is_right(one, found, file.path):
                begin = _begin(found)
                found_at = (_place(text, start + begin), _place(text, start + found.end()))
                yield _diagnostic(file, one, found_at, _edits(one, found, text, start))


def _is_right(one: Pattern, found: re.Match[str], path: str) -> bool:
    excused = one.unless is not None and one.unless.search(found.string) is not None
    excused = excused or (one.check is not None and not one.check(found))
    return excused or (one.ignores is not None and one.ignores.search(path) is not None)


def _begin(found: re.Match[str]) -> int:
    """The start of the group ``at``, or of the first word where the match has none."""
    for name, start in zip(found.re.groupindex, map(found.start, found.re.groupindex), strict=True):
        if name.startswith("at") and start >= 0:
            return start
    return found.start() + len(found[0]) - len(found[0].lstrip())


def _edits(one: Pattern, found: re.Match[str], text: str, start: int) -> tuple[Edit, ...]:
    if one.fix is None:
        return ()
    first, last = found.span("at")
    return (Edit(_place(text, start + first), _place(text, start + last), one.fix(found)),)


def _diagnostic(
    file: ReviewedFile,
    one: Pattern | Fault,
    place: tuple[tuple[int, int], tuple[int, int]],
    edits: tuple[Edit, ...],
) -> Diagnostic:
    (line, column), (end_line, end_column) = place
    return Diagnostic(
        file.path,
        line,
        one.message,
        Source(SourceKind.RULE, NAME, one.id, one.url),
        one.severity,
        one.category,
        column=column,
        end_line=end_line,
        end_column=end_column,
        edits=edits,
    )


def _place(text: str, offset: int) -> tuple[int, int]:
    """The line and the column of an offset, both from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
