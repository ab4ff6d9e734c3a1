"""What a reviewer of a unit would look up first: pieces of code around it, the most telling ones first.

The changed lines themselves are always shown whole; what is around them gets the room that they leave. Pieces repeat
nothing that the unit shows, and each names its place. What cannot be told for certain is left out: a wrong definition
is worse than none.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Literal

from reviewer.context import nearby
from reviewer.context.piece import Piece, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reviewer.selection.units import ReadText, ReviewUnit

__all__ = ["Extent", "Piece", "Role", "Surroundings"]

Extent = Literal["none", "scope", "file"]
_EXTENTS: tuple[Extent, ...] = ("none", "scope", "file")

_MOST_DEFINITIONS = 8  # in the file itself
_LEAST = 40  # characters; no piece is smaller
_MOST_FILES = 64  # kept at once


class Surroundings:
    """Finds what belongs around the units of one change.

    Args:
        extent: How far to look: ``"scope"`` is the enclosing signatures and the imports used, ``"file"`` also the
            definitions in the file.
        read: Gives the new side's text of a path.
    """

    def __init__(self, extent: Extent, read: ReadText) -> None:
        self._level = _EXTENTS.index(extent)
        self._read = read
        self._files: dict[str, nearby.File] = {}

    def of(self, unit: ReviewUnit, room: int) -> tuple[Piece, ...]:
        """Choose the pieces for one unit.

        Args:
            unit: What is under review.
            room: Characters that all pieces together may take.
        """
        if not self._level or room <= 0 or not unit.language.grammar:
            return ()
        file = self._file(unit)
        if not file.text:
            return ()
        shown = frozenset(line.new for line in unit.lines if line.new is not None)
        return tuple(_fitting(self._pieces(nearby.Place(unit, file, shown)), room))

    def _pieces(self, place: nearby.Place) -> Iterator[Piece]:
        """Every piece in the order of its value; lazily, so that what has no room is not looked up."""
        found: list[Iterable[Piece]] = [nearby.scope(place), nearby.imports(place)]
        if self._level >= _EXTENTS.index("file"):
            found.append(islice(nearby.definitions(place), _MOST_DEFINITIONS))
        return chain.from_iterable(found)

    def _file(self, unit: ReviewUnit) -> nearby.File:
        file = self._files.get(unit.path)
        if file is None:
            if len(self._files) >= _MOST_FILES:
                self._files.clear()
            file = nearby.File(unit.path, unit.language, self._read(unit.path) or "")
            self._files[unit.path] = file
        return file


def _fitting(pieces: Iterable[Piece], room: int) -> Iterator[Piece]:
    """Take what fits; one that does not is left out whole, and a smaller one after it may still fit."""
    for piece in pieces:
        if piece.chars <= room:
            room -= piece.chars
            yield piece
        if room < _LEAST:
            return
