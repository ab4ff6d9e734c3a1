"""``reviewer watch``: review staged changes in the background, so that ``git commit`` need not wait."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import options
from reviewer.errors import ConfigError, UsageError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from reviewer.finding import Review
    from reviewer.git import Repository, Target

_EPILOG = """\b
Examples:
  reviewer watch              until Ctrl-C, or until the repository is removed
  reviewer watch --quiet &    print only problems

The hook of the commit uses the cached answers. Nothing but a lock is written to the repository. The engine keeps
running afterwards and stops when idle.
"""


@click.command(epilog=_EPILOG)
@click.option("--quiet", "-q", is_flag=True, help="Print only problems.")
@options.model_options
@options.review_options
def watch(*, quiet: bool, **flags: Any) -> None:
    """Review staged changes whenever they change, before the commit."""
    import asyncio

    from reviewer.cli import common
    from reviewer.git import Repository

    repository = Repository.discover()
    given = options.as_flags(flags)
    if not common.load_settings(repository, given).cache:
        raise ConfigError(
            "watch needs the cache, which is off",
            hint="remove cache = false, REVIEWER_CACHE or --no-cache",
        )
    with _alone(repository.git_dir):
        asyncio.run(_watch(repository, given, quiet=quiet))


async def _watch(repository: Repository, flags: Mapping[str, object], *, quiet: bool) -> None:
    import asyncio

    from reviewer.deferred.watch import IndexWatch
    from reviewer.terminal import output

    def tell(line: str) -> None:
        if not quiet:
            output.note(line)

    async def review(target: Target) -> Review:
        return await _review(repository, target, flags)

    stop = asyncio.Event()
    _stop_on_signals(stop)
    watcher = IndexWatch(repository, review, tell, output.note)
    tell(f"watching {repository.root}")
    await watcher.run(stop)
    tell("stopped watching" if repository.git_dir.is_dir() else "stopped watching: the repository is gone")


async def _review(repository: Repository, target: Target, flags: Mapping[str, object]) -> Review:
    """Review as the hook does, with the present settings and templates."""
    from reviewer import config
    from reviewer.config.repository import from_worktree
    from reviewer.review import review_change
    from reviewer.selection.source import from_repository

    settings = config.load(repository.root, os.environ, flags)
    source = from_repository(repository, target)
    return await review_change(source, settings, files=from_worktree(repository, settings.rule_files))


def _stop_on_signals(stop: asyncio.Event) -> None:
    """Shut down cleanly at the first signal; the second one ends the process at once."""
    import asyncio
    import signal

    loop = asyncio.get_running_loop()
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

    def leave() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)
        stop.set()

    for number in numbers:
        # Windows' event loop has no signal handlers; Ctrl-C cancels the task there.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, leave)


@contextlib.contextmanager
def _alone(git_dir: Path) -> Iterator[None]:
    """Hold the lock of the only watcher of a working tree.

    Raises:
        UsageError: Another process holds it, or it cannot be created.
    """
    from filelock import FileLock, Timeout

    from reviewer import files
    from reviewer.paths import GIT_FOLDER

    folder = git_dir / GIT_FOLDER
    owner = folder / "watch.pid"
    try:
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / "watch.lock", timeout=0)
        lock.acquire()
    except Timeout:
        pid = _read(owner)
        raise UsageError(
            "this working tree is already being watched" + (f" by process {pid}" if pid else ""),
            hint=f"kill {pid}" if pid else None,
        ) from None
    except OSError as problem:
        raise UsageError(f"cannot write in {folder}: {problem.strerror}") from problem
    try:
        files.write(owner, str(os.getpid()))
        yield
    finally:
        with contextlib.suppress(OSError):
            owner.unlink()
        lock.release()


def _read(owner: Path) -> str:
    try:
        return owner.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
