"""``reviewer show``: the stored review of a commit."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import options
from reviewer.errors import ExitCode, ReviewIncompleteError, UsageError

if TYPE_CHECKING:
    from reviewer.git import Repository
    from reviewer.notes import StoredReview

_EPILOG = """\b
Examples:
  reviewer show                            the newest commit's review
  reviewer show abc1234 --format markdown
  git log --notes=reviewer                 all of them, as they are stored

Reviews are stored by the hooks of reviewer install --background, as git notes in refs/notes/reviewer.
Exit codes: 0 shown, 2 none is stored, 5 it is being made or has failed.
"""


@click.command(epilog=_EPILOG)
@click.argument("revision", default="HEAD", metavar="[REVISION]")
@options.format_option
def show(revision: str, **flags: Any) -> int:
    """Show the review that was stored for a commit."""
    from reviewer.cli import background, common
    from reviewer.git import Repository
    from reviewer.notes import ReviewNotes

    repository = Repository.discover()
    commit = repository.resolve(revision)
    stored = ReviewNotes(repository).read(commit)
    if stored is None:
        _explain_absence(repository, commit)
    else:
        _mark_told(repository, commit)
        # Whatever a gate may be set to, nothing is being stopped here.
        settings = common.load_settings(repository, {**options.as_flags(flags), "fail_on": "never", "require": False})
        _show(repository, commit, stored, settings)
    background.tell_news()
    return ExitCode.PASSED


def _show(repository: Repository, commit: str, stored: StoredReview, settings: Any) -> None:
    from reviewer import diff, output
    from reviewer.cli import common
    from reviewer.report import json_reader

    if settings.format == "json":
        import json

        output.say(json.dumps(stored.report, indent=2))
        return
    if stored.commit != commit:
        output.note(f"this is the review of {stored.commit[:10]}; its note was copied to {commit[:10]}")
    target = repository.target(commit, staged=False)
    review = json_reader.read(stored.report, diff.parse(repository.patch(target), target.subject))
    note = f"Stored {stored.made} for {stored.commit[:10]}."
    common.emit(dataclasses.replace(review, notes=(note, *review.notes)), settings)


def _mark_told(repository: Repository, commit: str) -> None:
    from reviewer.pending import PendingReviews

    reviews = PendingReviews(repository.git_dir)
    pending = reviews.get(commit)
    if pending is not None:
        reviews.mark_told(pending)


def _explain_absence(repository: Repository, commit: str) -> None:
    """Say why a commit has no review.

    Raises:
        UsageError: Nobody asked for one.
        ReviewIncompleteError: It is being made, was cut short or has failed.
    """
    from reviewer.cli import background
    from reviewer.pending import PendingReviews, State

    short = commit[:10]
    again = f"now: reviewer review {short}"
    # Each working tree has a queue of its own; the notes are common to all.
    folders = [repository.git_dir, repository.common_dir, *repository.common_dir.glob("worktrees/*")]
    for folder in dict.fromkeys(folders):
        reviews = PendingReviews(folder)
        pending = reviews.get(commit)
        if pending is None or pending.state is State.READY:
            continue
        if pending.state is State.FAILED:
            reviews.mark_told(pending)
            raise ReviewIncompleteError(f"the review of {short} failed: {pending.detail}", hint=again)
        if not background.is_served(folder):
            raise ReviewIncompleteError(f"the review of {short} was cut short; the next commit resumes it", hint=again)
        doing = "waits for others" if pending.state is State.WAITING else "is being made"
        seconds = time.time() - pending.since
        raise ReviewIncompleteError(f"the review of {short} {doing}, since {seconds:.0f} s", hint="look again later")
    raise UsageError(f"no review of {short} is stored", hint=again)
