"""Reviews stored as git notes on their commits, under ``refs/notes/reviewer``.

The note is JSON::

    {"vllm-reviewer": 1, "commit": "…", "made": "2026-01-02T03:04:05+00:00", "report": {…}}

``report`` is what ``reviewer review --format json`` writes. Where ``notes.rewriteRef`` copies a note to an amended
commit, ``commit`` still names the reviewed one.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer import untrusted
from reviewer.errors import GitError
from reviewer.git.command import Command, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.git import Repository

REF = "refs/notes/reviewer"
_KEY = "vllm-reviewer"
_VERSION = 1
_WAIT = 30.0  # seconds for another process that writes a note
# A note is a commit, and the user may not have configured a name.
_IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "vllm-reviewer"), ("EMAIL", "vllm-reviewer@localhost"))
}


@dataclass(frozen=True, slots=True)
class StoredReview:
    """One note.

    Attributes:
        commit: The commit that was reviewed.
        made: When, as ISO 8601.
        report: The JSON report; untrusted, because notes can be fetched from others.
    """

    commit: str
    made: str
    report: Mapping[str, Any]


class ReviewNotes:
    """The stored reviews of one repository, shared by all its working trees."""

    def __init__(self, repository: Repository) -> None:
        self._git = Command(repository.root, {"GIT_DIR": str(repository.git_dir), **_IDENTITY})
        self._lock = repository.common_dir / "reviewer" / "notes.lock"

    def read(self, commit: str) -> StoredReview | None:
        """Return the review of a commit, by its object id; None if there is none.

        Raises:
            GitError: The note is not a review, or is damaged.
        """
        data = self._raw(commit)
        if data is None:
            return None
        found = _parse(data)
        if found is None:
            raise GitError(
                f"the note of {commit[:10]} in {REF} is not a review",
                hint=f"git notes --ref=reviewer show {commit[:10]}",
            )
        return found

    def all(self, most: int) -> dict[str, str]:
        """The commits with a note and the object ids of these notes; the ``most`` that were written last, newest first.

        Raises:
            GitError: Git failed.
        """
        if self._git.attempt("rev-parse", "--quiet", "--verify", REF).status:
            return {}
        pairs = (line.split() for line in text(self._git.run("notes", f"--ref={REF}", "list")).splitlines())
        notes = {commit: note for note, commit in pairs}
        # Each note is written by a commit of its own; git may put slashes into the names of the files.
        log = self._git.run("log", "--format=", "--name-only", "--no-renames", "--diff-filter=AM", REF)
        written = [name.replace("/", "") for name in text(log).splitlines()]
        order = dict.fromkeys([*(name for name in written if name in notes), *notes])
        return {commit: notes[commit] for commit in list(order)[:most]}

    def write(self, commit: str, report: str) -> None:
        """Store the review of a commit; an earlier review is replaced.

        Args:
            commit: Object id.
            report: The JSON report.

        Raises:
            GitError: Git failed, or the commit has a note that is not a review.
        """
        from filelock import FileLock, Timeout

        document = {
            _KEY: _VERSION,
            "commit": commit,
            "made": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "report": json.loads(report),
        }
        note = (json.dumps(document, indent=1) + "\n").encode("ascii")
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            # git notes does not detect a concurrent change of the notes ref.
            with FileLock(self._lock, timeout=_WAIT):
                earlier = self._raw(commit)
                if earlier is not None and _parse(earlier) is None:
                    raise GitError(f"{commit[:10]} has a note in {REF} that is not a review; it was left unchanged")
                self._git.run("notes", f"--ref={REF}", "add", "-f", "-F", "-", commit, stdin=note)
        except Timeout as problem:
            raise GitError(f"{self._lock} is held by another process") from problem
        except OSError as problem:
            raise GitError(f"cannot write {self._lock}: {problem.strerror}") from problem

    def _raw(self, commit: str) -> bytes | None:
        listed = self._git.attempt("notes", f"--ref={REF}", "list", commit)
        if listed.status:
            if "no note found" in listed.err:
                return None
            raise self._git.refusal(listed)
        return self._git.run("cat-file", "blob", text(listed.out))


def _parse(data: bytes) -> StoredReview | None:
    try:
        document = untrusted.parse_json(data)
        version, report = document[_KEY], document["report"]
    except (ValueError, TypeError, KeyError):
        return None
    if version != _VERSION or not isinstance(report, dict):
        return None
    return StoredReview(str(document.get("commit", "")), str(document.get("made", "")), report)
