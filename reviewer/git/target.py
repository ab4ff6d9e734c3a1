"""What is reviewed, as an immutable value, and patches from outside a repository."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from reviewer.errors import UsageError


class TargetKind(StrEnum):
    """What kind of change is reviewed."""

    STAGED = "staged"
    WORKTREE = "worktree"
    COMMIT = "commit"
    RANGE = "range"
    PATCH = "patch"


@dataclass(frozen=True, slots=True)
class Target:
    """One change to review, with its revisions resolved, so that a moving branch cannot alter it meanwhile.

    Attributes:
        base: Object id of the old side (a commit or a tree); None if the index or a patch is the old side.
        head: Object id of the new side; None if the index, the working tree or a patch is the new side.
        subject: What it is, for display: ``"staged changes"``, ``"main...HEAD"``.
        others: Object ids of a merge's other parents; only what differs from all of them is reviewed.
    """

    kind: TargetKind
    base: str | None
    head: str | None
    subject: str
    others: tuple[str, ...] = ()

    @classmethod
    def of_patch(cls, subject: str) -> Target:
        """Return the target for a patch from a file or a pipe."""
        return cls(TargetKind.PATCH, None, None, subject)


def read_patch(source: str) -> bytes:
    """Read a patch from a file, or from standard input if ``source`` is ``"-"``.

    Raises:
        UsageError: The file cannot be read.
    """
    try:
        if source != "-":
            return Path(source).read_bytes()
        if sys.stdin is None:  # started with ``<&-``
            raise UsageError("cannot read the patch: standard input is closed", hint="git diff | reviewer review -")
        return sys.stdin.buffer.read()
    except OSError as error:
        raise UsageError(f"cannot read the patch {source}: {error.strerror}") from error
