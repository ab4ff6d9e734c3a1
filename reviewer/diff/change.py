"""A change as immutable values, with line numbers on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class LineKind(StrEnum):
    """One line's role in a diff; the value is git's own prefix."""

    CONTEXT = " "
    ADDED = "+"
    REMOVED = "-"


@dataclass(frozen=True, slots=True)
class SourceLine:
    r"""One line of annotated source.

    Attributes:
        text: Without line ending, decoded with ``surrogateescape``. Other separators (a lone carriage return, a form
            feed, U+2028) are ordinary characters, as in git.
        old: 1-based number in the old side; None for an added line, and for a context line of a merge that only
            another parent has.
        new: 1-based number in the new side; None for a removed line.
        ending: ``"\n"``, ``"\r\n"`` or nothing; ``text + ending`` is what git stores.
    """

    kind: LineKind
    text: str
    old: int | None
    new: int | None
    ending: str = "\n"


class FileStatus(StrEnum):
    """What happened to a file."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    RENAMED = "renamed"
    COPIED = "copied"
    TYPE_CHANGED = "type changed"
    MODE_CHANGED = "mode changed"


class ContentKind(StrEnum):
    """What a file holds."""

    TEXT = "text"
    BINARY = "binary"
    SUBMODULE = "submodule"
    SYMLINK = "symlink"


@dataclass(frozen=True)
class Hunk:
    """One hunk.

    Attributes:
        section: Git's hunk heading (the text after the second ``@@``), stripped.
    """

    old_start: int
    old_count: int
    new_start: int
    new_count: int
    section: str
    lines: tuple[SourceLine, ...]

    @cached_property
    def added(self) -> tuple[int, ...]:
        """New-side numbers of the added lines."""
        return tuple(line.new for line in self.lines if line.kind is LineKind.ADDED and line.new is not None)

    @cached_property
    def anchors(self) -> tuple[int, ...]:
        """New-side lines that a finding may name: the added ones, and one for each run of removals without additions.

        For such a run it is the line after it, or the line before it at the end of the file. Empty only if the new
        side is empty. (A hunk without context does not show what follows; then it is the line before, and none at the
        top of the file.)
        """
        anchors = set(self.added)
        before = self.new_start - 1 if self.new_count else self.new_start
        removed = added = False
        for line in self.lines:
            if line.kind is LineKind.CONTEXT:
                if removed and not added and line.new is not None:
                    anchors.add(line.new)
                removed = added = False
            removed |= line.kind is LineKind.REMOVED
            added |= line.kind is LineKind.ADDED
            before = line.new or before
        if removed and not added and before > 0:
            anchors.add(before)
        return tuple(sorted(anchors))


@dataclass(frozen=True)
class FileChange:
    """One file of a change.

    Attributes:
        path: New path; the old one for a deletion.
        old_path: Path before a rename or copy; None otherwise.
        old_mode, new_mode: Git modes such as ``"100644"``; None if the side does not exist or the patch does not say
            (a rename without changes, a patch of another tool).
        hunks: In order; for a changed type first those of the old file, then those of the new one.
        eof_newline: Whether the new side ends with a newline, as far as the hunks reach its end.
        unread: Why the patch of this file was not read; empty if it was. It then has no hunks.
        unread_lines: The number of lines added by a patch that was not read, if known.
    """

    path: str
    status: FileStatus
    kind: ContentKind = ContentKind.TEXT
    old_path: str | None = None
    old_mode: str | None = None
    new_mode: str | None = None
    hunks: tuple[Hunk, ...] = ()
    eof_newline: bool = True
    unread: str = ""
    unread_lines: int = 0

    def applied_to(self, old: str) -> str | None:
        """Return the new side's text for the old side's; None if the hunks do not fit it."""
        lines = [f"{line}\n" for line in old.split("\n")]
        lines[-1:] = [lines[-1][:-1]] if lines[-1] != "\n" else []
        found: list[str] = []
        at = 0
        for hunk in self.hunks:
            start = hunk.old_start - 1 if hunk.old_count else hunk.old_start
            found += lines[at:start]
            at = start
            for line in hunk.lines:
                if line.old is not None:
                    if lines[at : at + 1] != [line.text + line.ending]:
                        return None
                    at += 1
                if line.new is not None:
                    found.append(line.text + line.ending)
        return "".join((*found, *lines[at:]))


@dataclass(frozen=True)
class Change:
    """Everything under review.

    Attributes:
        subject: What was changed, for display: ``"staged changes"``, ``"main...HEAD"``.
        files: In git's order.
    """

    subject: str
    files: tuple[FileChange, ...] = ()
