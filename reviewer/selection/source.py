"""The change under review, with the text of its files and what git's attributes say about them."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reviewer import diff
from reviewer.selection import skipping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reviewer.diff import Change
    from reviewer.git import Repository, Target


@dataclass(frozen=True, slots=True)
class ChangeSource:
    """What is reviewed.

    Attributes:
        change: The parsed change.
        read: Returns the new side's text of a path; None where there is none.
        attributes: Git attributes (``skipping.ATTRIBUTES``) by path.
    """

    change: Change
    read: Callable[[str], str | None]
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def from_repository(repository: Repository, target: Target, *, attributes_from: str | None = None) -> ChangeSource:
    """Read a change from git. All files are fetched together when the first one is asked for.

    Args:
        repository: The repository.
        target: What is reviewed.
        attributes_from: A revision whose ``.gitattributes`` are used instead of those under review.

    Raises:
        GitError: Git cannot produce the change.
    """
    change = diff.parse(repository.patch(target), target.subject)
    paths = [file.path for file in change.files]
    attributes = repository.attributes(target, skipping.ATTRIBUTES, paths, revision=attributes_from)

    @functools.cache
    def fetched() -> dict[str, bytes | None]:
        return repository.contents(target, [file.path for file in change.files if file.hunks])

    # Parsed trees are cached by the text itself, so each file keeps one text.
    @functools.cache
    def read(path: str) -> str | None:
        files = fetched()
        data = files[path] if path in files else repository.content(target, path)
        return None if data is None else diff.decode(data)

    return ChangeSource(change, read, attributes)


def from_patch(patch: bytes, subject: str) -> ChangeSource:
    """Read a change from a patch, which comes without the files it changes."""
    return ChangeSource(diff.parse(patch, subject), lambda _: None)
