"""A patch's bytes parsed into a ``Change``: ``sections`` cuts it by file, unidiff reads the hunks."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from reviewer.diff.change import Change, ContentKind, FileChange, FileStatus, Hunk, LineKind, SourceLine
from reviewer.diff.sections import SUBMODULE_MODE, Section, cut, damaged
from reviewer.diff.text import decode
from reviewer.errors import DiffError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from unidiff.patch import Hunk as UnidiffHunk

_SYMLINK_MODE = "120000"
_STRUCTURE = ("diff --git ", "--- ", "+++ ", "@@ -", "Index: ")
_KINDS = {kind.value: kind for kind in LineKind}
# Lines of content begin with a sign, so a colour before one of these is git's.
_COLOURED = re.compile(rb"^(?:\x1b\[[0-9;]*m)+(?:diff --|--- |\+\+\+ |@@ )", re.MULTILINE)
_COLOUR = re.compile(rb"\x1b\[[0-9;]*[mK]")


def parse(patch: bytes, subject: str) -> Change:
    """Read a patch: git's with all its headers, a plain ``diff -u``, or either inside a mail.

    A file whose section cannot be read, such as a combined diff among others, is marked ``unread``.

    Args:
        patch: The bytes as they came, coloured or not; the encoding of its files may be any, and mixed.
        subject: What was changed, for display.

    Raises:
        DiffError: It is damaged (naming the line), no patch, or nothing in it can be read.
    """
    return Change(subject, joined(parse_files(patch)))


def parse_files(patch: bytes, *, headers_only: bool = False) -> list[FileChange]:
    """Read the sections of a patch, one ``FileChange`` each.

    Args:
        patch: The bytes as they came.
        headers_only: Whether the hunks were removed from the patch.

    Raises:
        DiffError: As ``parse``.
    """
    lines = _lines(patch)
    sections = cut(lines, headers_only=headers_only)
    if not sections and not any(line.startswith("diff --git ") for line in lines) and any(map(str.strip, lines)):
        raise DiffError("there is no unified diff in this input", hint="Make one with: git diff, or diff -u OLD NEW")
    if sections and all(section.refused for section in sections):
        raise sections[0].error()
    hunks = _read_hunks(sections)
    return [_file(section, next(hunks) if section.hunks else ()) for section in sections]


def _lines(patch: bytes) -> list[str]:
    if patch.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DiffError(
            "this patch is UTF-16, as the > of Windows PowerShell writes it",
            hint="Let git write the file: git diff --output=change.patch",
        )
    if _COLOURED.search(patch):
        patch = _COLOUR.sub(b"", patch)
    # Not str.splitlines: to git, only a line feed ends a line.
    lines = decode(patch.removeprefix(b"\xef\xbb\xbf")).split("\n")
    if not lines[-1]:
        lines.pop()
    # Git ends its header lines with a line feed whatever the files contain. A carriage return there was added by the
    # transport, and then ends every line.
    first = next((line for line in lines if line.startswith(_STRUCTURE)), "")
    return [line.removesuffix("\r") for line in lines] if first.endswith("\r") else lines


def _read_hunks(sections: Sequence[Section]) -> Iterator[tuple[Hunk, ...]]:
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    feed: list[str] = []
    for number, section in enumerate(sections):
        if section.hunks:
            # Neutral names: the real ones are known, and unidiff misreads some.
            feed += (f"--- a/{number}\n", f"+++ b/{number}\n")
            feed += (f"{line}\n" for line in section.hunks)
    try:
        files = PatchSet(feed)
    except UnidiffParseError as error:
        raise damaged(1, str(error)) from error
    for file in files:
        yield tuple(_hunk(hunk) for hunk in file)


def _hunk(source: UnidiffHunk) -> Hunk:
    lines: list[SourceLine] = []
    for line in source:
        kind = _KINDS.get(line.line_type)
        if kind is not None:
            text = line.value[:-1]
            crlf = text.endswith("\r")
            text, ending = (text[:-1], "\r\n") if crlf else (text, "\n")
            lines.append(SourceLine(kind, text, line.source_line_no, line.target_line_no, ending))
        elif lines:  # no newline: a carriage return is then part of the text
            last = lines.pop()
            lines.append(SourceLine(last.kind, last.text + last.ending[:-1], last.old, last.new, ""))
    return Hunk(
        source.source_start,
        source.source_length,
        source.target_start,
        source.target_length,
        source.section_header.strip(),
        tuple(lines),
    )


def _file(section: Section, hunks: tuple[Hunk, ...]) -> FileChange:
    facts = section.facts
    _, _, index_mode = facts.get("index", "").partition(" ")
    old_mode = facts.get("old mode") or facts.get("deleted file mode") or index_mode or None
    new_mode = facts.get("new mode") or facts.get("new file mode") or index_mode or None
    if section.old is None:
        old_mode = None
    if section.new is None:
        new_mode = None
    status = _status(section, old_mode, new_mode)
    moved = status in (FileStatus.RENAMED, FileStatus.COPIED)
    return FileChange(
        path=section.new or section.old or "",
        status=status,
        kind=_kind(new_mode or old_mode, binary=section.binary),
        old_path=section.old if moved else None,
        old_mode=old_mode,
        new_mode=new_mode,
        hunks=hunks,
        eof_newline=all(line.ending for hunk in hunks for line in hunk.lines if line.new is not None),
        unread=section.refused,
    )


def _status(section: Section, old_mode: str | None, new_mode: str | None) -> FileStatus:  # noqa: PLR0911 - a table
    if section.old is None:
        return FileStatus.ADDED
    if section.new is None:
        return FileStatus.DELETED
    if "copy from" in section.facts:
        return FileStatus.COPIED
    if "rename from" in section.facts:
        return FileStatus.RENAMED
    if _types_differ(old_mode, new_mode):
        return FileStatus.TYPE_CHANGED
    if old_mode != new_mode and not section.hunks and not section.binary and "index" not in section.facts:
        return FileStatus.MODE_CHANGED
    return FileStatus.MODIFIED


def _kind(mode: str | None, *, binary: bool) -> ContentKind:
    if mode == SUBMODULE_MODE:
        return ContentKind.SUBMODULE
    if mode == _SYMLINK_MODE:
        return ContentKind.SYMLINK
    return ContentKind.BINARY if binary else ContentKind.TEXT


def _types_differ(old_mode: str | None, new_mode: str | None) -> bool:
    # The last three digits are permissions.
    return old_mode is not None and new_mode is not None and old_mode[:3] != new_mode[:3]


def joined(files: Iterable[FileChange]) -> tuple[FileChange, ...]:
    """Make one file of two sections for the same path.

    Git writes a deletion and an addition for a file that becomes a link, and two lines for a submodule that has both a
    new commit and uncommitted changes.
    """
    found: list[FileChange] = []
    for file in files:
        last = found[-1] if found else None
        if last is None or last.path != file.path:
            found.append(file)
        elif (
            last.status is FileStatus.DELETED
            and file.status is FileStatus.ADDED
            and _types_differ(last.old_mode, file.new_mode)
        ):
            status, hunks = FileStatus.TYPE_CHANGED, last.hunks + file.hunks
            found[-1] = dataclasses.replace(file, status=status, old_mode=last.old_mode, hunks=hunks)
        elif not (last.kind is file.kind is ContentKind.SUBMODULE):
            found.append(file)
    return tuple(found)
