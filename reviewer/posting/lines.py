"""The lines of a change to which a forge lets a comment be attached.

Forges accept the lines that their own diff shows: the changed ones and three lines around them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.diff import FileStatus, LineKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.diff import Change, FileChange, Hunk

_AROUND = 3  # lines of context in the diffs of GitHub, GitLab and Gitea


@dataclass(frozen=True, slots=True)
class Place:
    """One line of the new side.

    Attributes:
        old: Its number in the old side; None for an added line.
        block: Lines of a file with the same number are in one hunk of the forge's diff.
        crlf: Whether it ends with a carriage return and a newline.
    """

    line: int
    old: int | None
    block: int
    crlf: bool


class Lines:
    """Every place of a change."""

    def __init__(self, change: Change) -> None:
        files = [file for file in change.files if file.status is not FileStatus.TYPE_CHANGED]
        self._places = {file.path: {place.line: place for place in _places(file)} for file in files}
        self._old_paths = {file.path: file.old_path or file.path for file in files}

    def find(self, path: str, line: int) -> Place | None:
        """Return a line of the new side; None if a forge does not accept it, or a request cannot name the path."""
        try:
            path.encode()
        except UnicodeEncodeError:
            return None
        return self._places.get(path, {}).get(line)

    def old_path(self, path: str) -> str:
        """Return a file's path before the change."""
        return self._old_paths.get(path, path)

    def together(self, path: str, start: int, end: int) -> bool:
        """Whether lines are all in one hunk, and none of them ends with a carriage return."""
        places = [self.find(path, line) for line in range(start, end + 1)]
        blocks = {place.block for place in places if place is not None and not place.crlf}
        return len(blocks) == 1 and all(place is not None and not place.crlf for place in places)


def _places(file: FileChange) -> Iterator[Place]:
    block = 0
    for hunk in file.hunks:
        block += 1
        near = _near(hunk)
        for index, line in enumerate(hunk.lines):
            if index not in near:
                block += 1
            elif line.new is not None:
                yield Place(line.new, line.old, block, line.ending == "\r\n")


def _near(hunk: Hunk) -> frozenset[int]:
    changed = [index for index, line in enumerate(hunk.lines) if line.kind is not LineKind.CONTEXT]
    return frozenset(near for index in changed for near in range(index - _AROUND, index + _AROUND + 1))
