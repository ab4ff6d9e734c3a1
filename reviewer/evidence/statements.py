"""Rules for SQL and Dockerfiles, which ast-grep has no grammar for: patterns in single statements."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Diagnostic
from reviewer.evidence.textual import NAME
from reviewer.finding import Category, Severity, Source, SourceKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.evidence.reviewed import ReviewedFile


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One rule.

    Attributes:
        found: Matches the fault, in the text of one statement; the finding names the line of its group ``at``, or of
            its start.
        unless: Makes a statement right that ``found`` matches.
        ignores: Paths that the rule does not apply to.
    """

    id: str
    found: re.Pattern[str]
    message: str
    url: str
    unless: re.Pattern[str] | None = None
    ignores: re.Pattern[str] | None = None
    severity: Severity = Severity.WARNING
    category: Category = Category.BUG


def _regex(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.VERBOSE)


_SECRET_NAME = r"\w*(?:PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)"  # noqa: S105 - a pattern
_TIME = r"(?:\w+\.)?(?:\w+_at|\w*time(?:stamp)?|\w*_ts|ts|created|updated|modified)"

_SQL = (
    _Pattern(
        "sql-write-without-where",
        _regex(r"\A\s*(?:UPDATE\s+[\w.\"`\[\]]+(?:\s+(?:AS\s+)?\w+)?\s+SET\b|DELETE\s+FROM\s+[\w.\"`\[\]]+\s*\Z)"),
        "Without WHERE, the statement changes every row.",
        "https://cwe.mitre.org/data/definitions/1287.html",
        unless=_regex(r"\b(?:WHERE|LIMIT|FROM|JOIN)\b(?!\s+[\w.\"`\[\]]+\s*\Z)"),
        ignores=_regex(
            r"migrat|schema|upgrade|seed|fixture|/tests?/"
        ),  # they fill a new column, or a table of their own
        severity=Severity.ERROR,
    ),
    _Pattern(
        "sql-null-compared",
        _regex(r"\b(?:WHERE|AND|OR|ON|WHEN|HAVING|NOT)\s+\(?\s*[\w.\"`]+\s*(?:=|<>|!=)\s*(?P<at>NULL)\b"),
        "A comparison with NULL is never true; use IS NULL or IS NOT NULL.",
        "https://www.postgresql.org/docs/current/functions-comparison.html",
        severity=Severity.ERROR,
    ),
    _Pattern(
        "sql-not-in-subquery",
        _regex(r"\bNOT\s+IN\s*\(\s*SELECT\s+(?:DISTINCT\s+)?(?!(?:\w+\.)?id\b)[\w.]+\s+FROM\b"),
        "NOT IN finds nothing as soon as the subquery returns a NULL; use NOT EXISTS.",
        "https://wiki.postgresql.org/wiki/Don't_Do_This#Don't_use_NOT_IN",
        unless=_regex(r"IS\s+NOT\s+NULL|COALESCE"),
    ),
    _Pattern(
        "sql-last-day-cut",
        _regex(
            rf"\b{_TIME}(?:\s+BETWEEN\s+[^;]{{1,60}}?\s+AND\s+|\s*<=\s*)(?P<at>(?:DATE\s*|TIMESTAMP\s*)?"
            r"'\d{4}-\d\d-(?:2[89]|3[01])')(?!\s*(?:\+|::\s*date))"
        ),
        "The date means the beginning of the last day, so the rest of that day is left out; use < the next day.",
        "https://wiki.postgresql.org/wiki/Don't_Do_This#Don't_use_BETWEEN_(especially_with_timestamps)",
    ),
)
_DOCKERFILE = (
    _Pattern(
        "dockerfile-secret-in-image",
        _regex(rf"\A\s*(?:ARG|ENV)\s+(?P<at>{_SECRET_NAME})(?:\s*=|\s+\S|\s*\Z)"),
        "The value stays readable in the image's history; mount the secret with RUN --mount=type=secret.",
        "https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/",
        unless=_regex(r"_FILE\s*=|=\s*(?:/\S+|\"\"|'')?\s*\Z"),
        category=Category.SECURITY,
    ),
    _Pattern(
        "dockerfile-secret-file-copied",
        _regex(
            r"\A\s*(?:COPY|ADD)\s+(?:--(?!from)\S+\s+)*(?:\S+\s+)*?(?P<at>\S*(?:\bid_(?:rsa|ed25519|ecdsa)|\.env|\.npmrc|\.netrc|"
            r"\.pypirc|\.aws/credentials|key\.pem|\.git-credentials))\s+\S"
        ),
        "The copied secret stays in the image's layers, even if a later step removes it.",
        "https://docs.docker.com/build/building/secrets/",
        category=Category.SECURITY,
    ),
    _Pattern(
        "dockerfile-secret-in-command",
        _regex(rf"\A\s*RUN\s+(?!.*--mount=type=secret)[^\n]*?(?P<at>\$\{{?{_SECRET_NAME}\b\}}?)"),
        "The secret stays in the image's history; mount it with RUN --mount=type=secret.",
        "https://docs.docker.com/build/building/secrets/",
        unless=_regex(r"--mount=type=secret"),
        category=Category.SECURITY,
    ),
)
_COMMENT = re.compile(r"'(?:[^']|'')*'|(--[^\n]*|/\*.*?\*/)", re.DOTALL)
_DOCKER_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)
_END = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$|(;)", re.DOTALL)
_LINE = re.compile(r"(?:[^\n]*\\\n)*[^\n]*\n?")


def scan(file: ReviewedFile) -> Iterator[Diagnostic]:
    """Report what the rules of the file's language find anywhere in it."""
    if file.language.name == "sql":
        text = _COMMENT.sub(lambda found: _blank(found[0]) if found[1] else found[0], file.text)
        yield from _matches(file, _SQL, text, _sql_statements(text))
    elif file.language.name == "dockerfile":
        text = _DOCKER_COMMENT.sub(lambda found: _blank(found[0]), file.text)
        yield from _matches(file, _DOCKERFILE, text, [one.span() for one in _LINE.finditer(text)])


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
    patterns: tuple[_Pattern, ...],
    text: str,
    spans: Iterator[tuple[int, int]] | list[tuple[int, int]],
) -> Iterator[Diagnostic]:
    for start, end in spans:
        statement = text[start:end]
        for one in patterns:
            found = one.found.search(statement)
            if found and not _is_right(one, statement, file.path):
                begin = found.start("at") if "at" in one.found.groupindex else _first_word(statement, found.start())
                yield _diagnostic(file, one, text, start + begin, start + found.end())


def _is_right(one: _Pattern, statement: str, path: str) -> bool:
    excused = one.unless is not None and one.unless.search(statement) is not None
    return excused or (one.ignores is not None and one.ignores.search(path) is not None)


def _first_word(statement: str, start: int) -> int:
    return start + len(statement[start:]) - len(statement[start:].lstrip())


def _diagnostic(file: ReviewedFile, one: _Pattern, text: str, start: int, end: int) -> Diagnostic:
    line, last = text.count("\n", 0, start) + 1, text.count("\n", 0, end) + 1
    return Diagnostic(
        file.path,
        line,
        one.message,
        Source(SourceKind.RULE, NAME, one.id, one.url),
        one.severity,
        one.category,
        column=start - text.rfind("\n", 0, start),
        end_line=last,
        end_column=end - text.rfind("\n", 0, end),
    )
