"""``reviewer hook``: run by git hooks, native or through pre-commit.

A hook never asks anything, needs no terminal, is quick if there is nothing to do, and lets git continue if it cannot
review, unless a review is required.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import options
from reviewer.errors import ExitCode, in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

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
_ANCESTORS = 8  # the hook script, pre-commit and shells stand between git and this process
_SHORT_QUIET = re.compile(r"-[aenpsv]*q[aenpsv]*[mCcFtu]?.*", re.DOTALL)  # options without a value before the q
_UNREVIEWED = "reviewer: continuing without a review"


@dataclass(frozen=True, slots=True)
class _How:
    """How a hook reviews its targets.

    Attributes:
        quiet: Print nothing if nothing was found.
        verbose: Say what was looked at even if there is nothing to review.
        only: Paths to which the review is restricted; None reviews all.
        is_commit: Whether the target is the commit that git is about to make.
        keep: Whether to store the review for ``reviewer apply``.
    """

    quiet: bool = False
    verbose: bool = False
    only: frozenset[str] | None = None
    is_commit: bool = False
    keep: bool = True


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
    if flags["background"] and _gated(flags):
        raise click.UsageError("--background cannot be combined with --fail-on or --require")
    how = _How(quiet=quiet, verbose=verbose, only=frozenset(names) if _in_framework() and names else None)
    start, end = os.environ.get("PRE_COMMIT_FROM_REF"), os.environ.get("PRE_COMMIT_TO_REF")
    if _in_framework() and start and end:
        return _run(flags, lambda repository: [repository.merge_base_target(start, end)], how)
    if how.only is not None and not _are_staged(how.only):
        _refuse_too_many(names, max_files)
        return _run(flags, lambda repository: [_whole_files(repository, names)], how)
    if not _anything_staged():
        if verbose:
            click.echo("reviewer: nothing to review: no staged changes", err=True)
        return ExitCode.PASSED
    if flags["background"]:
        return _leave_for_later()
    return _run(flags, lambda repository: [repository.target(None, staged=True)], replace(how, is_commit=True))


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

    return _run(flags, targets, _How(quiet=quiet, verbose=verbose))


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


def _run(flags: Mapping[str, Any], targets: Callable[[Repository], Iterable[Target]], how: _How) -> int:
    """Review, and stop git only as requested."""
    from reviewer.cli.boundary import guarded

    code = guarded(lambda: _review(options.as_flags(dict(flags)), targets, how))
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


def _review(flags: Mapping[str, object], targets: Callable[[Repository], Iterable[Target]], how: _How) -> int:
    from reviewer.cli import common
    from reviewer.git import Repository

    flags = {name: value for name, value in flags.items() if name != "background" or how.is_commit}
    repository = Repository.discover()
    settings = common.load_settings(repository, {**flags, "format": "text"})
    # A gate takes precedence; it would be off silently otherwise.
    if how.is_commit and settings.background and settings.fail_on is None and not settings.require:
        return _leave_for_later()
    all_targets = list(targets(repository))
    # Finding ids are unique within one review only.
    how = replace(how, keep=len(all_targets) == 1)
    codes = [_review_one(repository, one, settings, how) for one in all_targets]
    # Findings take precedence over an incomplete review, as in the gate.
    return ExitCode.FINDINGS if ExitCode.FINDINGS in codes else max(codes, default=ExitCode.PASSED)


def _review_one(repository: Repository, target: Target, settings: Settings, how: _How) -> int:
    from reviewer.cli import common
    from reviewer.errors import EngineError
    from reviewer.report.emit import emit, is_clean
    from reviewer.terminal import output

    only = _changed_on_both_sides(repository, target, how.only) if how.is_commit else how.only
    limits: dict[str, Any] = {"wait": settings.hook_budget, "deadline": settings.hook_deadline}
    try:
        source, review = common.review_target(repository, target, settings, only=only, **limits)
    except EngineError as problem:
        if settings.require:
            raise
        output.note(f"{problem.one_line}; continuing without a review")
        return ExitCode.PASSED
    if not source.change.files:
        if how.verbose:
            output.note(f"nothing to review in {target.subject}")
        return ExitCode.PASSED
    if review.unavailable is not None:
        if settings.require:
            emit(review, settings)
            raise review.unavailable
        output.note(f"{review.unavailable.one_line}; reporting rules and analyzers only")
    kept = how.keep and common.keep(repository, target, source, review)
    advisory = settings.fail_on is None and not settings.require
    quiet = is_clean(review) and not how.verbose and (how.quiet or _git_is_quiet())
    verdict = emit(review, settings, root=repository.root, advisory=advisory, offers=kept, quiet=quiet)
    # An incomplete review stops git only if a review is required.
    return ExitCode.PASSED if verdict is ExitCode.INCOMPLETE and not settings.require else verdict


def _changed_on_both_sides(
    repository: Repository, target: Target, only: frozenset[str] | None
) -> frozenset[str] | None:
    """Restrict a merge commit to the files that differ from all its parents: the others were reviewed before.

    git merge names the merged commits for its pre-merge-commit hook in variables ``GITHEAD_<commit>``.
    """
    from reviewer.git.pathspec import changed_paths

    others = [name.removeprefix("GITHEAD_") for name in os.environ if name.startswith("GITHEAD_")]
    for other in others:
        changed = changed_paths(repository, replace(target, base=repository.resolve(other)))
        only = changed if only is None else only & changed
    return only


def _git_is_quiet() -> bool:
    """Whether the git command that runs this hook was called with ``-q``, which it does not pass on."""
    import psutil

    try:
        for parent in psutil.Process().parents()[:_ANCESTORS]:
            command, *args = parent.cmdline() or [""]
            if Path(command).name.removesuffix(".exe") == "git" and {"commit", "merge", "push"} & set(args):
                return any(arg == "--quiet" or _SHORT_QUIET.fullmatch(arg) for arg in args)
    except (psutil.Error, OSError):
        pass
    return False
