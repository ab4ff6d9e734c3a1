"""Syntax colours for the lines of a unit, as safe HTML; pygments is imported when the first unit is coloured.

The lexers of pygments are regular expressions that were not written for hostile text, so what is given to them is
bounded: lines, pieces of a unit, and the whole report; so is the time that they take, because some need the
square of the length (Java: ``a a a …``). What exceeds a bound is shown without colours.
"""

from __future__ import annotations

import html
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from reviewer.diff import LineKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reviewer.diff import SourceLine

_Token = tuple[int, Any, str]

MAX_LINE = 400
MAX_PIECE = 40_000  # characters that are read together
MAX_REPORT = 500_000  # some seconds
MAX_SECONDS = 10.0
MAX_PIECE_SECONDS = 2.0

_ALIASES = {"shell": "bash", "dockerfile": "docker"}  # our name -> that of pygments, where they differ
_OPTIONS: dict[str, dict[str, Any]] = {"php": {"startinline": True}}

# The first entry that contains a token's type wins.
_CLASSES = (
    ("Comment", "c"),
    ("Literal.String", "s"),
    ("Literal.Number", "m"),
    ("Keyword.Constant", "m"),
    ("Keyword", "k"),
    ("Operator.Word", "k"),
    ("Name.Tag", "k"),
    ("Name.Function", "f"),
    ("Name.Class", "f"),
    ("Name.Decorator", "f"),
    ("Name.Attribute", "f"),
    ("Name.Builtin", "b"),
    ("Generic.Heading", "k"),
    ("Generic.Subheading", "k"),
)


class Highlighter:
    """Colours the units of one report, until ``MAX_REPORT`` characters or ``MAX_SECONDS`` are spent."""

    def __init__(self) -> None:
        self._left = MAX_REPORT
        self._seconds = MAX_SECONDS

    def lines(self, language: str, lines: Sequence[SourceLine]) -> list[str]:
        """Return the HTML of each line, escaped, in the same order.

        The old side and the new side are read on their own, because each is valid code and their mixture is not.
        """
        plain = [html.escape(line.text) for line in lines]
        for hidden, own in ((LineKind.ADDED, LineKind.REMOVED), (LineKind.REMOVED, LineKind.ADDED)):
            if own is LineKind.REMOVED and not any(line.kind is own for line in lines):
                continue  # context gets the colours of the new side
            side = [index for index, line in enumerate(lines) if line.kind is not hidden]
            for index, coloured in zip(side, self._side(language, [lines[index].text for index in side]), strict=False):
                plain[index] = coloured
        return plain

    def _side(self, language: str, texts: list[str]) -> list[str]:
        """The HTML of one side; shorter where its end has no colours."""
        lexer = _lexer(language)
        if lexer is None or any(len(text) > MAX_LINE or "\n" in text for text in texts):
            return []
        coloured: list[str] = []
        for piece in _pieces(texts):
            found = self._piece(lexer, piece)
            coloured += found
            if not found:
                break
        return coloured

    def _piece(self, lexer: Any, texts: list[str]) -> list[str]:
        text = "\n".join(texts) + "\n"
        if len(text) > self._left or self._seconds <= 0:
            return []
        self._left -= len(text)
        began = time.monotonic()
        tokens = _until(lexer.get_tokens_unprocessed(text), began + min(MAX_PIECE_SECONDS, self._seconds))
        coloured = list(_lines(tokens))
        self._seconds -= time.monotonic() - began
        return coloured if len(coloured) == len(texts) else []


def _pieces(texts: list[str]) -> Iterator[list[str]]:
    """Cut lines into pieces of at most ``MAX_PIECE`` characters."""
    piece: list[str] = []
    size = 0
    for text in texts:
        size += len(text) + 1
        if size > MAX_PIECE:
            yield piece
            piece, size = [], len(text) + 1
        piece.append(text)
    yield piece


def _until(tokens: Iterator[_Token], deadline: float) -> Iterator[_Token]:
    for token in tokens:
        if time.monotonic() > deadline:
            return
        yield token


def _lines(tokens: Iterator[_Token]) -> Iterator[str]:
    """Cut a stream of tokens at line feeds."""
    line: list[str] = []
    for _, kind, value in tokens:
        style = _class(kind)
        first, *rest = value.split("\n")
        line.append(_span(style, first))
        for piece in rest:
            yield "".join(line)
            line = [_span(style, piece)]


def _span(style: str, text: str) -> str:
    escaped = html.escape(text)
    return f'<span class="{style}">{escaped}</span>' if style and text.strip() else escaped


@cache
def _lexer(language: str) -> Any:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(_ALIASES.get(language, language), **_OPTIONS.get(language, {}))
    except ClassNotFound:  # the generic language
        return None


@cache
def _class(kind: Any) -> str:
    from pygments.token import string_to_tokentype

    return next((style for name, style in _CLASSES if kind in string_to_tokentype(name)), "")
