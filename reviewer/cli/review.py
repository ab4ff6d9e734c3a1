"""``reviewer review``: review what is staged, a commit, a range, a patch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import options
from reviewer.errors import GitError, UsageError

if TYPE_CHECKING:
    from reviewer.git import Repository, Target
    from reviewer.selection.source import ChangeSource

_EPILOG = """\b
Examples:
  reviewer review                        what is staged
  reviewer review --worktree             what is not staged yet
  reviewer review HEAD                   the newest commit
  reviewer review main...HEAD            this branch since it left main
  git diff v1 v2 | reviewer review -     any patch
  reviewer review --format json --output review.json --fail-on error HEAD

Without --fail-on a review is advice, and the exit code is 0.
"""


@click.command(epilog=_EPILOG)
@click.argument("revision", required=False, metavar="[REVISION|RANGE|-]")
@click.option("--staged", is_flag=True, help="What git commit would record.")
@click.option("--worktree", is_flag=True, help="What is changed and not staged.")
@click.option("--patch", metavar="FILE", help="A patch from a file; - reads standard input.")
@options.format_option
@options.sarif_option
@click.option("--output", "destination", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@options.gate_options
@options.model_options
@options.install_option
@options.review_options
def review(
    revision: str | None,
    *,
    staged: bool,
    worktree: bool,
    patch: str | None,
    destination: Path | None,
    sarif: tuple[Path, ...],
    install: bool,
    **flags: Any,
) -> int:
    """Review a change: explain it, find defects, suggest fixes.

    REVISION is a commit, A..B or A...B is a range, - is a patch on standard input. Without any, what is staged.
    A merge is reviewed where it differs from all its parents.
    """
    from reviewer.cli import common
    from reviewer.config.repository import from_worktree
    from reviewer.git import TargetKind
    from reviewer.report.emit import emit
    from reviewer.review import review as make_review
    from reviewer.selection.source import from_repository

    if sum((revision is not None, staged, worktree, patch is not None)) > 1:
        raise click.UsageError("REVISION, --staged, --worktree and --patch exclude each other")
    patch = "-" if revision == "-" else patch
    repository = _repository() if patch is None else common.here()
    settings = common.load_settings(repository, options.as_flags(flags))
    if patch is not None or repository is None:
        target, source = _from_patch(patch or "-")
    else:
        target = target_of(repository, revision, staged=staged, worktree=worktree)
        source = from_repository(repository, target)
    result = make_review(source, settings, from_worktree(repository), install=install, sarif=sarif)
    kept = repository is not None and common.keep(repository, target, source, result)
    verdict = emit(result, settings, destination, offers=kept and target.kind is not TargetKind.PATCH)
    return common.settled(result, verdict)


def _repository() -> Repository:
    from reviewer.git import Repository

    return Repository.discover()


def _from_patch(name: str) -> tuple[Target, ChangeSource]:
    from reviewer.git import Target, read_patch
    from reviewer.selection.source import from_patch

    if name == "-" and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError("a patch is expected on standard input", hint="git diff | reviewer review -")
    target = Target.of_patch("patch on standard input" if name == "-" else name)
    return target, from_patch(read_patch(name), target.subject)


def target_of(repository: Repository, revision: str | None, *, staged: bool = False, worktree: bool = False) -> Target:
    """What a person means by a revision, or by none: what is staged.

    Raises:
        UsageError: Nothing is staged, or a file was named.
        GitError: There is no such revision.
    """
    if worktree:
        return repository.target(None, staged=False)
    if revision is None:
        if not staged and not repository.has_staged_changes():
            raise UsageError("nothing is staged", hint=_WAYS)
        return repository.target(None, staged=True)
    try:
        return repository.target(revision, staged=False)
    except GitError as problem:
        if Path(revision).is_file():
            hint = f"a patch: reviewer review --patch {revision}\nto explain it: reviewer explain {revision}"
            raise UsageError(f"{revision} is a file, not a revision", hint=hint) from problem
        raise


_WAYS = """\
git add FILE                  then: reviewer review
reviewer review --worktree    what is changed and not staged
reviewer review HEAD          the newest commit
reviewer review main...HEAD   this branch"""
