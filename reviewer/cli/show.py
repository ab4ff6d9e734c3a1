"""``reviewer show``: the stored review of a commit."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import completing, options
from reviewer.errors import ExitCode, ReviewerError, ReviewIncompleteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from reviewer.deferred.notes import StoredReview
    from reviewer.deferred.pending import Pending
    from reviewer.finding import Review
    from reviewer.git import Repository

_STARTING = 30.0  # seconds that a worker may take to start

_EPILOG = """\b
Examples:
  reviewer show                            the newest commit's review
  reviewer show abc1234 --format markdown
  git log --notes=reviewer                 all stored reviews, as JSON

The hooks of reviewer install --background store reviews as git notes in refs/notes/reviewer.
Exit codes: 0 shown, 2 no review, 5 not finished or failed.
"""


@click.command(epilog=_EPILOG)
@click.argument("revision", default="HEAD", metavar="[REVISION]", shell_complete=completing.revisions)
@options.format_option
@options.stat_option
@options.display_options
@options.pager_option
def show(revision: str, *, stat: bool, **flags: Any) -> int:
    """Show the stored review of a commit."""
    from reviewer.cli import common
    from reviewer.deferred import worker
    from reviewer.deferred.notes import ReviewNotes
    from reviewer.git import Repository

    repository = Repository.discover()
    commit = repository.resolve(revision)
    # In this order, so that a review that finishes in between is found as a note.
    absence = _absence(repository, commit)
    stored = ReviewNotes(repository).read(commit)
    if stored is None:
        raise absence
    _mark_told(repository, commit)
    # Showing a review never fails by its findings.
    settings = common.load_settings(repository, {**options.as_flags(flags), "fail_on": "never", "require": False})
    _show(repository, commit, stored, settings, stat=stat)
    worker.tell_news()
    return ExitCode.PASSED


def _show(repository: Repository, commit: str, stored: StoredReview, settings: Any, *, stat: bool) -> None:
    from reviewer.cli import common
    from reviewer.report import json_reader
    from reviewer.report.emit import emit
    from reviewer.selection.source import from_repository
    from reviewer.terminal import output
    from reviewer.terminal.masking import remembering

    if stat and settings.format != "text":
        raise click.UsageError("--stat cannot be combined with --format")
    if stored.commit != commit:
        output.note(f"this is the review of {stored.commit[:10]}; its note was copied to {commit[:10]}")
    if settings.format == "json":
        import json

        output.say(json.dumps(stored.report, indent=2))
        return
    target = repository.target(commit, staged=False)
    source = from_repository(repository, target)
    review = json_reader.read(stored.report, source.change)
    note = f"Stored {stored.made} for {stored.commit[:10]}."
    # The note names no secret, but the code is that of the commit.
    with remembering(_detected(review, source.read)):
        kept = common.keep(repository, target, source, review, _masked(review, stored.report))
        noted = dataclasses.replace(review, notes=(note, *review.notes))
        emit(noted, settings, root=repository.root, offers=kept, paged=True, stat=stat)


def _detected(review: Review, read: Callable[[str], str | None]) -> frozenset[str]:
    from reviewer.evidence.collect import detected_secrets
    from reviewer.finding import Category

    paths = {one.path for one in review.findings if one.category is Category.SECURITY}
    return frozenset[str]().union(*(detected_secrets(path, read(path) or "") for path in paths))


def _masked(review: Review, report: Mapping[str, Any]) -> frozenset[str]:
    """The ids of findings whose suggestion had a secret masked before it was stored.

    The stored ids are not used: a report of an earlier version has others.
    """
    from reviewer.report import view

    ids = view.ids(review)
    both = zip(review.findings, report["findings"], strict=True)
    suggested = [(finding, one["suggestion"]) for finding, one in both if finding.shown and one["suggestion"]]
    return frozenset(ids[id(finding)] for finding, suggestion in suggested if suggestion.get("masked", True))


def _mark_told(repository: Repository, commit: str) -> None:
    from reviewer.deferred.pending import PendingReviews

    reviews = PendingReviews(repository.git_dir)
    pending = reviews.get(commit)
    if pending is not None:
        reviews.mark_told(pending)


def _absence(repository: Repository, commit: str) -> ReviewerError:
    """Why a commit may have no review: none was requested, or it is unfinished, was interrupted or failed."""
    from reviewer.deferred.pending import PendingReviews, State

    short = commit[:10]
    now = f"review it now: reviewer review {short}"
    # Each working tree has its own queue; the notes are shared.
    for folder in dict.fromkeys(
        [repository.git_dir, repository.common_dir, *repository.common_dir.glob("worktrees/*")]
    ):
        reviews = PendingReviews(folder)
        pending = reviews.get(commit)
        if pending is None or pending.state is State.READY:
            continue
        if pending.state is State.FAILED:
            reviews.mark_told(pending)
            return ReviewIncompleteError(f"the review of {short} failed: {pending.detail}", hint=now)
        return _unfinished(folder, pending, now)
    return UsageError(f"there is no stored review of {short}", hint=now)


def _unfinished(git_dir: Path, pending: Pending, now: str) -> ReviewerError:
    from reviewer.deferred import worker
    from reviewer.deferred.pending import State

    seconds = time.time() - pending.since
    # A worker that has just started does not hold its lock yet.
    if not worker.is_served(git_dir) and (pending.attempts or seconds > _STARTING):
        what = f"the review of {pending.short} was interrupted; the next commit restarts it"
        return ReviewIncompleteError(what, hint=now)
    doing = "is waiting" if pending.state is State.WAITING else "is running"
    return ReviewIncompleteError(f"the review of {pending.short} {doing} (for {seconds:.0f} s)", hint="try again later")
