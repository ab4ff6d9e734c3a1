"""Finds the changed files of a target that match git's pathspecs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer.git.target import TargetKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.git.repository import Repository
    from reviewer.git.target import Target


def changed_paths(repository: Repository, target: Target, pathspecs: Sequence[str] = ()) -> frozenset[str]:
    """Return the paths of the changed files that match, relative to the top folder.

    Args:
        repository: The repository.
        target: Staged changes, the working tree, a commit or a range.
        pathspecs: As in ``git diff -- PATHSPEC…``, relative to the current folder; empty matches all.

    Raises:
        GitError: A pathspec is wrong, or git failed.
    """
    command: tuple[str, ...]
    match target.kind:
        case TargetKind.STAGED:
            command = ("diff-index", "--cached", "--ita-invisible-in-index", str(target.base))
        case TargetKind.WORKTREE:
            command = ("diff-index", target.base) if target.base else ("diff-files",)
        case _:
            command = ("diff-tree", "-r", str(target.base), str(target.head))
    args = (*command[:1], "--name-only", "-z", "--no-renames", *command[1:], "--", *pathspecs)
    listed = repository.command.run("-C", str(Path.cwd()), *args)
    return frozenset(os.fsdecode(path) for path in listed.split(b"\0") if path)
