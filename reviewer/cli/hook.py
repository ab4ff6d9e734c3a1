"""``reviewer hook``: run by git hooks, native or through pre-commit.

A hook never asks anything, needs no terminal, is quick if there is nothing to do, and lets git continue if it cannot
review, unless a review is required.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import options
from reviewer.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reviewer.config import Settings
    from reviewer.git import Repository, Target

# What git records in a commit: no changes inside submodules, no intent-to-add entries.
_ANYTHING_STAGED = (
    "diff-index",
    "--cached",
    "--quiet",
    "--ignore-submodules=dirty",
    "--ita-invisible-in-index",
    "HEAD",
)


_WORK = "work"
_UNREVIEWED = "reviewer: continuing without a review"


@click.group()
@click.pass_context
def hook(ctx: click.Context) -> None:
    """Review from a git hook; set one up with reviewer install."""
    if ctx.invoked_subcommand != _WORK:  # its output goes to a log
        from reviewer.deferred.worker import tell_news

        tell_news()


@hook.command("pre-commit")
@click.option("--background/--no-background", default=None, help="Do not wait; review the commit in the background.")
@options.gate_options
@options.model_options
@options.review_options
@click.argument("ignored", nargs=-1, type=click.UNPROCESSED)
def pre_commit(ignored: tuple[str, ...], **flags: Any) -> int:  # noqa: ARG001 - file names, which some tools pass
    """Review what git commit is about to record."""
    if flags["background"] and _gated(flags):
        raise click.UsageError("--background cannot be combined with --fail-on or --require")
    if not _anything_staged():
        return ExitCode.PASSED
    if flags["background"]:
        return _leave_for_later()
    return _run(flags, lambda repository: [repository.target(None, staged=True)], is_commit=True)


@hook.command("prepare-commit-msg")
@options.model_options
@options.change_options
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("source", required=False)
@click.argument("ignored", nargs=-1, type=click.UNPROCESSED)
def prepare_commit_msg(file: Path, source: str | None, ignored: tuple[str, ...], **flags: Any) -> int:  # noqa: ARG001 - the commit that is amended
    """Write a suggested commit message into FILE, which git then opens in the editor.

    Only for a plain git commit, and only if FILE has no text yet. Never stops a commit.
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
def post_commit(ignored: tuple[str, ...], **flags: Any) -> int:  # noqa: ARG001 - file names, which some tools pass
    """Start the review of the commit that was just made, and return at once."""
    from reviewer.deferred import worker

    try:
        commit = worker.queue(options.as_flags(flags))
    except OSError as problem:
        click.echo(f"reviewer: cannot start the background review: {problem}", err=True)
        return ExitCode.PASSED
    if commit is not None:
        click.echo(f"reviewer: reviewing {commit} in the background (reviewer show {commit})", err=True)
    return ExitCode.PASSED


@hook.command(_WORK, hidden=True)
def work() -> None:
    """Make the waiting reviews; started by post-commit."""
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

    return _run(flags, targets)


def _anything_staged() -> bool:
    """Ask git before anything slow is imported; a failure (no commit yet, no repository) counts as yes."""
    try:
        env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
        done = subprocess.run(("git", *_ANYTHING_STAGED, "--"), check=False, capture_output=True, env=env)
    except OSError:
        return True
    return done.returncode != 0


def _run(
    flags: Mapping[str, Any], targets: Callable[[Repository], Iterable[Target]], *, is_commit: bool = False
) -> int:
    """Review, and stop git only as requested."""
    from reviewer.cli.boundary import guarded

    code = guarded(lambda: _review(options.as_flags(dict(flags)), targets, is_commit=is_commit))
    # A broken configuration or a bug stops git only if the hook's own command line sets a gate: what the configuration
    # would set is unknown then.
    if code in (ExitCode.USAGE, ExitCode.BUG) and not _gated(flags):
        click.echo(_UNREVIEWED, err=True)
        return ExitCode.PASSED
    return code


def _gated(flags: Mapping[str, Any]) -> bool:
    """Whether the hook's own command line sets a gate."""
    return bool(flags["require"]) or flags["fail_on"] not in (None, "never")


def _leave_for_later() -> int:
    from reviewer.deferred import worker

    worker.leave_for_later()
    return ExitCode.PASSED


def _review(flags: Mapping[str, object], targets: Callable[[Repository], Iterable[Target]], *, is_commit: bool) -> int:
    from reviewer.cli import common
    from reviewer.git import Repository

    repository = Repository.discover()
    settings = common.load_settings(repository, {**flags, "format": "text"})
    # A gate takes precedence; it would be off silently otherwise.
    if is_commit and settings.background and settings.fail_on is None and not settings.require:
        return _leave_for_later()
    all_targets = list(targets(repository))
    # Finding ids are unique within one review only.
    codes = [_review_one(repository, one, settings, keep=len(all_targets) == 1) for one in all_targets]
    # Findings take precedence over an incomplete review, as in the gate.
    return ExitCode.FINDINGS if ExitCode.FINDINGS in codes else max(codes, default=ExitCode.PASSED)


def _review_one(repository: Repository, target: Target, settings: Settings, *, keep: bool) -> int:
    from reviewer.cli import common
    from reviewer.errors import EngineError
    from reviewer.report.emit import emit
    from reviewer.terminal import output

    how = {"wait": settings.hook_budget, "deadline": settings.hook_deadline}
    try:
        source, review = common.review_target(repository, target, settings, **how)
    except EngineError as problem:
        if settings.require:
            raise
        output.note(f"{problem.one_line}; continuing without a review")
        return ExitCode.PASSED
    if not source.change.files:
        return ExitCode.PASSED
    if review.unavailable is not None:
        if settings.require:
            emit(review, settings)
            raise review.unavailable
        output.note(f"{review.unavailable.one_line}; reporting rules and analyzers only")
    kept = keep and common.keep(repository, target, source, review)
    advisory = settings.fail_on is None and not settings.require
    verdict = emit(review, settings, advisory=advisory, offers=kept)
    # An incomplete review stops git only if a review is required.
    return ExitCode.PASSED if verdict is ExitCode.INCOMPLETE and not settings.require else verdict
