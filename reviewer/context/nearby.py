"""Finds the code around a unit in its file: the scope's header, the imports it uses, the definitions that it names."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from reviewer import syntax

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reviewer.languages import Language
    from reviewer.selection.units import ReviewUnit
    from reviewer.syntax import Call, Outline

_CALL_LINES = 10  # a call of more lines counts only for its first
_IMPORT_LINES = 4  # of a longer import only the lines with a used name are shown
_AMBIGUOUS = 2  # a name with more definitions is skipped
_OWN = ("self", "this", "cls", "super", "Self", "base")
_OVERHEAD = 24  # characters of a piece's heading and margin


class Role(StrEnum):
    """What a piece is to the changed lines, the most useful first."""

    SCOPE = "scope"
    IMPORT = "import"
    DEFINITION = "definition"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some unchanged lines of the new side, shown beside a unit.

    Attributes:
        line: The first line of ``text``, 1-based.
        name: The qualified name of what it is in or defines; may be empty.
        text: The lines, with an ellipsis where others are left out.
    """

    role: Role
    path: str
    line: int
    name: str
    text: str

    @property
    def chars(self) -> int:
        """About how many characters it takes in a prompt."""
        return len(self.text) + len(self.path) + len(self.name) + 2 * self.text.count("\n") + _OVERHEAD


class File:
    """The new side of one file, analyzed once for all of its units."""

    def __init__(self, path: str, language: Language, text: str) -> None:
        self.path = path
        self.language = language
        self.text = text
        self.lines = text.split("\n")

    @cached_property
    def references(self) -> syntax.References:
        """The names that its lines use and call."""
        return syntax.references_of(self.language, self.text)

    @cached_property
    def imports(self) -> tuple[syntax.Import, ...]:
        """Its imports."""
        return syntax.imports(self.language, self.text)

    @cached_property
    def outlines(self) -> dict[str, tuple[Outline, ...]]:
        """Its definitions by unqualified name."""
        found: dict[str, list[Outline]] = {}
        for one in syntax.outlines(self.language, self.text):
            found.setdefault(one.name, []).append(one)
        return {name: tuple(ones) for name, ones in found.items()}

    @cached_property
    def by_start(self) -> dict[tuple[int, str], Outline]:
        """Its definitions by line and qualified name."""
        return {(one.scope.start, one.scope.name): one for ones in self.outlines.values() for one in ones}

    @cached_property
    def call_starts(self) -> tuple[int, ...]:
        """The first lines of its calls, ascending."""
        return tuple(call.start for call in self.references.calls)

    def piece(self, role: Role, name: str, rows: Sequence[int], hidden: frozenset[int]) -> Piece | None:
        """Show some lines except hidden ones; None if nothing is left."""
        left = [row for row in rows if row not in hidden and 0 < row <= len(self.lines)]
        if not any(self.lines[row - 1].strip() for row in left):
            return None
        return Piece(role, self.path, left[0], name, syntax.excerpt(self.lines, left))


@dataclass(frozen=True)
class Place:
    """One unit in its file.

    Attributes:
        shown: The new lines that the unit shows.
    """

    unit: ReviewUnit
    file: File
    shown: frozenset[int]

    @cached_property
    def said(self) -> frozenset[str]:
        """The names on the added lines."""
        said = self.file.references.said
        return frozenset(name.lstrip("$") for line in self.unit.added for name in said.get(line, ()))

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """The calls that contain an added line, in the file's order."""
        added = self.unit.added
        if not added:
            return ()
        starts = self.file.call_starts
        first, last = bisect_left(starts, added[0] - _CALL_LINES), bisect_left(starts, added[-1] + 1)
        return tuple(
            call for call in self.file.references.calls[first:last] if call.start in added or _overlaps(call, added)
        )

    @cached_property
    def scope_rows(self) -> tuple[int, ...]:
        """The lines of the enclosing signatures, and the documentation of the innermost one."""
        rows: set[int] = set()
        for one in self.scopes:
            outline = self.file.by_start.get((one.start, one.name))
            if outline is not None and not self.shown.issuperset(outline.signature):
                rows.update(outline.header if one is self.scopes[-1] else outline.signature)
        return tuple(sorted(rows))

    @cached_property
    def scopes(self) -> tuple[syntax.Scope, ...]:
        """The scopes around the first change, the outermost first."""
        told = (line for line in self.unit.anchors if self.unit.line_text(line).strip())
        return syntax.enclosing_all(self.file.language, self.file.text, next(told, self.unit.anchors[0]))


def scope(place: Place) -> Iterator[Piece]:
    """The header of the enclosing function or class."""
    piece = place.file.piece(Role.SCOPE, "", place.scope_rows, place.shown)
    if piece is not None:
        yield piece


def imports(place: Place) -> Iterator[Piece]:
    """The imports that bind a name of the added lines."""
    rows: set[int] = set()
    for one in place.file.imports:
        used = place.said.intersection(one.names)
        if not used:
            continue
        span = range(one.start, one.end + 1)
        if len(span) > _IMPORT_LINES:
            said = place.file.references.said
            rows.update(row for row in span if row == one.start or used & said.get(row, frozenset()))
        else:
            rows.update(span)
    piece = place.file.piece(Role.IMPORT, "", sorted(rows), place.shown)
    if piece is not None:
        yield piece


def definitions(place: Place) -> Iterator[Piece]:
    """The definitions in this file that the added lines call, then those that they name."""
    around = {(one.start, one.name) for one in place.scopes}
    hidden = place.shown.union(place.scope_rows)
    for one in chain(_called(place), _named(place)):
        # Its signature is shown already.
        if (one.scope.start, one.scope.name) in around or not hidden.isdisjoint(one.signature):
            continue
        piece = place.file.piece(Role.DEFINITION, one.scope.name, one.rows, hidden)
        hidden = hidden.union(one.rows)
        if piece is not None:
            yield piece


def resolved(place: Place, call: Call) -> tuple[Outline, ...]:
    """The definitions that a call may mean: the class's own for ``self.f()``, the type's for ``T.f()``, else all."""
    candidates = place.file.outlines.get(call.name, ())
    if call.name == "new" and call.receiver and not candidates:
        return place.file.outlines.get(call.receiver[-1], ())
    if not call.receiver:
        # A bare name does not call a method.
        plain = tuple(one for one in candidates if one.scope.kind != "method")
        return plain or candidates
    if call.receiver[-1] in _OWN:
        owners = {one.name for one in place.scopes if one.kind == "class"}
        return tuple(one for one in candidates if one.scope.name.rpartition(".")[0] in owners) or candidates
    exact = tuple(one for one in candidates if one.scope.name.endswith(f"{call.receiver[-1]}.{call.name}"))
    if exact or not _imported(place, call):
        return exact or tuple(one for one in candidates if one.scope.kind == "method")
    return ()


def _called(place: Place) -> Iterator[Outline]:
    for call in place.calls:
        found = resolved(place, call)
        if len(found) <= _AMBIGUOUS:
            yield from found


def _named(place: Place) -> Iterator[Outline]:
    for name in sorted(place.said):
        found = [one for one in place.file.outlines.get(name, ()) if one.scope.kind != "method"]
        if len(found) <= _AMBIGUOUS:
            yield from found


def _imported(place: Place, call: Call) -> bool:
    return any(call.receiver[0] in one.names for one in place.file.imports)


def _overlaps(call: Call, added: tuple[int, ...]) -> bool:
    if call.end - call.start > _CALL_LINES:
        return False
    index = bisect_left(added, call.start)
    return index < len(added) and added[index] <= call.end
