"""What is under review, as an immutable value, and the one source of changes that is not a repository: a patch."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from reviewer.errors import UsageError


class TargetKind(StrEnum):
    """What kind of thing is reviewed."""

    STAGED = "staged"
    WORKTREE = "worktree"
    COMMIT = "commit"
    RANGE = "range"
    PATCH = "patch"


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to review, with its revisions already resolved: a branch that moves can not change it half-way.

    Attributes:
        base: Object id of the old side (a commit or a tree); None where the index or a patch is the old side.
        head: Object id of the new side; None where the index, the working tree or a patch is the new side.
        subject: What it is, for people: ``"staged changes"``, ``"main...HEAD"``.
    """

    kind: TargetKind
    base: str | None
    head: str | None
    subject: str

    @classmethod
    def of_patch(cls, subject: str) -> Target:
        """Stand for a patch that came from a file or a pipe."""
        return cls(TargetKind.PATCH, None, None, subject)


def read_patch(source: str) -> bytes:
    """Read a patch from a file, or from standard input where ``source`` is ``"-"``.

    Raises:
        UsageError: The file can not be read.
    """
    try:
        if source != "-":
            return Path(source).read_bytes()
        if sys.stdin is None:  # started with ``<&-``
            raise UsageError("cannot read the patch: standard input is closed", hint="git diff | reviewer review -")
        return sys.stdin.buffer.read()
    except OSError as error:
        raise UsageError(f"cannot read the patch {source}: {error.strerror}") from error
