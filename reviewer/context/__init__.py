"""What a reviewer of a unit would look up first: pieces of code around it, the most telling ones first.

The changed lines themselves are always shown whole; what is around them gets the room that they leave. Pieces repeat
nothing that the unit shows, and each names its place. What cannot be told for certain is left out: a wrong definition
is worse than none.
"""

from __future__ import annotations

import math
from itertools import chain, islice
from typing import TYPE_CHECKING, Literal

from reviewer.context import elsewhere, nearby
from reviewer.context.index import eligible
from reviewer.context.piece import Piece, Role
from reviewer.terminal.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reviewer.context.index import DefinitionIndex
    from reviewer.selection.units import ReadText, ReviewUnit

__all__ = ["Extent", "Piece", "Role", "Surroundings"]

Extent = Literal["none", "scope", "file", "repo"]
_EXTENTS: tuple[Extent, ...] = ("none", "scope", "file", "repo")

_MOST_DEFINITIONS = 8  # in the file itself
_LEAST = 40  # characters; no piece is smaller
_MOST_FILES = 64  # kept at once


class Surroundings:
    """Finds what belongs around the units of one change.

    Args:
        extent: How far to look: ``"scope"`` is the enclosing signatures and the imports used, ``"file"`` also the
            definitions in the file, ``"repo"`` also those in other files and the callers of a changed signature.
        read: Gives the new side's text of a path.
        index: The other files; None where only the changed ones are known.
    """

    def __init__(self, extent: Extent, read: ReadText, index: DefinitionIndex | None = None) -> None:
        self._level = _EXTENTS.index(extent)
        self._read = read
        self._index = index if extent == "repo" else None
        self._files: dict[str, nearby.File] = {}

    def prepare(self, units: Sequence[ReviewUnit], *, seconds: float = math.inf, progress: Progress = SILENT) -> None:
        """Bring the index up to date for the languages of the units.

        Args:
            units: What will be asked about.
            seconds: Longest time for it; what is not known by then is left out.
            progress: Hears of a reading that takes longer.
        """
        if self._index is None:
            return
        families = {eligible.family(unit.language) for unit in units} - {""}
        if families:
            near = {unit.path for unit in units}
            self._index.prepare(families, near, seconds=seconds, progress=progress)

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
        if self._level >= _EXTENTS.index("repo"):
            found += [elsewhere.definitions(place, self._index)] if self._index is not None else []
            found.append(elsewhere.callers(place, self._index))
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
