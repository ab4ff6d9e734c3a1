"""What the reviewing commands share: the repository around them, its settings, and keeping a review's ids."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reviewer.terminal import output

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from reviewer.config import Settings
    from reviewer.finding import Review
    from reviewer.git import Repository, Target
    from reviewer.selection.source import ChangeSource


def load_settings(
    repository: Repository | None, flags: Mapping[str, object], defaults: Mapping[str, object] | None = None
) -> Settings:
    """Read the settings in force here, and print their remarks.

    Raises:
        ConfigError: A file, variable or flag is wrong.
    """
    from reviewer import config

    settings = config.load(repository.root if repository else None, os.environ, flags, defaults=defaults)
    for remark in settings.notes:
        output.note(remark)
    return settings


def here() -> Repository | None:
    """Find the repository around the current folder, if there is one."""
    from reviewer.errors import GitError
    from reviewer.git import Repository

    try:
        return Repository.discover()
    except GitError:
        return None


def keep(
    repository: Repository, target: Target, source: ChangeSource, review: Review, masked: Collection[str] = ()
) -> bool:
    """Store a review under its ids for ``reviewer apply`` and ``reviewer dismiss``.

    Returns:
        Whether the report should offer those commands; the log of a CI job is read on another machine.
    """
    from reviewer.applying import last

    kept = last.keep(repository, target, review, source.read, masked=masked)
    return kept and not os.environ.get("CI")
