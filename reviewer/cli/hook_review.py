"""Reviews for a git hook: stops git only as requested, and prints nothing where git is quiet."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import options
from reviewer.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reviewer.config import Settings
    from reviewer.git import Repository, Target

_ANCESTORS = 8  # the hook script, pre-commit and shells stand between git and this process
_SHORT_QUIET = re.compile(r"-[aenpsv]*q[aenpsv]*[mCcFtu]?.*", re.DOTALL)  # options without a value before the q
_UNREVIEWED = "reviewer: continuing without a review"


@dataclass(frozen=True, slots=True)
class How:
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


def run(flags: Mapping[str, Any], targets: Callable[[Repository], Iterable[Target]], how: How) -> int:
    """Review, and stop git only as requested."""
    from reviewer.cli.boundary import guarded

    code = guarded(lambda: _review(options.as_flags(dict(flags)), targets, how))
    # A broken configuration or a bug stops git only if the hook's own command line sets a gate: what the configuration
    # would set is unknown then.
    if code in (ExitCode.USAGE, ExitCode.BUG) and not gated(flags):
        click.echo(_UNREVIEWED, err=True)
        return ExitCode.PASSED
    return code


def gated(flags: Mapping[str, Any]) -> bool:
    """Whether the hook's own command line sets a gate."""
    return bool(flags["require"]) or flags["fail_on"] not in (None, "never")


def leave_for_later() -> int:
    """Let the commit pass; the post-commit hook reviews it."""
    from reviewer.deferred import worker

    worker.leave_for_later()
    return ExitCode.PASSED


def _review(flags: Mapping[str, object], targets: Callable[[Repository], Iterable[Target]], how: How) -> int:
    from reviewer.cli import common
    from reviewer.git import Repository

    flags = {name: value for name, value in flags.items() if name != "background" or how.is_commit}
    repository = Repository.discover()
    settings = common.load_settings(repository, {**flags, "format": "text"})
    # A gate takes precedence; it would be off silently otherwise.
    if how.is_commit and settings.background and settings.fail_on is None and not settings.require:
        return leave_for_later()
    all_targets = list(targets(repository))
    # Finding ids are unique within one review only.
    how = replace(how, keep=len(all_targets) == 1)
    codes = [_review_one(repository, one, settings, how) for one in all_targets]
    # Findings take precedence over an incomplete review, as in the gate.
    return ExitCode.FINDINGS if ExitCode.FINDINGS in codes else max(codes, default=ExitCode.PASSED)


def _review_one(repository: Repository, target: Target, settings: Settings, how: How) -> int:
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
