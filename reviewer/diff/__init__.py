"""A patch as immutable values (``change``), parsed step by step: lines, file sections, names, hunks."""

from __future__ import annotations

from reviewer.diff.change import Change, ContentKind, FileChange, FileStatus, Hunk, LineKind, SourceLine
from reviewer.diff.merge import resolved
from reviewer.diff.parser import joined, parse, parse_files
from reviewer.diff.text import decode, encode, printable, restore, source_lines

__all__ = [
    "Change",
    "ContentKind",
    "FileChange",
    "FileStatus",
    "Hunk",
    "LineKind",
    "SourceLine",
    "decode",
    "encode",
    "joined",
    "parse",
    "parse_files",
    "printable",
    "resolved",
    "restore",
    "source_lines",
]
