"""Outlines of definitions: the signature and the documentation, for readers of code elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reviewer.syntax.definitions import Definition, Scope

_WHOLE = 8  # lines of a definition that is shown whole
_SIGNATURE = 10  # lines of a signature
_WORDS = 5  # lines of a docstring or comment
_ABOVE = 40  # lines that are searched for the start of a comment
# Attributes that are siblings of the definition in the tree.
_ATTRIBUTE = re.compile(r"\s*(?:#!?\[|@|\[\w)")
_LINE_COMMENT = re.compile(r"\s*(?://|#(?!\[|!|include|define|if|endif|el|pragma)|--)")
_COMMENT_END = re.compile(r"\*/\s*$")
_EMPTY_COMMENT = re.compile(r"(?:///?|#|\*|/\*\*?|--)?")
_DOCSTRING = re.compile(r"""\s*[rRuU]?(\"{3}|'{3}|"|')""")
_CONSTRUCTORS = frozenset(("__init__", "constructor", "initialize", "__construct", "new", "init"))


@dataclass(frozen=True, slots=True)
class Outline:
    """The lines that show one definition, 1-based and ascending.

    Attributes:
        scope: The function, method or class.
        signature: Its signature, decorators included.
        header: The signature and the first paragraph of the docstring or comment.
        rows: The whole of a short definition, else the header; of a class also its constructor's signature.
    """

    scope: Scope
    signature: tuple[int, ...]
    header: tuple[int, ...]
    rows: tuple[int, ...]

    @property
    def name(self) -> str:
        """Its name, unqualified."""
        return self.scope.name.rpartition(".")[2]


def read(definitions: Sequence[Definition], lines: Sequence[str], *, python: bool) -> Iterator[Outline]:
    """Outline the definitions of a file, in their order.

    Args:
        definitions: The definitions.
        lines: The file's lines.
        python: Whether documentation is a docstring, not a comment above.
    """
    for definition in definitions:
        scope = definition.scope
        signature = _signature(scope)
        header = {*signature} | (_docstring(scope, lines) if python else _comment(scope, lines))
        rows = header
        if scope.end - scope.start < _WHOLE:
            rows = header | {*range(scope.start, scope.end + 1)}
        elif scope.kind == "class":
            rows = header | _constructor(scope, definitions)
        yield Outline(scope, signature, tuple(sorted(header)), tuple(sorted(rows)))


def excerpt(lines: Sequence[str], rows: Sequence[int]) -> str:
    """Join some lines of a file, with an ellipsis where lines between them are left out."""
    shown: list[str] = []
    before = rows[0] - 1 if rows else 0
    for row in rows:
        line = lines[row - 1].rstrip()
        if row > before + 1:
            shown.append(line[: len(line) - len(line.lstrip())] + "\u2026")
        shown.append(line)
        before = row
    return "\n".join(shown)


def _signature(scope: Scope) -> tuple[int, ...]:
    return tuple(range(scope.start, min(scope.signature_end, scope.start + _SIGNATURE - 1) + 1))


def _docstring(scope: Scope, lines: Sequence[str]) -> set[int]:
    """The first paragraph of a Python docstring."""
    begin = scope.signature_end + 1
    text = lines[begin - 1] if begin <= min(len(lines), scope.end) else ""
    quote = _DOCSTRING.match(text)
    if quote is None:
        return set()
    if quote[1] in text[quote.end() :]:
        return {begin}
    rows = {begin}
    for row in range(begin + 1, min(scope.end, len(lines), begin + _WORDS - 1) + 1):
        if not lines[row - 1].strip():
            break
        rows.add(row)
        if quote[1] in lines[row - 1]:
            break
    return rows


def _comment(scope: Scope, lines: Sequence[str]) -> set[int]:
    """The first paragraph of the comment above, and the attributes in between."""
    row = scope.start - 1
    rows: set[int] = set()
    while row > 0 and _ATTRIBUTE.match(lines[row - 1]) and len(rows) < _WORDS:
        rows.add(row)
        row -= 1
    last = row
    if last < 1:
        return rows
    lowest = max(0, last - _ABOVE)
    if _COMMENT_END.search(lines[last - 1]):
        while row > lowest and "/*" not in lines[row - 1]:
            row -= 1
        first = row if row > lowest else last + 1
    else:
        while row > lowest and _LINE_COMMENT.match(lines[row - 1]):
            row -= 1
        first = row + 1
    return rows | _paragraph(range(first, last + 1), lines)


def _paragraph(rows: range, lines: Sequence[str]) -> set[int]:
    found: set[int] = set()
    for row in rows:
        blank = _EMPTY_COMMENT.fullmatch(lines[row - 1].strip()) is not None
        if (blank and found) or len(found) == _WORDS:
            break
        if not blank:
            found.add(row)
    return found


def _constructor(scope: Scope, definitions: Sequence[Definition]) -> set[int]:
    """The signature of a class's constructor."""
    own = scope.name.rpartition(".")[2]
    for other in definitions:
        inner = other.scope
        name = inner.name.removeprefix(f"{scope.name}.")
        if inner.start > scope.end:
            break
        if inner.start >= scope.start and inner is not scope and (name in _CONSTRUCTORS or name == own):
            return {*_signature(inner)}
    return set()
