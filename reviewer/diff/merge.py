"""What a merge itself changes: the lines that differ from all of its parents, as in git's combined diff."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

from reviewer.diff.change import FileChange, FileStatus, Hunk, LineKind, SourceLine

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_CONTEXT = 3


def resolved(parents: Sequence[Sequence[FileChange]]) -> tuple[FileChange, ...]:
    """Reduce the differences from each parent to what differs from all of them.

    The result is based on the first parent that has the file. Its added lines that come from another parent become
    context, without a number in the old side; its removed lines that another parent does not have are left out. Where
    the lines of several parents were only put together, in a place that all of them changed, they stay.

    Args:
        parents: For each parent the files that differ from it, with the same new side.
    """
    by_path = [{file.path: file for file in files} for files in parents]
    return tuple(
        reduced
        for path in by_path[0]
        if all(path in files for files in by_path) and (reduced := _file([files[path] for files in by_path]))
    )


def _file(sides: Sequence[FileChange]) -> FileChange | None:
    unread = next((side for side in sides if side.unread), None)
    if unread or not all(side.hunks for side in sides):
        return unread or sides[0]
    base = next((side for side in sides if side.status is not FileStatus.ADDED), sides[0])
    others = [_Side(side) for side in sides if side is not base]
    mixed = _mixed([_Side(base), *others])
    hunks = tuple(part for hunk in base.hunks for part in _parts(hunk, _reduced(hunk, others, mixed)))
    return dataclasses.replace(base, hunks=hunks) if hunks else None


class _Side:
    """The lines that one parent lacks, and those that only it has, by the new-side number of the line after them.

    ``slots`` are the places that differ: ``2 * n`` is line ``n`` of the new side, ``2 * n - 1`` the place before it.
    """

    def __init__(self, file: FileChange) -> None:
        self.added = {number for hunk in file.hunks for number in hunk.added}
        self.removed = Counter(
            (position, line.text)
            for hunk in file.hunks
            for position, line in _positions(hunk)
            if line.kind is LineKind.REMOVED
        )
        self.slots = {2 * number for number in self.added} | {2 * position - 1 for position, _ in self.removed}


def _mixed(sides: Sequence[_Side]) -> frozenset[int]:
    """Return the slots of places that differ from every parent without a line that does."""
    found: set[int] = set()
    place: list[int] = []
    for slot in [*sorted(set().union(*(side.slots for side in sides))), None]:
        # One place ends where a line that is the same everywhere follows.
        if place and (slot is None or slot - place[-1] > (1 if place[-1] % 2 else 2)):
            differs = all(not side.slots.isdisjoint(place) for side in sides)
            if differs and not any(
                all(one in side.added for side in sides) for one in (at // 2 for at in place if not at % 2)
            ):
                found.update(place)
            place = []
        if slot is not None:
            place.append(slot)
    return frozenset(found)


def _positions(hunk: Hunk) -> Iterator[tuple[int, SourceLine]]:
    position = hunk.new_start if hunk.new_count else hunk.new_start + 1
    for line in hunk.lines:
        yield position, line
        position += line.new is not None


def _reduced(hunk: Hunk, others: Sequence[_Side], mixed: Collection[int]) -> list[SourceLine]:
    found: list[SourceLine] = []
    run: list[tuple[int, SourceLine]] = []
    for position, line in _positions(hunk):
        if line.kind is LineKind.CONTEXT:
            found += _reduced_run(run, others, mixed)
            run = []
            found.append(line)
        else:
            run.append((position, line))
    return found + list(_reduced_run(run, others, mixed))


def _reduced_run(
    run: Sequence[tuple[int, SourceLine]], others: Sequence[_Side], mixed: Collection[int]
) -> Iterator[SourceLine]:
    def is_new(line: SourceLine) -> bool:
        return line.kind is LineKind.ADDED and all(line.new in side.added for side in others)

    rewritten = any(is_new(line) for _, line in run)
    for position, line in run:
        if 2 * position - (line.kind is LineKind.REMOVED) in mixed:
            yield line
        elif line.kind is LineKind.ADDED:
            yield line if is_new(line) else dataclasses.replace(line, kind=LineKind.CONTEXT)
        elif rewritten or all(side.removed[position, line.text] for side in others):
            yield line


def _parts(hunk: Hunk, lines: Sequence[SourceLine]) -> Iterator[Hunk]:
    """Cut the lines around what changed, with git's number of lines of context."""
    changed = [index for index, line in enumerate(lines) if line.kind is not LineKind.CONTEXT]
    groups: list[list[int]] = []
    for index in changed:
        if groups and index - groups[-1][-1] <= 2 * _CONTEXT + 1:
            groups[-1].append(index)
        else:
            groups.append([index])
    for group in groups:
        first = max(0, group[0] - _CONTEXT)
        yield _hunk(hunk, lines[first : group[-1] + _CONTEXT + 1], lines[:first])


def _hunk(whole: Hunk, lines: Sequence[SourceLine], before: Sequence[SourceLine]) -> Hunk:
    old = [line.old for line in lines if line.old is not None]
    new = [line.new for line in lines if line.new is not None]
    # For a side without lines a hunk names the line before.
    last_old = max((line.old for line in before if line.old is not None), default=max(0, whole.old_start - 1))
    last_new = max((line.new for line in before if line.new is not None), default=max(0, whole.new_start - 1))
    return Hunk(
        old[0] if old else last_old,
        len(old),
        new[0] if new else last_new,
        len(new),
        whole.section,
        tuple(lines),
    )
