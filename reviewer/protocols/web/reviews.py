"""What ``reviewer serve`` shows: the reviews that a repository holds, and those being made."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import re
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from reviewer import __version__
from reviewer.deferred import worker
from reviewer.deferred.history import History
from reviewer.deferred.notes import ReviewNotes
from reviewer.deferred.pending import PendingReviews, State
from reviewer.errors import GitError, ReviewerError, UsageError
from reviewer.git.command import text
from reviewer.report import RenderOptions, html_report, json_reader, summary, view
from reviewer.report.document import document
from reviewer.selection.source import from_repository
from reviewer.terminal.masking import remembering

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewer.deferred.notes import StoredReview
    from reviewer.deferred.pending import Pending
    from reviewer.finding import Review
    from reviewer.git import Repository

_MOST_NOTES = 200
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_OPTIONS = RenderOptions(advisory=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list.

    Attributes:
        address: Of its page, below the list's; empty where there is none.
        title: What was reviewed.
        made: When, as ISO 8601; may be empty.
        counts: Severities and numbers of findings.
        result: In words.
        where: What it is kept in, for display.
    """

    address: str
    title: str
    made: str
    counts: tuple[tuple[str, int], ...]
    result: str
    where: str

    @property
    def when(self) -> str:
        """``made`` for display, in local time."""
        return _local(self.made)


class Reviews:
    """The reviews of one repository; every method may be called from several threads."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._notes = ReviewNotes(repository)
        self._history = History(repository.git_dir)
        self._pending = PendingReviews(repository.git_dir)

    def version(self) -> str:
        """A text that changes when the list does."""
        try:
            notes = self._repository.command.attempt("rev-parse", "--quiet", "--verify", "refs/notes/reviewer").out
        except GitError:
            notes = b""
        pending = [(one.commit, one.state.value) for one in self._pending.all()]
        known = json.dumps([self._history.names(), pending, notes.decode("ascii", "replace")])
        return hashlib.sha256(known.encode()).hexdigest()[:16]

    def running(self) -> list[dict[str, Any]]:
        """The reviews that are being made: what, what for the moment, and for how many seconds."""
        return [
            {
                "title": view.safe(one.subject),
                "step": view.safe(one.step),
                "seconds": max(0, round(time.time() - one.since)),
            }
            for one in self._history.all_running()
        ]

    def list_page(self) -> str:
        """The list as a page."""
        return document(
            "reviews",
            connect="'self'",
            repository=view.safe(self._repository.root.name),
            root=view.safe_path(str(self._repository.root)),
            version=self.version(),
            entries=self.entries(),
            waiting=self._unfinished(),
            running=self.running(),
            program=__version__,
        )

    def entries(self) -> list[Entry]:
        """Every stored review, newest first; a damaged one is left out."""
        found = [*self._of_notes(), *self._of_working_tree()]
        return sorted(found, key=lambda one: one.made, reverse=True)

    def review_page(self, name: str) -> str:
        """The page of a review of the working tree.

        Raises:
            ReviewerError: There is none of this name.
        """
        past = self._history.read(name)
        return _page(past.review, _local(past.made))

    def commit_page(self, commit: str) -> str:
        """The page of the review in the note of a commit.

        Raises:
            ReviewerError: There is none, or it is damaged.
        """
        stored = self._notes.read(commit) if _COMMIT.fullmatch(commit) else None
        if stored is None:
            raise UsageError(f"there is no stored review of {commit[:10]}")
        review = self._with_code(commit, stored)
        if stored.commit != commit:
            note = f"This is the review of {stored.commit[:10]}; its note was copied to {commit[:10]}."
            review = dataclasses.replace(review, notes=(note, *review.notes))
        return _page(review, _local(stored.made))

    def _with_code(self, commit: str, stored: StoredReview) -> Review:
        try:
            change = from_repository(self._repository, self._repository.target(commit, staged=False)).change
        except GitError:  # the note was fetched without its commit
            change = None
        return json_reader.read(stored.report, change)

    def _of_notes(self) -> Iterable[Entry]:
        notes = self._notes.all(_MOST_NOTES)
        titles = self._titles(notes)
        for commit, note in notes.items():
            entry = self._of_note(commit, note)
            if entry is not None:
                title = f"{commit[:10]} {titles.get(commit, '')}".rstrip()
                yield dataclasses.replace(entry, title=view.safe(title))

    @lru_cache(maxsize=2 * _MOST_NOTES)  # noqa: B019 - one object lives as long as the process
    def _of_note(self, commit: str, note: str) -> Entry | None:  # noqa: ARG002 - the note is the key: it never changes
        try:
            stored = self._notes.read(commit)
            if stored is None:
                return None
            return _entry(f"commit/{commit}", json_reader.read(stored.report), stored.made, "git note")
        except ReviewerError:
            return None

    @lru_cache(maxsize=128)  # noqa: B019
    def _of_file(self, name: str) -> Entry | None:
        try:
            past = self._history.read(name)
        except ReviewerError:
            return None
        return _entry(f"review/{name}", past.review, past.made, "git folder")

    def _of_working_tree(self) -> Iterable[Entry]:
        return (entry for name in self._history.names() if (entry := self._of_file(name)) is not None)

    def _titles(self, commits: Iterable[str]) -> dict[str, str]:
        """The subject lines of those commits that exist here."""
        wanted = "".join(f"{commit}\n" for commit in commits).encode()
        if not wanted:
            return {}
        log = self._repository.command.attempt(
            "log", "--no-walk", "--ignore-missing", "--stdin", "--format=%H %s", stdin=wanted
        )
        return dict(line.partition(" ")[::2] for line in text(log.out).splitlines())

    def _unfinished(self) -> list[tuple[str, str]]:
        """Background reviews without a note yet: the commit, and what became of them."""
        unfinished = [one for one in self._pending.all() if one.state is not State.READY]
        served = bool(unfinished) and worker.is_served(self._repository.git_dir)
        return [(one.short, _state(one, served=served)) for one in unfinished]


def _state(pending: Pending, *, served: bool) -> str:
    if pending.state is State.FAILED:
        return f"failed: {view.safe(pending.detail)}"
    # A worker that has just started does not hold its lock yet.
    return pending.state.value if served or not pending.attempts else "interrupted; the next commit restarts it"


def _local(moment: str) -> str:
    """An ISO 8601 time for display, in local time; empty where it is not one."""
    try:
        return dt.datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return ""


def _page(review: Review, made: str) -> str:
    with remembering(view.secrets(review)):
        return html_report.page(review, _OPTIONS, home="../", made=made)


def _entry(address: str, review: Review, made: str, where: str) -> Entry:
    counts = html_report.counted(review.shown)
    result = summary.counts(review) if review.units else "nothing to review"
    if review.units:
        result += f" · {summary.read_share(review)}"
    return Entry(address, view.safe(review.subject), made, tuple(counts), result, where)
