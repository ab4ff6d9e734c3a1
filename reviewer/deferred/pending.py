"""Reviews that follow their commit: each is one small file in the git folder, until it has been told about.

The review itself becomes a git note. What stands here is what a note cannot say: that a review waits, is being made,
has failed, or is ready and nobody has heard of it. Every command looks here first, so this module imports little.
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

from reviewer.paths import GIT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KEPT = 50  # failures that are remembered, so that `reviewer show` can tell of them
_SHORT = 10


class State(StrEnum):
    """How far a review is."""

    WAITING = "waiting"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Pending:
    """One review that follows a commit.

    Attributes:
        commit: Object id of the commit.
        flags: The settings that the hook's command line asked for, by field.
        since: When it came into this state, in seconds since the epoch.
        attempts: How often it was begun.
        detail: What was found, or why it failed.
        told: Whether a command has told of it.
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
        """The commit's id as people type it."""
        return self.commit[:_SHORT]

    def now(self, state: State, detail: str = "") -> Pending:
        """Return it in another state."""
        begun = self.attempts + (state is State.RUNNING)
        return dataclasses.replace(self, state=state, detail=detail, since=time.time(), attempts=begun, told=False)


class PendingReviews:
    """The reviews that follow the commits of one working tree.

    Args:
        git_dir: The working tree's own git folder.
    """

    def __init__(self, git_dir: Path) -> None:
        self.home = git_dir / GIT_FOLDER
        self._folder = self.home / "pending"

    def all(self) -> list[Pending]:
        """Every one that is known, the newest first."""
        try:
            names = [name for name in os.listdir(self._folder) if name.endswith(".json")]  # noqa: PTH208 - names alone
        except OSError:
            return []
        found = [self.get(name.removesuffix(".json")) for name in names]
        return sorted((one for one in found if one is not None), key=lambda one: one.since, reverse=True)

    def get(self, commit: str) -> Pending | None:
        """The one of a commit; None where nothing is known."""
        try:
            values = json.loads(self._path(commit).read_text(encoding="utf-8"))
            return Pending(**{**values, "state": State(values["state"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None  # gone meanwhile, or another version's

    def put(self, pending: Pending) -> None:
        """Store one, in place of what was known of its commit.

        Raises:
            OSError: The git folder cannot be written.
        """
        if not self.home.parent.is_dir():  # never bring a repository back that was deleted
            raise FileNotFoundError(f"{self.home.parent} is gone")
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(pending.commit)
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        aside.write_text(json.dumps(dataclasses.asdict(pending)), encoding="utf-8")
        aside.replace(path)

    def remove(self, commit: str) -> None:
        """Forget one."""
        with suppress(OSError):
            self._path(commit).unlink()

    def waiting(self) -> list[Pending]:
        """Those still to be made, the newest first; one that was begun and not ended is among them.

        For the process that holds the lock: for all others, what is begun is being made.
        """
        return [one for one in self.all() if one.state in (State.WAITING, State.RUNNING)]

    def news(self) -> list[Pending]:
        """Those that are ready or have failed and that nobody was told of, the oldest first."""
        settled = [one for one in self.all() if one.state in (State.READY, State.FAILED) and not one.told]
        return settled[::-1]

    def mark_told(self, pending: Pending) -> None:
        """Remember that a person knows: the note tells the rest of a review, a failure is kept for those who ask."""
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
    """Find a working tree's git folder without starting git; None where there is none, or it is not told so simply.

    Good enough to look for news, and no more: git alone knows what it will accept.
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
