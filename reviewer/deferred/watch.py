"""Reviews the index in the background whenever it changes, so that the commit finds every answer in the cache.

Nothing is handed over but answers: each unit's reply lands in the cache as it comes, so a review that is given up for
a newer index has not been in vain. The system wakes us when a file of the git folder changes (watchfiles); between two
changes only a look every few seconds is left, whether the repository is still there.
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

_STEP_MS = 250  # silence that ends a burst of changes; also how often watchfiles looks for what came
_BURST_MS = 2000  # a burst that does not end is acted upon after this time
_LOOK_MS = 3000  # between two looks at a repository in which nothing moves
_REFS = ("HEAD", "ORIG_HEAD")  # git reset --soft moves the branch and leaves the index alone

_EMPTY = hashlib.sha256(b"").hexdigest()


class IndexWatch:
    """Keeps one review going for the newest state of the index.

    Args:
        repository: Whose index; git's own choice of it, ``GIT_INDEX_FILE`` and worktrees included.
        review: Makes the review of a target.
        tell: Takes one line for each review that ends.
        warn: Takes one line for each that cannot be made.
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
        self._seen: tuple[int, ...] = ()  # the index file as it was when it was last read
        self._digest = _EMPTY  # the change that is being reviewed, or was and needs no further review
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
            # It waits in a thread, which sees ``stop`` within a step; a task that is cancelled would lose its answer.
            await listener

    def _here(self) -> bool:
        return _identity(self._repository.git_dir) == self._identity and self._repository.root.is_dir()

    async def _listen(self, stop: asyncio.Event) -> None:
        """Set ``changed`` for what concerns us, and ``stop`` when the repository is gone."""
        from watchfiles import awatch

        # The folders and not the files: git replaces a file by renaming another over it.
        folders = {self._repository.git_dir, self._index.parent}
        names = {str(self._index), *(str(self._repository.git_dir / name) for name in _REFS)}
        with contextlib.suppress(FileNotFoundError):  # gone before the first look
            async for changes in awatch(
                *folders, recursive=False, watch_filter=lambda _, path: path in names,
                step=_STEP_MS, debounce=_BURST_MS, rust_timeout=_LOOK_MS, yield_on_timeout=True, stop_event=stop,
            ):  # fmt: skip
                if not self._here():
                    break
                # A look at the file itself, too: not every file system tells of changes.
                if changes or _facts(self._index) != self._seen:
                    self._changed.set()
        stop.set()

    async def _wait(self, stop: asyncio.Event, listener: asyncio.Task[None]) -> bool:
        """Wait for a change; False when it is time to leave."""
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
                await work  # raises what is a bug of ours
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
        """Begin the review of the index as it is now; an older one's is given up."""
        self._seen = _facts(self._index)
        try:
            target, digest = await asyncio.to_thread(self._staged)
        except ReviewerError as problem:
            if self._here():
                await self._give_up()
                self._digest = _EMPTY
                self._warn(_in_one_line(problem))
            return
        if digest == self._digest:  # git status rewrites the index, too
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
            self._tell(f"given up after {time.monotonic() - began:.1f} s")
            raise
        except ReviewerError as problem:
            self._forget(digest)
            self._warn(_in_one_line(problem))
            return
        if review.not_read:
            self._forget(digest)
        self._tell(_result(review))

    def _forget(self, digest: str) -> None:
        """Let the next change of the index file try again, even if what is staged stays the same."""
        if self._digest == digest:
            self._digest = ""


def _result(review: Review) -> str:
    if not review.units:
        return "nothing to read in what is staged"
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


def _in_one_line(problem: ReviewerError) -> str:
    message = " ".join(problem.message.split())
    advice = " ".join((problem.hint or "").partition("\n")[0].split())
    return f"{message} ({advice})" if advice else message
