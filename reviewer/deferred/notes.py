"""Reviews kept as git notes on the commits that they are about, under ``refs/notes/reviewer``.

A note stays with its commit: an amended or rebased commit is another one, and has its own. The note is JSON::

    {"vllm-reviewer": 1, "commit": "…", "made": "2026-01-02T03:04:05+00:00", "report": {…}}

``report`` is what ``reviewer review --format json`` writes. Where ``notes.rewriteRef`` copies notes to an amended
commit, ``commit`` still names the one that was read.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer.errors import GitError
from reviewer.git.command import Command, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.git import Repository

REF = "refs/notes/reviewer"
_KEY = "vllm-reviewer"
_VERSION = 1
_WAIT = 30.0  # seconds for another process of ours that writes a note
# The notes are commits of their own; they are ours, and the user may have set no name.
_IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "vllm-reviewer"), ("EMAIL", "vllm-reviewer@localhost"))
}


@dataclass(frozen=True, slots=True)
class StoredReview:
    """A note as it was read.

    Attributes:
        commit: The commit that was reviewed.
        made: When, as ISO 8601.
        report: The JSON report; untrusted, since notes can be fetched from others.
    """

    commit: str
    made: str
    report: Mapping[str, Any]


class ReviewNotes:
    """The stored reviews of one repository.

    Args:
        repository: Its objects and its notes are shared by all its working trees.
    """

    def __init__(self, repository: Repository) -> None:
        self._git = Command(repository.root, {"GIT_DIR": str(repository.git_dir), **_IDENTITY})
        self._lock = repository.common_dir / "reviewer" / "notes.lock"

    def read(self, commit: str) -> StoredReview | None:
        """Return the review of a commit, by its object id; None where there is none.

        Raises:
            GitError: The note is not one of ours, or is damaged.
        """
        data = self._raw(commit)
        if data is None:
            return None
        found = _parse(data)
        if found is None:
            raise GitError(
                f"the note of {commit[:10]} in {REF} is no review",
                hint=f"git notes --ref=reviewer show {commit[:10]}",
            )
        return found

    def write(self, commit: str, report: str) -> None:
        """Store the review of a commit, in place of an earlier one of ours.

        Args:
            commit: Object id.
            report: The JSON report.

        Raises:
            GitError: Git refuses, or there is a note in its place that is not ours.
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
            # Git itself does not look whether the notes changed between its reading and its writing of them.
            with FileLock(self._lock, timeout=_WAIT):
                earlier = self._raw(commit)
                if earlier is not None and _parse(earlier) is None:
                    raise GitError(f"{commit[:10]} has a note in {REF} that is no review; it is left as it is")
                self._git.run("notes", f"--ref={REF}", "add", "-f", "-F", "-", commit, stdin=note)
        except Timeout as problem:
            raise GitError(f"another process holds {self._lock}") from problem
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
        document = json.loads(data)
        version, report = document[_KEY], document["report"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if version != _VERSION or not isinstance(report, dict):
        return None
    return StoredReview(str(document.get("commit", "")), str(document.get("made", "")), report)
