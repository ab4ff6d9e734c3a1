"""``reviewer hook``: what a git hook calls, native or through pre-commit.

A hook stands between a person and their commit. It never asks anything, needs no terminal, starts fast where there is
nothing to do, and lets the commit go on where it cannot review, unless it was told to require the review.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import options
from reviewer.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reviewer.config import Settings
    from reviewer.errors import EngineError
    from reviewer.git import Repository, Target

# What git itself records in a commit: not what only lies in a submodule, nor what is merely intended to be added.
_ANYTHING_STAGED = (
    "diff-index",
    "--cached",
    "--quiet",
    "--ignore-submodules=dirty",
    "--ita-invisible-in-index",
    "HEAD",
)


_COMMIT = "the commit"
_WORK = "work"


@click.group()
@click.pass_context
def hook(ctx: click.Context) -> None:
    """Review from a git hook; reviewer install sets one up."""
    if ctx.invoked_subcommand != _WORK:  # nobody would hear it there
        from reviewer.deferred.worker import tell_news

        tell_news()


@hook.command("pre-commit")
@click.option(
    "--background/--no-background", default=None, help="Let the commit go at once; its review follows as a git note."
)
@options.gate_options
@options.model_options
@options.review_options
@click.argument("ignored", nargs=-1, type=click.UNPROCESSED)
def pre_commit(ignored: tuple[str, ...], **flags: Any) -> int:  # noqa: ARG001 - names of files, where a tool passes them
    """Review what git commit is about to record."""
    if flags["background"] and _gated(flags):
        raise click.UsageError("--background lets every commit pass; it goes with neither --fail-on nor --require")
    if not _anything_staged():
        return ExitCode.PASSED
    if flags["background"]:
        return _leave_for_later()
    return _run(flags, _COMMIT, lambda repository: [repository.target(None, staged=True)])


@hook.command("prepare-commit-msg")
@options.model_options
@options.change_options
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("source", required=False)
@click.argument("ignored", nargs=-1, type=click.UNPROCESSED)
def prepare_commit_msg(file: Path, source: str | None, ignored: tuple[str, ...], **flags: Any) -> int:  # noqa: ARG001 - the commit that is amended
    """Put a suggested message into FILE, which git opens in the editor next.

    Only for a plain git commit, and only where FILE has no text yet. It stops no commit.
    """
    from reviewer.cli import prepare
    from reviewer.cli.boundary import guarded

    if not prepare.is_wanted(source, os.environ) or not _anything_staged():
        return ExitCode.PASSED
    code = guarded(lambda: prepare.suggest(file, options.as_flags(flags)))
    return code if code == ExitCode.INTERRUPTED else ExitCode.PASSED


@hook.command("post-commit")
@options.model_options
@options.review_options
@click.argument("ignored", nargs=-1, type=click.UNPROCESSED)
def post_commit(ignored: tuple[str, ...], **flags: Any) -> int:  # noqa: ARG001 - names of files, where a tool passes them
    """Begin the review of the commit that was just made, and return at once."""
    from reviewer.deferred import worker

    try:
        commit = worker.queue(options.as_flags(flags))
    except OSError as problem:
        click.echo(f"reviewer: the review cannot follow: {problem}", err=True)
        return ExitCode.PASSED
    if commit is not None:
        click.echo(f"reviewer: the review of {commit} follows; reviewer show {commit}", err=True)
    return ExitCode.PASSED


@hook.command(_WORK, hidden=True)
def work() -> None:
    """Make the reviews that wait; what post-commit starts."""
    from reviewer.deferred import worker

    worker.work()


@hook.command("pre-push")
@options.gate_options
@options.model_options
@options.review_options
@click.argument("remote", required=False)
@click.argument("ignored", nargs=-1, type=click.UNPROCESSED)
def pre_push(remote: str | None, ignored: tuple[str, ...], **flags: Any) -> int:  # noqa: ARG001 - the remote's URL
    """Review what git push is about to send.

    Reads git's lines from standard input, or pre-commit's PRE_COMMIT_FROM_REF and PRE_COMMIT_TO_REF.
    """
    from reviewer.git import pushed

    refs = [] if pushed.from_framework(os.environ) else pushed.read_lines(sys.stdin)

    def targets(repository: Repository) -> Iterable[Target]:
        return pushed.targets(repository, refs, remote, os.environ)

    return _run(flags, "the push", targets)


def _anything_staged() -> bool:
    """Ask git, before anything slow is imported; a refusal (no commit yet, no repository) counts as yes."""
    try:
        env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
        argv = ("git", "-c", "core.fsmonitor=false", *_ANYTHING_STAGED, "--")
        done = subprocess.run(argv, check=False, capture_output=True, env=env)
    except OSError:
        return True
    return done.returncode != 0


def _run(flags: Mapping[str, Any], what: str, targets: Callable[[Repository], Iterable[Target]]) -> int:
    """Review, and let only what was asked for stop git."""
    from reviewer.cli.boundary import guarded

    code = guarded(lambda: _review(options.as_flags(dict(flags)), what, targets))
    # A broken configuration or a bug of ours stops a hook only where its own command line asks for a gate: what the
    # configuration asks for is not known then.
    if code in (ExitCode.USAGE, ExitCode.BUG) and not _gated(flags):
        click.echo(f"reviewer: {what} goes on, unreviewed", err=True)
        return ExitCode.PASSED
    return code


def _gated(flags: Mapping[str, Any]) -> bool:
    """Whether the hook's own command line asks to stop git."""
    return bool(flags["require"]) or flags["fail_on"] not in (None, "never")


def _leave_for_later() -> int:
    from reviewer.deferred import worker

    worker.leave_for_later()
    return ExitCode.PASSED


def _review(flags: Mapping[str, object], what: str, targets: Callable[[Repository], Iterable[Target]]) -> int:
    from reviewer.cli import common
    from reviewer.git import Repository

    repository = Repository.discover()
    settings = common.load_settings(repository, {**flags, "format": "text"})
    # Where a gate is set, too, the gate counts: it would be off without a word.
    if what == _COMMIT and settings.background and settings.fail_on is None and not settings.require:
        return _leave_for_later()
    all_targets = list(targets(repository))
    # Ids mean something while one review is on the screen.
    codes = [_review_one(repository, one, settings, what, keep=len(all_targets) == 1) for one in all_targets]
    # What was found outweighs what could not be read, as in the gate.
    return ExitCode.FINDINGS if ExitCode.FINDINGS in codes else max(codes, default=ExitCode.PASSED)


def _review_one(repository: Repository, target: Target, settings: Settings, what: str, *, keep: bool) -> int:
    from reviewer.cli import common
    from reviewer.config.repository import from_worktree
    from reviewer.errors import EngineError
    from reviewer.report.emit import emit
    from reviewer.review import review as make_review
    from reviewer.selection.source import from_repository
    from reviewer.terminal import output

    began = time.monotonic()
    deadline = settings.hook_deadline
    # At least half of the time is left for the answers.
    source = from_repository(repository, target, deadline=None if deadline is None else deadline / 2)
    if not source.change.files:
        return ExitCode.PASSED
    left = None if deadline is None else max(0.0, deadline - (time.monotonic() - began))
    try:
        review = make_review(
            source,
            settings,
            from_worktree(repository),
            wait=settings.hook_budget,
            deadline=left,
        )
    except EngineError as problem:
        if settings.require:
            raise
        output.note(f"{_in_one_line(problem)}; {what} goes on, unreviewed")
        return ExitCode.PASSED
    if review.unavailable is not None:
        if settings.require:
            emit(review, settings)
            raise review.unavailable
        output.note(f"{_in_one_line(review.unavailable)}; reporting rules and analyzers alone")
    kept = keep and common.keep(repository, target, source, review)
    advisory = settings.fail_on is None and not settings.require
    verdict = emit(review, settings, advisory=advisory, offers=kept)
    # An engine that is too slow to read everything stops nothing either, unless the review is required.
    return ExitCode.PASSED if verdict is ExitCode.INCOMPLETE and not settings.require else verdict


def _in_one_line(problem: EngineError) -> str:
    message = " ".join(problem.message.split())
    advice = " ".join((problem.hint or "").partition("\n")[0].split())
    return f"{message} ({advice})" if advice else message
