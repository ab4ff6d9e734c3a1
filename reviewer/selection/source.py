"""The change under review, with the text of its files and their git attributes."""

from __future__ import annotations

import dataclasses
import functools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reviewer import diff
from reviewer.diff import Change, ContentKind, FileChange, FileStatus
from reviewer.git import TargetKind
from reviewer.selection import skipping
from reviewer.selection.units import OUT_OF_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from reviewer.git import Repository, Target
    from reviewer.git.patches import Patches

    Contents = Callable[[Iterable[str]], Mapping[str, bytes | None]]

# The longest changes that are read, in bytes of patch: of one file, and of all together. A model would need days for
# more, and memory stays bounded.
_CODE, _ALL_CODE = 4 << 20, 32 << 20
_DATA, _ALL_DATA = 256 << 10, 1 << 20
_TEXTS_KEPT = 64

_FILTER = "filter"


@dataclass(frozen=True, slots=True)
class ChangeSource:
    """What is reviewed.

    Attributes:
        change: The parsed change.
        read: Returns the new side's text of a path; None if there is none.
        attributes: Git attributes (``skipping.ATTRIBUTES``) by path.
        new, old: Return the bytes of several paths on either side; None if a side has no such file.
        paths: Returns the path of every file on the new side, changed or not.
        until: When to stop reading, in seconds of ``time.monotonic``; None for never.
        strange: Whether the author of the change is not trusted to say which files need no review.
    """

    change: Change
    read: Callable[[str], str | None]
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    new: Contents = dict.fromkeys
    old: Contents = dict.fromkeys
    paths: Callable[[], Iterable[str]] = tuple
    until: float | None = None
    strange: bool = False

    def read_old(self, path: str) -> str | None:
        """Return the old side's text of a path; None if there is none."""
        data = self.old([path]).get(path)
        return None if data is None else diff.decode(data)


def from_repository(
    repository: Repository, target: Target, *, attributes_from: str | None = None, deadline: float | None = None
) -> ChangeSource:
    """Read a change from git.

    Files that are too large, that come too late for the deadline or, in the working tree, that a filter driver would
    convert are marked ``unread``.

    Args:
        repository: The repository.
        target: What is reviewed.
        attributes_from: A revision whose ``.gitattributes`` are used instead of those under review, because the author
            of the change is not trusted.
        deadline: Longest time for reading and cutting the change, in seconds.

    Raises:
        GitError: Git cannot produce the change.
    """
    until = None if deadline is None else time.monotonic() + deadline
    with repository.differences(target, attributes_from=attributes_from) as comparisons:
        paths = _differing(comparisons)
        attributes = comparisons[0].attributes((*skipping.ATTRIBUTES, _FILTER), paths) if paths else {}
        sides = [diff.joined(_files(one, paths, until)) for one in comparisons] if paths else [()]
    if target.kind is TargetKind.WORKTREE:
        filters = repository.filters()
        sides = [tuple(_refuse_filtered(one, attributes, filters)) for one in sides]
    files = diff.resolved(sides) if len(sides) > 1 else sides[0]
    change = Change(target.subject, files)
    read = _reader(repository, target, sides[0])
    return ChangeSource(
        change,
        read,
        attributes,
        new=lambda paths: {path: None if (text := read(path)) is None else diff.encode(text) for path in paths},
        old=functools.partial(repository.old_contents, target),
        paths=functools.partial(repository.paths, target),
        until=until,
        strange=attributes_from is not None,
    )


def from_patch(patch: bytes, subject: str) -> ChangeSource:
    """Read a change from a patch, which comes without the files it changes."""
    return ChangeSource(diff.parse(patch, subject), lambda _: None)


def _differing(comparisons: Sequence[Patches]) -> list[str]:
    """Return the paths that differ from the base and, for a merge, from every other parent."""
    first, *others = (one.paths() for one in comparisons)
    common = frozenset(first).intersection(*others)
    return [path for path in first if path in common]


class _Limits:
    """How much of each file's patch is read."""

    def __init__(self, wanted: Collection[str]) -> None:
        self._wanted = frozenset(wanted)
        self._left = {False: _ALL_CODE, True: _ALL_DATA}  # by whether a file is data

    def of(self, header: bytes) -> int:
        (file,) = diff.parse_files(header, headers_only=True)
        if file.path not in self._wanted:
            return 0
        is_data = skipping.is_data(file.path)
        return min(_DATA if is_data else _CODE, self._left[is_data])

    def spend(self, path: str, size: int) -> None:
        self._left[skipping.is_data(path)] -= size

    def exceeded(self, path: str) -> str:
        """Return why a file's patch is not read."""
        is_data = skipping.is_data(path)
        one, every = (_DATA, _ALL_DATA) if is_data else (_CODE, _ALL_CODE)
        if self._left[is_data] < one:
            return f"more than {every >> 20} MiB of {'data' if is_data else 'code'} changed"
        return f"its change is larger than {one >> 10} KiB"


def _files(patches: Patches, paths: Collection[str], until: float | None) -> Iterator[FileChange]:
    """Read the files of these paths; those for which there is no time are marked."""
    limits = _Limits(paths)
    wanted, late = frozenset(paths), dict.fromkeys(paths)
    for patch in patches.read(limits.of, until):
        for file in diff.parse_files(patch.header + (patch.hunks or b""), headers_only=patch.hunks is None):
            if file.path not in wanted:
                continue
            for path in (file.path, file.old_path):
                late.pop(path or "", None)
            if patch.hunks is None:
                yield dataclasses.replace(file, unread=limits.exceeded(file.path), unread_lines=patch.added)
            else:
                limits.spend(file.path, len(patch.hunks))
                yield file
    if patches.expired:
        yield from (FileChange(path, FileStatus.MODIFIED, unread=OUT_OF_TIME) for path in late)


def _refuse_filtered(
    files: Iterable[FileChange], attributes: Mapping[str, Mapping[str, str]], filters: Collection[str]
) -> Iterator[FileChange]:
    for file in files:
        name = attributes.get(file.path, {}).get(_FILTER, "")
        reason = f"git stores it through the filter {name}; stage it to review it" if name in filters else ""
        yield dataclasses.replace(file, hunks=(), unread=reason) if reason else file


def _reader(repository: Repository, target: Target, files: Iterable[FileChange]) -> Callable[[str], str | None]:
    """Return a reader of the new side; ``files`` is everything that differs from the base."""
    blobs = repository.blobs(target)
    changed = {file.path: file for file in files} if target.kind is TargetKind.WORKTREE else {}

    # Parsed trees are cached by the text itself, so each file in use keeps one text.
    @functools.lru_cache(maxsize=_TEXTS_KEPT)
    def read(path: str) -> str | None:
        file = changed.get(path)
        if file is None or file.status is FileStatus.MODE_CHANGED:
            data = blobs.read(path)
            return None if data is None else diff.decode(data)
        if file.unread or file.kind is not ContentKind.TEXT:
            return None
        old = b"" if file.status is FileStatus.ADDED else blobs.read(file.old_path or path)
        return None if old is None else file.applied_to(diff.decode(old))

    return read
