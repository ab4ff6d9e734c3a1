"""``reviewer review``: review staged changes, a commit, a range or a patch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import completing, options
from reviewer.errors import GitError, UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from reviewer.git import Repository, Target
    from reviewer.selection.source import ChangeSource

_PATHS = "reviewer.paths"

_EPILOG = """\b
Examples:
  reviewer review                        staged changes
  reviewer review --worktree             unstaged changes
  reviewer review HEAD                   the newest commit
  reviewer review HEAD -- src "*.py"     some of its files
  reviewer review main...HEAD            this branch since it left main
  git diff v1 v2 | reviewer review -     a patch
  reviewer review --format json --output review.json --fail-on error HEAD

Without --fail-on, findings do not change the exit code.
"""


class _TakesPaths(click.Command):
    """A command that takes pathspecs after ``--``, as git does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the pathspecs from the command line."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[_PATHS] = tuple(args[at + 1 :])
            args = args[:at]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer files after ``--``."""
        if _PATHS in ctx.meta:
            return completing.places(ctx, self.params[0], incomplete)
        return super().shell_complete(ctx, incomplete)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Name the pathspecs in the usage line."""
        return [*super().collect_usage_pieces(ctx), "[-- PATH...]"]


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer revisions, and files after ``--``."""
    offered = completing.places if _PATHS in context.meta else completing.revisions
    return offered(context, parameter, incomplete)


@click.command(cls=_TakesPaths, epilog=_EPILOG)
@click.argument("revision", required=False, metavar="[REVISION|RANGE|-]", shell_complete=_complete)
@click.option("--staged", is_flag=True, help="Review what git commit would record (default).")
@click.option("--worktree", is_flag=True, help="Review unstaged changes.")
@click.option(
    "--patch", metavar="FILE", shell_complete=completing.places, help="Review a patch file; - reads standard input."
)
@options.format_option
@options.sarif_option
@click.option(
    "--output", "destination", type=click.Path(dir_okay=False, path_type=Path), help="Write the review to this file."
)
@options.quiet_option
@options.stat_option
@options.display_options
@options.pager_option
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
    quiet: bool,
    stat: bool,
    install: bool,
    **flags: Any,
) -> int:
    """Review a change: explain it, find defects, suggest fixes.

    REVISION is a commit (REV or REV^!); A..B, A...B and REV^- are ranges; - is a patch on standard input. Default:
    staged changes. A merge is reviewed where it differs from all its parents, and with REV^- against the first one.
    PATH restricts the review to files that match, as in git diff.
    """
    from reviewer.cli import common
    from reviewer.config.repository import from_worktree
    from reviewer.git import TargetKind
    from reviewer.report.emit import emit
    from reviewer.review import review as make_review

    if sum((revision is not None, staged, worktree, patch is not None)) > 1:
        raise click.UsageError("REVISION, --staged, --worktree and --patch are mutually exclusive")
    patch = "-" if revision == "-" else patch
    paths: tuple[str, ...] = click.get_current_context().meta.get(_PATHS, ())
    if paths and patch is not None:
        raise click.UsageError("a patch cannot be combined with paths")
    repository = _repository() if patch is None else common.here()
    settings = common.load_settings(repository, options.as_flags(flags))
    if stat and settings.format != "text":
        raise click.UsageError("--stat cannot be combined with --format")
    how: dict[str, Any] = {"install": install, "sarif": sarif}
    if patch is not None or repository is None:
        target, source = _from_patch(patch or "-")
        result = make_review(source, settings, from_worktree(repository, settings.rule_files), **how)
    else:
        target = target_of(repository, revision, staged=staged, worktree=worktree)
        source, result = common.review_target(
            repository, target, settings, only=_matching(repository, target, paths), **how
        )
    kept = repository is not None and common.keep(repository, target, source, result)
    root = repository.root if repository else None
    offers = kept and target.kind is not TargetKind.PATCH
    verdict = emit(result, settings, destination, root=root, offers=offers, quiet=quiet, stat=stat, paged=True)
    return common.settled(result, verdict)


def _matching(repository: Repository, target: Target, paths: tuple[str, ...]) -> frozenset[str] | None:
    """The changed files that match pathspecs; None without any.

    Raises:
        UsageError: No changed file matches.
    """
    from reviewer.git.pathspec import changed_paths

    if not paths:
        return None
    found = changed_paths(repository, target, paths)
    if not found:
        raise UsageError(f"no file of {target.subject} matches {' '.join(paths)}")
    return found


def _repository() -> Repository:
    from reviewer.git import Repository

    return Repository.discover()


def _from_patch(name: str) -> tuple[Target, ChangeSource]:
    from reviewer.git import Target, read_patch
    from reviewer.selection.source import from_patch

    if name == "-" and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError("standard input is a terminal, not a patch", hint="git diff | reviewer review -")
    target = Target.of_patch("patch on standard input" if name == "-" else name)
    return target, from_patch(read_patch(name), target.subject)


def target_of(repository: Repository, revision: str | None, *, staged: bool = False, worktree: bool = False) -> Target:
    """Resolve a revision; without one, staged changes.

    Raises:
        UsageError: Nothing is staged, or the name is a file.
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
            hint = f"a patch: reviewer review --patch {revision}\nchanges of a file: reviewer review -- {revision}"
            raise UsageError(f"{revision} is a file, not a revision", hint=hint) from problem
        raise


_WAYS = """\
git add FILE                  stage a change
reviewer review --worktree    review unstaged changes
reviewer review HEAD          review the newest commit
reviewer review main...HEAD   review this branch"""
