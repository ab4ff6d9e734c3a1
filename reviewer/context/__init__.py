"""Chooses the code that is shown beside a unit, the most useful pieces first.

The changed lines are always shown whole; the pieces get the room that they leave, and repeat none of them. A name whose
definition is uncertain has no piece, because a wrong definition is worse than none.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Literal

from reviewer.context import nearby
from reviewer.context.nearby import Piece, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reviewer.selection.units import ReadText, ReviewUnit

__all__ = ["Extent", "Piece", "Role", "Surroundings"]

Extent = Literal["none", "scope", "file"]
_EXTENTS: tuple[Extent, ...] = ("none", "scope", "file")

_MOST_DEFINITIONS = 8  # in the file itself
_LEAST = 40  # characters of the smallest piece
_MOST_FILES = 64  # cached at once


class Surroundings:
    """Finds the code to show beside the units of one change.

    Args:
        extent: What to show: ``"scope"`` is the enclosing signatures and the imports used, ``"file"`` also definitions
            in the file.
        read: Returns the new text of a path.
    """

    def __init__(self, extent: Extent, read: ReadText) -> None:
        self._level = _EXTENTS.index(extent)
        self._read = read
        self._files: dict[str, nearby.File] = {}

    def of(self, unit: ReviewUnit, room: int) -> tuple[Piece, ...]:
        """Choose the pieces for one unit.

        Args:
            unit: The unit under review.
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
        """Every piece, the most useful first; lazily, because most have no room."""
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
    """Take the pieces that fit, whole; a smaller one may fit after one that does not."""
    for piece in pieces:
        if piece.chars <= room:
            room -= piece.chars
            yield piece
        if room < _LEAST:
            return
