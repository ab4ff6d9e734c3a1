"""Comments that silence findings: ``reviewer: ignore[bug] reason``, in a comment of any language.

A comment beside code silences its own line; one on a line of its own, the next line of code; ``ignore-file`` in a
file's first lines, the whole file. Comments are found by the language's grammar, so that a string literal silences
nothing, and by its comment tokens where there is no grammar.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from reviewer import syntax
from reviewer.finding import Category
from reviewer.languages import GENERIC, Language

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HEADER_LINES = 20
"""The first lines of a file, in which ``ignore-file`` counts."""

_LONGEST_REASON = 200  # characters

_MENTION = re.compile(r"reviewer:\s*ignore", re.IGNORECASE)
_BODY = (
    r"reviewer:[ \t]*ignore(?P<file>-file)?(?![\w-])(?:[ \t]*\[(?P<categories>[^\]\n]*)\])?"
    r"[ \t:,.\u2013\u2014-]*(?P<reason>[^\n]*)"
)
# At the start of a comment's line, or behind a further token in it, as after another tool's directive.
_IN_COMMENT = re.compile(r"(?:^[ \t#/*!<;%-]*|(?<=[ \t])(?:#|//)[ \t]*)" + _BODY, re.IGNORECASE)
_CLOSING = re.compile(r"(?:\*/|-->).*")
_CLOSED_BY = {"/*": "*/", "<!--": "-->"}
# For files of unknown languages: shell and TOML, C, SQL and Lua, Lisp and INI, TeX, XML.
_ANY_TOKEN = ("#", "//", "--", ";", "%", "/*", "<!--")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One comment that silences findings.

    Attributes:
        line: Its own line, 1-based.
        first, last: The lines that it silences.
        categories: Which findings; None means all.
        reason: Its author's; may be empty.
        problem: What is wrong with it; empty where nothing is.
    """

    line: int
    first: int
    last: int
    categories: frozenset[Category] | None = None
    reason: str = ""
    problem: str = ""

    def covers(self, line: int, category: Category) -> bool:
        """Whether it silences a finding of that line and category."""
        return self.first <= line <= self.last and (self.categories is None or category in self.categories)


def in_text(language: Language, text: str) -> tuple[Ignore, ...]:
    """Find the comments of a whole file, in order.

    Args:
        language: The file's language.
        text: Its text.
    """
    if _MENTION.search(text) is None:
        return ()
    lines = dict(enumerate(text.split("\n"), 1))
    comments = syntax.comments(language, text)
    return tuple(_read(_scanned(language, lines) if comments is None else comments, lines))


def in_lines(language: Language, lines: Mapping[int, str]) -> tuple[Ignore, ...]:
    """Find the comments where only some lines are known, as in a patch, which a grammar cannot parse.

    Args:
        language: The file's language.
        lines: Text by 1-based number.
    """
    return tuple(_read(_scanned(language, lines), lines))


def _read(comments: tuple[syntax.Comment, ...], lines: Mapping[int, str]) -> Iterator[Ignore]:
    alone = {
        number for comment in comments if _stands_alone(comment) for number in range(comment.start, comment.end + 1)
    }
    for comment in comments:
        for offset, line in enumerate(comment.text.split("\n")):
            found = _IN_COMMENT.search(line)
            if found is not None:
                yield _ignore(found, comment, comment.start + offset, lines, alone)


def _ignore(
    found: re.Match[str], comment: syntax.Comment, line: int, lines: Mapping[int, str], alone: set[int]
) -> Ignore:
    reason = _CLOSING.sub("", found["reason"], count=1).strip()[:_LONGEST_REASON]
    names = _names(found["categories"])
    unknown = [name for name in names if name not in _CATEGORIES]
    categories = None if found["categories"] is None else frozenset(_CATEGORIES[n] for n in names if n in _CATEGORIES)
    problem = _unknown(unknown) if unknown or (categories is not None and not names) else ""
    if found["file"]:
        if line > HEADER_LINES:
            return Ignore(line, 1, 0, categories, reason, f"ignore-file works only in the first {HEADER_LINES} lines")
        return Ignore(line, 1, sys.maxsize, categories, reason, problem)
    target = _next_code(comment.end, lines, alone) if comment.start in alone else None
    return Ignore(line, target or comment.start, target or comment.end, categories, reason, problem)


def _next_code(line: int, lines: Mapping[int, str], alone: set[int]) -> int | None:
    """The first line below that is neither empty nor a comment; None where it is not known."""
    line += 1
    while line in lines and (line in alone or not lines[line].strip()):
        line += 1
    return line if line in lines else None


def _stands_alone(comment: syntax.Comment) -> bool:
    around = comment.before.strip(), comment.after.strip()
    return around in (("", ""), ("{", "}"))  # the braces of JSX


_CATEGORIES = {category.value: category for category in Category}


def _names(categories: str | None) -> list[str]:
    return [name.strip().lower() for name in (categories or "").split(",") if name.strip()]


def _unknown(names: list[str]) -> str:
    known = ", ".join(_CATEGORIES)
    if not names:
        return f"ignore[] without a category; categories: {known}"
    return f"ignore[{', '.join(names)}]: unknown category; categories: {known}"


def _scanned(language: Language, lines: Mapping[int, str]) -> tuple[syntax.Comment, ...]:
    """Find comments by their tokens: those that may silence, and those at the start of a line."""
    tokens, pattern = _tokens(language)
    found = []
    for number, line in lines.items():
        match = pattern.search(line)
        if match is not None:
            closing = _CLOSED_BY.get(match["token"], "")
            close = line.find(closing, match.end()) if closing else -1
            end = close + len(closing) if close >= 0 else len(line)
            found.append(syntax.Comment(number, number, line[match.start() : end], line[: match.start()], line[end:]))
        elif tokens and line.lstrip().startswith(tokens):
            found.append(syntax.Comment(number, number, line, "", ""))
    return tuple(found)


@lru_cache
def _tokens(language: Language) -> tuple[tuple[str, ...], re.Pattern[str]]:
    own = (language.line_comment, language.block_comment and language.block_comment[0])
    tokens = _ANY_TOKEN if language is GENERIC else tuple(token for token in own if token)
    either = "|".join(map(re.escape, tokens)) or "(?!)"
    return tokens, re.compile(
        rf"(?:^|(?<=[\s,;(){{}}]))(?P<token>{either})(?=[#/*!;%-]{{0,9}}[ \t]{{0,99}}reviewer:)", re.IGNORECASE
    )
