"""``reviewer hook``: run by git hooks, native or through pre-commit.

A hook never asks anything, needs no terminal, is quick if there is nothing to do, and lets git continue if it cannot
review, unless a review is required.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import options
from reviewer.cli.hook_review import How, gated, leave_for_later, run
from reviewer.errors import ExitCode, in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

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


def _quiet_options(function: Callable[..., Any]) -> Callable[..., Any]:
    what = "Say what was looked at even if there is nothing to review."
    return options.quiet_option(click.option("--verbose", "-v", is_flag=True, help=what)(function))


@click.group()
@click.pass_context
def hook(ctx: click.Context) -> None:
    """Review from a git hook; set one up with reviewer install."""
    if ctx.invoked_subcommand != _WORK:  # its output goes to a log
        from reviewer.deferred.worker import tell_news

        tell_news()


@click.command("pre-commit")
@click.option("--background/--no-background", default=None, help="Do not wait; review the commit in the background.")
@click.option(
    "--max-files",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    metavar="N",
    help="Fail if pre-commit passes more unchanged files than this, as with --all-files.",
)
@_quiet_options
@options.display_options
@options.gate_options
@options.model_options
@options.review_options
@click.argument("names", nargs=-1, type=click.UNPROCESSED, metavar="[FILE]...")
def pre_commit(names: tuple[str, ...], *, max_files: int, quiet: bool, verbose: bool, **flags: Any) -> int:
    """Review what git commit or git merge is about to record.

    FILE is passed by pre-commit. With --from-ref and --to-ref the range is reviewed, with --all-files and --files the
    whole content of these files.
    """
    if flags["background"] and gated(flags):
        raise click.UsageError("--background cannot be combined with --fail-on or --require")
    how = How(quiet=quiet, verbose=verbose, only=frozenset(names) if _in_framework() and names else None)
    start, end = os.environ.get("PRE_COMMIT_FROM_REF"), os.environ.get("PRE_COMMIT_TO_REF")
    if _in_framework() and start and end:
        return run(flags, lambda repository: [repository.merge_base_target(start, end)], how)
    if how.only is not None and not _are_staged(how.only):
        _refuse_too_many(names, max_files)
        return run(flags, lambda repository: [_whole_files(repository, names)], how)
    if not _anything_staged():
        if verbose:
            click.echo("reviewer: nothing to review: no staged changes", err=True)
        return ExitCode.PASSED
    if flags["background"]:
        return leave_for_later()
    return run(flags, lambda repository: [repository.target(None, staged=True)], replace(how, is_commit=True))


hook.add_command(pre_commit)
hook.add_command(pre_commit, "pre-merge-commit")


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
        click.echo(f"reviewer: cannot start the background review: {in_words(problem)}", err=True)
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
@_quiet_options
@options.display_options
@options.gate_options
@options.model_options
@options.review_options
@click.argument("remote", required=False)
@click.argument("ignored", nargs=-1, type=click.UNPROCESSED)
def pre_push(remote: str | None, ignored: tuple[str, ...], *, quiet: bool, verbose: bool, **flags: Any) -> int:  # noqa: ARG001 - the remote's URL
    """Review what git push is about to send.

    Reads git's lines from standard input, or pre-commit's PRE_COMMIT_FROM_REF and PRE_COMMIT_TO_REF.
    """
    from reviewer.git import pushed

    refs = [] if pushed.from_framework(os.environ) else pushed.read_lines(sys.stdin)

    def targets(repository: Repository) -> Iterable[Target]:
        return pushed.targets(repository, refs, remote, os.environ)

    return run(flags, targets, How(quiet=quiet, verbose=verbose))


def _in_framework() -> bool:
    """Whether pre-commit runs the hook; only then do file names say what to review."""
    return os.environ.get("PRE_COMMIT") == "1"


def _are_staged(names: Collection[str]) -> bool:
    """Whether the names are those of staged files, as in a commit.

    At the end of a merge pre-commit also passes files that are as one side has them.
    """
    if _git("rev-parse", "--quiet", "--verify", "MERGE_HEAD").returncode == 0:
        return True
    listed = _git("diff-index", "--cached", "--name-only", "-z", "--ita-invisible-in-index", "HEAD", "--")
    staged = {os.fsdecode(name) for name in listed.stdout.split(b"\0")}
    return listed.returncode != 0 or staged.issuperset(names)  # before the first commit everything is staged


def _refuse_too_many(names: Collection[str], most: int) -> None:
    """Fail rather than pass what would not be reviewed in time.

    Raises:
        click.UsageError: There are more files than ``most``, or one is not tracked.
    """
    if len(names) > most:
        raise click.UsageError(
            f"pre-commit passed {len(names)} files; the limit is {most}. "
            "Pass fewer with --files, or raise the limit in the hook's args: [--max-files, N]"
        )
    found = _git("--literal-pathspecs", "ls-files", "-z", "--", *names)
    tracked = {os.fsdecode(name) for name in found.stdout.split(b"\0")}
    if untracked := sorted(set(names) - tracked):
        raise click.UsageError(f"git does not track {', '.join(untracked[:5])}; add these files to have them reviewed")


def _whole_files(repository: Repository, names: Collection[str]) -> Target:
    """The whole content of files, as it is staged."""
    from reviewer.git import Target, TargetKind
    from reviewer.git.command import text

    empty_tree = text(repository.command.run("hash-object", "-t", "tree", "--stdin", stdin=b""))
    return Target(TargetKind.STAGED, empty_tree, None, f"all of {len(names)} file{'s' if len(names) > 1 else ''}")


def _git(*args: str) -> subprocess.CompletedProcess[bytes]:
    """Run git before anything slow is imported."""
    return subprocess.run(
        ("git", "-c", "core.fsmonitor=false", *args),
        check=False,
        capture_output=True,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
    )


def _anything_staged() -> bool:
    """Ask git before anything slow is imported; a failure (no commit yet, no repository) counts as yes."""
    try:
        return _git(*_ANYTHING_STAGED, "--").returncode != 0
    except OSError:
        return True
