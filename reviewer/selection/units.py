"""Review units: the pieces of a change that are sent in one request each.

A unit is one hunk, or a window of a hunk that is too large for one request. Nothing is dropped: what is not sent (a
binary file, a deletion, a rename without a change) is listed with its reason.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reviewer import syntax
from reviewer.diff import Change, ContentKind, FileChange, FileStatus, Hunk, LineKind, SourceLine
from reviewer.finding import Skipped
from reviewer.languages import GENERIC, Language, detect
from reviewer.selection.globs import matches
from reviewer.selection.skipping import is_data

# A window repeats this many lines of the previous one, so that a defect on the seam is whole in one of them.
_OVERLAP = 3
# Characters for the number, the sign and the separators of one line.
_LINE_OVERHEAD = 8

OUT_OF_TIME = "not read in time"
_BINARY_CODE = "binary, although its name is that of source code"

ReadText = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class ReviewUnit:
    """A piece of the change that is sent in one request.

    Attributes:
        scope: The function (``Stack.pop()``) or class around the first change; may be empty.
        lines: Context, added and removed lines in the diff's order.
        anchors: New-side line numbers that a finding may name; never empty.
    """

    path: str
    language: Language
    scope: str
    lines: tuple[SourceLine, ...]
    anchors: tuple[int, ...]

    @property
    def start(self) -> int:
        """First new-side line shown, or the first anchor."""
        return min((line.new for line in self.lines if line.new is not None), default=self.anchors[0])

    @property
    def end(self) -> int:
        """Last new-side line shown."""
        return max((line.new for line in self.lines if line.new is not None), default=self.anchors[-1])

    @property
    def chars(self) -> int:
        """Length of its numbered rendering, in characters."""
        return _size(self.lines)

    @property
    def added(self) -> tuple[int, ...]:
        """New-side numbers of the added lines."""
        return tuple(line.new for line in self.lines if line.kind is LineKind.ADDED and line.new is not None)

    def line_text(self, number: int) -> str:
        """The text of new-side line ``number``; empty if the unit does not show it."""
        return next((line.text for line in self.lines if line.new == number), "")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is sent, and what is only listed."""

    units: tuple[ReviewUnit, ...]
    skimmed: tuple[Skipped, ...]


def select(
    change: Change,
    read: ReadText,
    *,
    max_chars: int,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    skip: Callable[[FileChange], str] = lambda _: "",
    until: float | None = None,
) -> Selection:
    """Cut a change into units.

    Args:
        change: The parsed change.
        read: Returns the new side's text of a path, for language detection.
        max_chars: Longest numbered rendering of one unit, in characters.
        include: Path globs to keep; empty keeps all.
        exclude: Path globs to leave out.
        skip: Returns why a file is skipped; empty if it is not.
        until: When to stop, in seconds of ``time.monotonic``; the remaining files are listed as not read.
    """
    units: list[ReviewUnit] = []
    skimmed: list[Skipped] = []
    for file in change.files:
        late = until is not None and time.monotonic() >= until
        reason = _why_skimmed(file)
        if not reason:
            reason = _why_filtered(file.path, include, exclude) or (OUT_OF_TIME if late else skip(file))
        elif file.kind is ContentKind.BINARY and file.status is not FileStatus.DELETED:
            # .gitattributes may be why git calls it binary, or a zero byte, which most interpreters accept.
            reason = skip(file) or (_BINARY_CODE if detect(file.path) is not GENERIC else reason)
        unread = reason in (OUT_OF_TIME, _BINARY_CODE) or (not reason and bool(file.unread))
        reason = reason or file.unread
        if reason:
            lines = file.unread_lines or sum(len(hunk.added) for hunk in file.hunks)
            skimmed.append(Skipped(file.path, reason, lines, unread and not is_data(file.path)))
            continue
        found = list(_file_units(file, read, max_chars))
        units.extend(found)
        if not found:
            skimmed.append(Skipped(file.path, "every line was removed"))
    return Selection(tuple(units), tuple(skimmed))


def fitted(selection: Selection, max_chars: int) -> Selection:
    """Cut the units of a selection that are too long.

    Args:
        selection: The result of ``select`` for a larger ``max_chars``.
        max_chars: Longest numbered rendering of one unit, in characters.
    """
    return Selection(tuple(part for unit in selection.units for part in _fitted(unit, max_chars)), selection.skimmed)


def halve(unit: ReviewUnit) -> tuple[ReviewUnit, ...]:
    """Split a unit that is too long for the model in two; a unit of one changed line stays whole."""
    middle = len(unit.lines) // 2
    standing = _standing(unit.lines)
    halves = [
        _window(unit, lines, lines, standing[end])
        for lines, end in ((unit.lines[:middle], max(0, middle - 1)), (unit.lines[middle:], len(unit.lines) - 1))
    ]
    found = tuple(half for half in halves if half is not None)
    return found if len(found) > 1 or (found and len(found[0].lines) < len(unit.lines)) else (unit,)


def _why_skimmed(file: FileChange) -> str:
    if file.status is FileStatus.DELETED:
        return "deleted"
    if file.kind is not ContentKind.TEXT:
        return {
            ContentKind.BINARY: "binary",
            ContentKind.SUBMODULE: "submodule",
            ContentKind.SYMLINK: "symbolic link",
        }[file.kind]
    if file.hunks or file.unread:
        return ""
    return {
        FileStatus.RENAMED: f"renamed from {file.old_path}, same content",
        FileStatus.COPIED: f"copied from {file.old_path}, same content",
        FileStatus.MODE_CHANGED: f"mode changed from {file.old_mode} to {file.new_mode}",
        FileStatus.ADDED: "empty file",
    }.get(file.status, "no changed lines")


def _why_filtered(path: str, include: Sequence[str], exclude: Sequence[str]) -> str:
    if include and not any(matches(path, pattern) for pattern in include):
        return "not in include"
    return next((f"excluded by {pattern!r}" for pattern in exclude if matches(path, pattern)), "")


def _file_units(file: FileChange, read: ReadText, max_chars: int) -> Iterator[ReviewUnit]:
    language = detect(file.path, _telling_text(file, read))
    for hunk in file.hunks:
        if not hunk.anchors:
            continue
        scope = _scope(language, read(file.path), hunk)
        yield from _fitted(ReviewUnit(file.path, language, scope, hunk.lines, hunk.anchors), max_chars)


def _scope(language: Language, text: str | None, hunk: Hunk) -> str:
    """Return what encloses the hunk's first change: by the parser, else git's heading, which looks only upward."""
    if not text or not language.grammar:
        return hunk.section
    anchors = frozenset(hunk.anchors)
    changed = next((line.new for line in hunk.lines if line.new in anchors and line.text.strip()), None)
    if all(line.kind is not LineKind.ADDED for line in hunk.lines):
        return _named(_around_removed(language, text, hunk))
    return _named(syntax.enclosing(language, text, changed or hunk.anchors[0]))


def scope_at(language: Language, text: str | None, line: int) -> str | None:
    """Return the function (``Stack.pop()``) or class around a line; empty outside of any, None where unknown."""
    return _named(syntax.enclosing(language, text, line)) if text and language.grammar else None


def _around_removed(language: Language, text: str, hunk: Hunk) -> syntax.Scope | None:
    """Return what enclosed the first removed line: what encloses the code above it, and is indented less."""
    above = 1
    for line in hunk.lines:
        if line.kind is LineKind.REMOVED and line.text.strip():
            rows = text.split("\n")
            outer = syntax.enclosing_all(language, text, above)
            return next((one for one in reversed(outer) if _indent(rows[one.start - 1]) < _indent(line.text)), None)
        above = line.new if line.new and line.text.strip() else above
    return None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _named(scope: syntax.Scope | None) -> str:
    if scope is None:
        return ""
    return scope.name if scope.kind == "class" else f"{scope.name}()"


def _telling_text(file: FileChange, read: ReadText) -> str:
    if file.path.endswith(".h"):
        return read(file.path) or ""  # C or C++ depends on the text
    first = file.hunks[0] if file.hunks else None
    if first is not None and first.new_start <= 1:
        return next((line.text for line in first.lines if line.new == 1), "")
    # An extension is enough for most files, and saves reading the blob.
    if "." in file.path.rsplit("/", 1)[-1]:
        return ""
    return (read(file.path) or "").partition("\n")[0]


def _fitted(unit: ReviewUnit, max_chars: int) -> Iterator[ReviewUnit]:
    if _size(unit.lines) <= max_chars:
        yield unit
    else:
        yield from _windows(unit, max_chars)


def _windows(unit: ReviewUnit, max_chars: int) -> Iterator[ReviewUnit]:
    lines = unit.lines
    standing = _standing(lines)
    seen = 0  # lines of earlier windows
    while seen < len(lines):
        start = max(0, seen - _OVERLAP)
        end = seen + 1
        size = _size(lines[start:end])
        while end < len(lines) and size + _line_size(lines[end]) <= max_chars:
            size += _line_size(lines[end])
            end += 1
        window = _window(unit, lines[start:end], lines[seen:end], standing[end - 1])
        if window is not None:
            yield window
        seen = end


def _standing(lines: Sequence[SourceLine]) -> list[int]:
    """Return for each line the new-side number of the first remaining line from there on; 0 if there is none."""
    found = [0] * (len(lines) + 1)
    for index in range(len(lines) - 1, -1, -1):
        found[index] = lines[index].new or found[index + 1]
    return found


def _window(
    unit: ReviewUnit, lines: tuple[SourceLine, ...], fresh: tuple[SourceLine, ...], position: int
) -> ReviewUnit | None:
    """Return a part of a unit, with the anchors of the lines that are in no earlier window.

    Args:
        unit: The whole.
        lines: The lines of the part.
        fresh: Those of them that are in no earlier window.
        position: The new-side number of the remaining line at its end or after it; 0 if there is none.
    """
    numbers = [line.new for line in fresh if line.new is not None]
    anchors = _between(unit.anchors, numbers[0], numbers[-1]) if numbers else ()
    if not anchors and any(line.kind is LineKind.REMOVED for line in fresh):
        # Only removals: a finding names the nearest remaining line.
        anchors = (_nearest(unit.anchors, position),)
    return ReviewUnit(unit.path, unit.language, unit.scope, lines, anchors) if anchors else None


def _between(anchors: tuple[int, ...], first: int, last: int) -> tuple[int, ...]:
    return anchors[bisect_left(anchors, first) : bisect_right(anchors, last)]


def _nearest(anchors: tuple[int, ...], position: int) -> int:
    index = bisect_left(anchors, position)
    return min(anchors[max(0, index - 1) : index + 1], key=lambda number: abs(number - position))


def _size(lines: Sequence[SourceLine]) -> int:
    return sum(_line_size(line) for line in lines)


def _line_size(line: SourceLine) -> int:
    return len(line.text) + _LINE_OVERHEAD
