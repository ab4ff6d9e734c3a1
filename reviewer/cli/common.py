"""What several commands share: settings, the repository, one review, one question to the model, and a prompt."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from reviewer.terminal import live, output

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Mapping

    from reviewer.config import Settings
    from reviewer.engine.manager import AIModelManager
    from reviewer.errors import ExitCode
    from reviewer.finding import Review
    from reviewer.git import Repository, Target
    from reviewer.selection.source import ChangeSource


def load_settings(
    repository: Repository | None, flags: Mapping[str, object], defaults: Mapping[str, object] | None = None
) -> Settings:
    """Read the settings in effect and print their remarks.

    Raises:
        ConfigError: A file, variable or flag is wrong.
    """
    from reviewer import config

    settings = config.load(repository.root if repository else None, os.environ, flags, defaults=defaults)
    for remark in settings.notes:
        output.note(remark)
    return settings


def here() -> Repository | None:
    """Return the repository around the current folder, if there is one."""
    from reviewer.errors import GitError
    from reviewer.git import Repository

    try:
        return Repository.discover()
    except GitError:
        return None


def settled(review: Review, verdict: ExitCode) -> ExitCode:
    """Return the verdict of a review, unless it lacks the model that it asked for.

    Raises:
        EngineError: No model was asked, and no finding fails the review.
    """
    from reviewer.errors import ExitCode

    if review.unavailable is not None and verdict is not ExitCode.FINDINGS:
        raise review.unavailable
    return verdict


def review_target(
    repository: Repository, target: Target, settings: Settings, *, only: Collection[str] | None = None, **how: Any
) -> tuple[ChangeSource, Review]:
    """Review a target with the rules and templates of the working tree.

    Args:
        repository: The repository.
        target: What is reviewed.
        settings: The configuration in effect.
        only: Paths to which the review is restricted; None reviews all.
        how: See ``review.review``; ``deadline`` also covers reading the change, and leaves half for the answers.
    """
    from reviewer.config.repository import from_worktree
    from reviewer.deferred.history import History
    from reviewer.review import review
    from reviewer.selection.source import from_repository

    began, deadline = time.monotonic(), how.pop("deadline", None)
    source = from_repository(repository, target, deadline=None if deadline is None else deadline / 2)
    left = None if deadline is None else max(0.0, deadline - (time.monotonic() - began))
    if only is not None:
        files = tuple(file for file in source.change.files if file.path in only or file.old_path in only)
        source = dataclasses.replace(source, change=dataclasses.replace(source.change, files=files))
    files_of = from_worktree(repository, settings.rule_files)
    with History(repository.git_dir).running(target.subject) as observer:
        return source, review(source, settings, files_of, deadline=left, observer=observer, **how)


def keep(
    repository: Repository, target: Target, source: ChangeSource, review: Review, masked: Collection[str] | None = None
) -> bool:
    """Store a review for ``reviewer apply``, ``reviewer dismiss`` and ``reviewer serve``.

    Args:
        repository: Where it was made.
        target: What was reviewed.
        source: The reviewed change.
        review: The review.
        masked: For a review that was stored already: the findings whose suggestion had a secret masked.

    Returns:
        Whether the report should offer those commands; the log of a CI job is read on another machine.
    """
    from reviewer.applying import last
    from reviewer.deferred.history import History

    kept = last.keep(repository, target, review, source.read, masked=masked or ())
    if masked is None:
        History(repository.git_dir).record(review)
    return kept and not os.environ.get("CI")


class Display(Protocol):
    """Makes a streamed answer safe to show."""

    def feed(self, piece: str) -> str:
        """Return what can be shown after a further piece of the answer; may be empty."""

    def end(self) -> str:
        """Return the rest."""


def stream_answer(
    settings: Settings,
    step: str,
    ask: Callable[[AIModelManager], AsyncGenerator[str, None]],
    display: Display,
    *,
    install: bool,
) -> None:
    """Load the model, ask it something, and print its answer as it is decoded, then its remarks.

    Args:
        settings: Name the model.
        step: What the progress line says until the answer begins.
        ask: Receives the loaded model.
        display: Receives the pieces of the answer.
        install: Whether to install what is missing first.
    """
    import asyncio

    from reviewer import AIModelManager
    from reviewer.engine.provision import provision
    from reviewer.errors import ReviewerError

    manager = AIModelManager(settings.model_config, keep_warm=True)

    def show(text: str) -> bool:
        if text:
            progress.finish()
        return output.say(text, end="")

    async def run() -> None:
        await manager.load_model(progress=progress)
        async with manager:
            progress.step(step)
            async with contextlib.aclosing(ask(manager)) as pieces:
                async for piece in pieces:
                    if not show(display.feed(piece)):  # nobody reads on
                        return
            show(display.end())
            output.say()

    with live.progress() as progress:
        if install:
            provision(settings.model_config, progress)
        try:
            asyncio.run(run())
        except ReviewerError:
            if progress.is_finished:  # what came is shown, and the error begins on a line of its own
                output.say(display.end())
            raise
    for remark in manager.notes:
        output.note(remark)


def confirm(question: str) -> None:
    """Ask before going ahead.

    Raises:
        UsageError: Standard input is not a terminal.
        click.exceptions.Exit: The answer was no.
    """
    import click

    from reviewer.errors import ExitCode, UsageError

    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"{question} Not interactive: pass --yes.")
    if not click.confirm(question, err=True):
        output.note("nothing was changed")
        raise click.exceptions.Exit(ExitCode.PASSED)
