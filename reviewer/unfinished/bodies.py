"""The body of a function: what kind of gap it is, and which lines a completion replaces."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reviewer.unfinished.placeholders import Kind, comment_of, has_todo, kind_of, only_trivial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.syntax import Function

_QUOTES: Final = re.compile(r"[rRuUbB]{0,2}(?P<quote>\"\"\"|'''|\"|')")
# Bodies of these begin with an indentation or a keyword.
_WITHOUT_BRACES: Final = frozenset(("python", "ruby"))


@dataclass(frozen=True, slots=True)
class Source:
    """The file to search; its path may be empty."""

    language: str
    text: str
    path: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a function.

    Attributes:
        start, end: The lines that a completion replaces; a docstring stays.
        whole: Whether those lines contain the signature too.
        kind: The kind of gap; None if the body is finished.
        comments: The text of its comments.
        docstring: Python's docstring; may be empty.
    """

    start: int
    end: int
    whole: bool
    kind: Kind | None
    comments: tuple[str, ...]
    docstring: str

    @classmethod
    def of(cls, source: Source, function: Function) -> Body:
        """The body of one function of a file."""
        language, lines = source.language, source.lines
        docstring = _docstring(function.body_text) if language == "python" else ""
        comments = _comments(language, function.body_text[len(docstring) :])
        span = _span(language, function, docstring, lines)
        start, end = span or (_signature_line(function, lines), function.end)
        return cls(start, end, span is None, _kind(language, function, comments), comments, docstring)


def _kind(language: str, function: Function, comments: Sequence[str]) -> Kind | None:
    todo = any(map(has_todo, comments))
    kind = kind_of(language, function.body_code)
    if kind is None:
        return Kind.TODO if todo and only_trivial(language, function.body_code) else None
    return Kind.TODO if todo and kind is not Kind.NOT_IMPLEMENTED else kind


def _docstring(body: str) -> str:
    match = _QUOTES.match(body)
    if match is None:
        return ""
    end = body.find(match["quote"], match.end())
    return "" if end < 0 else body[: end + len(match["quote"])]


def _comments(language: str, body: str) -> tuple[str, ...]:
    found = (comment_of(language, line) for line in body.split("\n"))
    return tuple(comment for comment in found if comment is not None)


def _span(language: str, function: Function, docstring: str, lines: Sequence[str]) -> tuple[int, int] | None:
    """The lines inside a body; None if the body shares its lines with the signature."""
    if not function.body_text:
        return None
    if language in _WITHOUT_BRACES:
        rest = function.body_text[len(docstring) :]
        if docstring and not rest.lstrip(" \t").startswith("\n"):
            return None
        skipped = docstring.count("\n") + rest[: len(rest) - len(rest.lstrip())].count("\n")
        start = function.body_start + skipped
        end = function.body_start + function.body_text.count("\n")
        first = (rest.strip() or function.body_text).split("\n")[0].strip()
        # Not on one line with the signature (`def f(): pass`) or with Ruby's `end`.
        alone = lines[start - 1].strip().startswith(first) and not _ends_here(language, lines[end - 1])
        return (start, end) if alone else None
    start, end = function.body_start + 1, function.body_end - 1
    opens, closes = lines[function.body_start - 1].strip(), lines[function.body_end - 1].strip()
    return (start, end) if start <= end and opens.endswith("{") and closes.startswith("}") else None


def _ends_here(language: str, line: str) -> bool:
    return language == "ruby" and line.partition("#")[0].rstrip().endswith("end")


def _signature_line(function: Function, lines: Sequence[str]) -> int:
    """The line of the signature itself, below decorators."""
    number = function.start
    while function.decorators and number < function.end and not _defines(lines[number - 1]):
        number += 1
    return number


def _defines(line: str) -> bool:
    return line.lstrip().startswith(("def ", "async "))
