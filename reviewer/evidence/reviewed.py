"""The content that evidence is collected from: both sides of a change, never the working tree by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from reviewer import diff
from reviewer.diff import ContentKind, FileStatus
from reviewer.languages import Language, detect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reviewer.diff import Change

_SURROGATE = re.compile("[\ud800-\udfff]")
_NULL = b"\0"


def _no_paths() -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a change.

    Attributes:
        read: Returns the bytes of files by path, None where the side has no such file.
        paths: Returns the path of every file. Called only for an analyzer that needs the whole tree.
    """

    read: Callable[[Iterable[str]], Mapping[str, bytes | None]]
    paths: Callable[[], Iterable[str]] = _no_paths


@dataclass(frozen=True)
class ReviewedFile:
    """One text file of one side.

    Attributes:
        path: Its path on the new side; also for the old side, so that rules for a path treat both alike.
        text: Decoded with ``surrogateescape``.
        changed: 1-based lines of the new side that a finding may name; empty on the old side.
    """

    path: str
    language: Language
    text: str
    changed: frozenset[int] = frozenset()
    old_path: str | None = None

    @cached_property
    def lines(self) -> list[str]:
        """Lines without their endings, split as git does."""
        return [line.removesuffix("\r") for line in self.text.split("\n")]

    @cached_property
    def parseable(self) -> str:
        """The text for parsers that refuse lone surrogates, with the same positions."""
        return _SURROGATE.sub("\ufffd", self.text)

    def line_text(self, line: int) -> str:
        """Return one line; empty where there is none."""
        return self.lines[line - 1] if 1 <= line <= len(self.lines) else ""


def new_files(change: Change, side: Side) -> list[ReviewedFile]:
    """Read the new side of every text file with changed lines."""
    wanted = {}
    for file in change.files:
        lines = frozenset(line for hunk in file.hunks for line in hunk.anchors)
        if lines and file.kind is ContentKind.TEXT and file.status is not FileStatus.DELETED:
            before = None if file.status is FileStatus.ADDED else file.old_path or file.path
            wanted[file.path] = (lines, before)
    texts = _texts(side, wanted)
    return [ReviewedFile(path, detect(path, text), text, *wanted[path]) for path in wanted if (text := texts.get(path))]


def old_files(files: Iterable[ReviewedFile], side: Side) -> dict[str, ReviewedFile]:
    """Read the old side of some files, by the path of the new side; a file that is new is left out."""
    existing = {file.path: file for file in files if file.old_path is not None}
    texts = _texts(side, {str(file.old_path) for file in existing.values()})
    return {
        path: ReviewedFile(path, file.language, texts[str(file.old_path)])
        for path, file in existing.items()
        if str(file.old_path) in texts
    }


def _texts(side: Side, paths: Iterable[str]) -> dict[str, str]:
    wanted = list(paths)
    found = side.read(wanted) if wanted else {}
    return {path: diff.decode(data) for path, data in found.items() if data is not None and _NULL not in data}
