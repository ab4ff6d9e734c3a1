"""A patch as immutable values (``change``), and the way there: lines, file sections, names, then unidiff's hunks."""

from __future__ import annotations

from reviewer.diff.change import Change, ContentKind, FileChange, FileStatus, Hunk, LineKind, SourceLine
from reviewer.diff.parser import parse
from reviewer.diff.text import decode, printable

__all__ = [
    "Change",
    "ContentKind",
    "FileChange",
    "FileStatus",
    "Hunk",
    "LineKind",
    "SourceLine",
    "decode",
    "parse",
    "printable",
]
