"""The queue of background reviews: one small file per commit in the git folder, until the user was notified.

The review itself is stored as a git note. These files hold its state. Every command looks here first, so this module
imports little.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from reviewer import files, untrusted
from reviewer.paths import GIT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KEPT = 50  # failures that `reviewer show` can still explain
_SHORT = 10


class State(StrEnum):
    """State of a background review."""

    WAITING = "waiting"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Pending:
    """One background review.

    Attributes:
        commit: Object id of the commit.
        flags: Settings from the hook's command line, by field.
        since: When it entered this state, in seconds since the epoch.
        attempts: How often it was started.
        detail: What was found, or why it failed.
        told: Whether the user was notified.
    """

    commit: str
    state: State = State.WAITING
    flags: Mapping[str, object] = field(default_factory=dict)
    since: float = field(default_factory=time.time)
    attempts: int = 0
    detail: str = ""
    told: bool = False

    @property
    def short(self) -> str:
        """The abbreviated commit id."""
        return self.commit[:_SHORT]

    def now(self, state: State, detail: str = "") -> Pending:
        """Return a copy in another state."""
        begun = self.attempts + (state is State.RUNNING)
        return dataclasses.replace(self, state=state, detail=detail, since=time.time(), attempts=begun, told=False)


class PendingReviews:
    """The background reviews of one working tree.

    Args:
        git_dir: The working tree's own git folder.
    """

    def __init__(self, git_dir: Path) -> None:
        self.home = git_dir / GIT_FOLDER
        self._folder = self.home / "pending"

    def all(self) -> list[Pending]:
        """All of them, newest first."""
        try:
            names = [name for name in os.listdir(self._folder) if name.endswith(".json")]  # noqa: PTH208 - names alone
        except OSError:
            return []
        found = [self.get(name.removesuffix(".json")) for name in names]
        return sorted((one for one in found if one is not None), key=lambda one: one.since, reverse=True)

    def get(self, commit: str) -> Pending | None:
        """The one of a commit; None if there is none."""
        try:
            values = untrusted.parse_json(self._path(commit).read_bytes())
            return Pending(**{**values, "state": State(values["state"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None  # removed meanwhile, or written by another version

    def put(self, pending: Pending) -> None:
        """Store one; an earlier state of the same commit is replaced.

        Raises:
            OSError: The git folder cannot be written.
        """
        if not self.home.parent.is_dir():  # do not recreate a repository that was deleted
            raise FileNotFoundError(f"{self.home.parent} no longer exists")
        self._folder.mkdir(parents=True, exist_ok=True)
        files.write(self._path(pending.commit), json.dumps(dataclasses.asdict(pending)))

    def remove(self, commit: str) -> None:
        """Forget one."""
        with suppress(OSError):
            self._path(commit).unlink()

    def waiting(self) -> list[Pending]:
        """Reviews still to be made, newest first, including any that was started and interrupted.

        Only for the process that holds the lock: to any other, a started review is being made.
        """
        return [one for one in self.all() if one.state in (State.WAITING, State.RUNNING)]

    def news(self) -> list[Pending]:
        """Finished or failed reviews that the user was not notified of, oldest first."""
        settled = [one for one in self.all() if one.state in (State.READY, State.FAILED) and not one.told]
        return settled[::-1]

    def mark_told(self, pending: Pending) -> None:
        """Record that the user was notified. Failures are kept for ``reviewer show``."""
        if pending.state is State.READY:
            self.remove(pending.commit)
            return
        with suppress(OSError):
            self.put(dataclasses.replace(pending, told=True))
        for old in [one for one in self.all() if one.told][_KEPT:]:
            self.remove(old.commit)

    def _path(self, commit: str) -> Path:
        return self._folder / f"{commit}.json"


def git_dir_around(folder: Path, env: Mapping[str, str]) -> Path | None:
    """Find a working tree's git folder without starting git; None if there is none.

    Good enough to look for notifications; it does not cover every way to configure a repository.
    """
    if env.get("GIT_DIR"):
        return folder / env["GIT_DIR"]
    for parent in (folder, *folder.parents):
        found = parent / ".git"
        if found.is_dir():
            return found
        with suppress(OSError, UnicodeDecodeError):
            kind, _, path = found.read_text(encoding="utf-8").partition(":")
            return parent / path.strip() if kind == "gitdir" else None
    return None
