"""Reviews the index in the background whenever it changes, so that the commit finds every answer in the cache.

Each reply is cached as it arrives, so a review that is cancelled for a newer index is not wasted. watchfiles reports
changes of the git folder; every few seconds the watcher checks that the repository still exists.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
from typing import TYPE_CHECKING

from reviewer.errors import ReviewerError
from reviewer.git.command import text
from reviewer.report import RenderOptions, summary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from reviewer.finding import Review
    from reviewer.git import Repository, Target

_STEP_MS = 250  # silence that ends a burst of changes; also how often watchfiles polls its queue
_BURST_MS = 2000  # longest burst before it is acted upon
_LOOK_MS = 3000  # between two checks of an idle repository
_REFS = ("HEAD", "ORIG_HEAD")  # git reset --soft moves the branch and leaves the index alone

_EMPTY = hashlib.sha256(b"").hexdigest()


class IndexWatch:
    """Reviews the newest state of the index, one review at a time.

    Args:
        repository: Its index as git finds it, including ``GIT_INDEX_FILE`` and worktrees.
        review: Makes the review of a target.
        tell: Receives one line for each finished review.
        warn: Receives one line for each failed review.
    """

    def __init__(
        self,
        repository: Repository,
        review: Callable[[Target], Awaitable[Review]],
        tell: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        self._repository = repository
        self._review = review
        self._tell = tell
        self._warn = warn
        index = text(repository.command.run("rev-parse", "--git-path", "index"))
        self._index = repository.root / index
        self._identity = _identity(repository.git_dir)
        self._seen: tuple[int, ...] = ()  # the index file when it was last read
        self._digest = _EMPTY  # the change that is being or was reviewed
        self._changed = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Review now and after each change, until ``stop`` is set or the repository is gone."""
        self._changed.set()
        listener = asyncio.create_task(self._listen(stop))
        try:
            while await self._wait(stop, listener):
                await self._look()
        finally:
            stop.set()
            await self._give_up()
            # Its thread sees ``stop`` within a step; cancelling the task would lose an exception.
            await listener

    def _here(self) -> bool:
        return _identity(self._repository.git_dir) == self._identity and self._repository.root.is_dir()

    async def _listen(self, stop: asyncio.Event) -> None:
        """Set ``changed`` when the index or HEAD changes, and ``stop`` when the repository is gone."""
        from watchfiles import awatch

        # Watch folders, not files: git replaces a file by renaming another over it.
        folders = {self._repository.git_dir, self._index.parent}
        names = {str(self._index), *(str(self._repository.git_dir / name) for name in _REFS)}
        with contextlib.suppress(FileNotFoundError):  # removed before the first check
            async for changes in awatch(
                *folders, recursive=False, watch_filter=lambda _, path: path in names,
                step=_STEP_MS, debounce=_BURST_MS, rust_timeout=_LOOK_MS, yield_on_timeout=True, stop_event=stop,
            ):  # fmt: skip
                if not self._here():
                    break
                # Compare the file itself too: not every file system reports changes.
                if changes or _facts(self._index) != self._seen:
                    self._changed.set()
        stop.set()

    async def _wait(self, stop: asyncio.Event, listener: asyncio.Task[None]) -> bool:
        """Wait for a change; False when the watch ends."""
        while True:
            waits = [asyncio.create_task(self._changed.wait()), asyncio.create_task(stop.wait())]
            tasks = [listener] if self._work is None else [listener, self._work]
            try:
                await asyncio.wait([*waits, *tasks], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            if self._work is not None and self._work.done():
                work, self._work = self._work, None
                await work  # raises unexpected exceptions
            if listener.done():
                await listener
            if stop.is_set():
                return False
            if self._changed.is_set():
                self._changed.clear()
                return True

    async def _give_up(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work

    async def _look(self) -> None:
        """Start the review of the present index; cancel that of an older one."""
        self._seen = _facts(self._index)
        try:
            target, digest = await asyncio.to_thread(self._staged)
        except ReviewerError as problem:
            if self._here():
                await self._give_up()
                self._digest = _EMPTY
                self._warn(problem.one_line)
            return
        if digest == self._digest:  # git status also rewrites the index
            return
        await self._give_up()
        self._digest = digest
        if digest != _EMPTY:
            self._work = asyncio.create_task(self._pass(target, digest))

    def _staged(self) -> tuple[Target, str]:
        target = self._repository.target(None, staged=True)
        return target, hashlib.sha256(self._repository.patch(target)).hexdigest()

    async def _pass(self, target: Target, digest: str) -> None:
        began = time.monotonic()
        try:
            review = await self._review(target)
        except asyncio.CancelledError:
            self._tell(f"cancelled after {time.monotonic() - began:.1f} s")
            raise
        except ReviewerError as problem:
            self._forget(digest)
            self._warn(problem.one_line)
            return
        if review.not_read:
            self._forget(digest)
        self._tell(_result(review))

    def _forget(self, digest: str) -> None:
        """Review again at the next change of the index file, even if the staged change is the same."""
        if self._digest == digest:
            self._digest = ""


def _result(review: Review) -> str:
    if not review.units:
        return "nothing to review in the staged changes"
    parts = [summary.extent(review), summary.counts(review), summary.timing(review, RenderOptions())]
    if review.not_read:
        parts.insert(1, summary.read_share(review))
    return " · ".join(parts)


def _identity(folder: Path) -> tuple[int, ...] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _facts(index: Path) -> tuple[int, ...]:
    try:
        found = os.stat(index)  # noqa: PTH116 - every few seconds, for days
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino
