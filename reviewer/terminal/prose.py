"""Prose of a model that is shown while it is decoded: sentence by sentence, masked, and wrapped between words.

A secret has no white space after a full stop in it, and ``mask`` recognises a cut private key, so that what is shown
of a text that ends with a sentence or a line does not change when more of it arrives.
"""

from __future__ import annotations

import re

from reviewer.terminal.masking import mask, visible, without_commands

_END = re.compile(r"[.!?](?=\s)|\n")
_TOKEN = re.compile(r"\n|[^\S\n]+|\S+")
_FENCE = "```"
_TAB = 4


class Prose:
    """Makes a reply that arrives in pieces safe to show.

    Args:
        width: Columns to wrap at; None leaves lines as they are. Words and fenced code are never broken.
    """

    def __init__(self, width: int | None) -> None:
        self._width = width
        self._text = self._given = self._line = self._gap = ""
        self._cells = 0
        self._fenced = False

    def feed(self, piece: str) -> str:
        """Return the further sentences and lines that ``piece`` ends; may be empty."""
        self._text = (self._text + piece).lstrip() if not self._given else self._text + piece
        ends = [match.end() for match in _END.finditer(self._text)]
        return self._until(ends[-1]) if ends else ""

    def end(self) -> str:
        """Return the rest."""
        return self._until(len(self._text))

    def _until(self, end: int) -> str:
        safe = without_commands(visible(mask(self._text[:end].rstrip())))
        further, self._given = safe[len(self._given) :], safe
        return further if self._width is None else "".join(map(self._placed, _TOKEN.findall(further)))

    def _placed(self, token: str) -> str:
        """A line end, white space or a word, where it belongs on the terminal."""
        from rich.cells import cell_len

        if token == "\n":  # noqa: S105 - a word of the text
            self._fenced ^= self._line.lstrip().startswith(_FENCE)
            self._line, self._gap, self._cells = "", "", 0
            return token
        if token.isspace():
            self._gap = token.expandtabs(_TAB)
            return ""
        cells, before = cell_len(token), self._gap
        if not self._fenced and self._cells and self._cells + len(before) + cells > (self._width or 0):
            before, self._cells = "\n", 0
        else:
            self._cells += len(before)
        self._cells += cells
        self._line += before + token
        self._gap = ""
        return before + token
