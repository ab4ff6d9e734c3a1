"""Background reviews: queued by the post-commit hook, made by a detached process, announced by later commands.

One worker at a time serves a working tree, newest commit first, so ten commits in a row start one worker. It reads
commits only, so the index and the files may change meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from reviewer import files
from reviewer.deferred.pending import Pending, PendingReviews, State, git_dir_around

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.git import Repository

_LOCK = "worker.lock"
_WAIT = 2.0  # seconds for the lock: longer than is_served holds it
_ATTEMPTS = 2  # a review that was interrupted this often (killed, out of memory) is not started again
# Variables of the one git command that runs the hook; the worker outlives it.
_OF_THE_HOOK = ("GIT_INDEX_FILE", "GIT_PREFIX", "GIT_EDITOR", "GIT_REFLOG_ACTION")
_SEQUENCES = ("rebase-merge", "rebase-apply")


_FACTS = (("--absolute-git-dir",), ("--show-toplevel",), ("--git-path", "hooks/post-commit"), ("HEAD",))


class Facts(NamedTuple):
    """The working tree that a hook runs in: paths and an object id."""

    git_dir: str
    root: str
    post_commit: str
    head: str


def facts() -> Facts | None:
    """Ask git before anything slow is imported; None if it fails."""
    argv = ("git", "rev-parse", *(word for fact in _FACTS for word in fact))
    try:
        done = subprocess.run(argv, check=False, capture_output=True)
    except OSError:
        return None
    lines = os.fsdecode(done.stdout).split("\n")[:-1]
    if len(lines) > len(Facts._fields):  # a folder's name contains a line feed
        single = [subprocess.run((*argv[:2], *one), check=False, capture_output=True).stdout for one in _FACTS]
        lines = [os.fsdecode(line.removesuffix(b"\n")) for line in single]
    return Facts(*lines) if len(lines) == len(Facts._fields) else None


def leave_for_later() -> None:
    """Let the commit pass; warn if no post-commit hook will start its review."""
    here = facts()
    if here is not None and not os.access(here.post_commit, os.X_OK):
        from reviewer.terminal import output

        output.note("this commit will not be reviewed: no post-commit hook (reviewer install --background)")


def queue(flags: Mapping[str, object]) -> str | None:
    """Start the review of HEAD in a process of its own.

    Args:
        flags: Settings from the hook's command line.

    Returns:
        The commit's short id; None if there is nothing to do now, as during a rebase.

    Raises:
        OSError: The git folder cannot be written, or no process can be started.
    """
    here = facts()
    if here is None:
        return None
    git_dir = Path(here.git_dir)
    if any((git_dir / name).is_dir() for name in _SEQUENCES):
        return None
    reviews = PendingReviews(git_dir)
    pending = Pending(here.head, flags=flags)
    reviews.put(pending)
    _start(reviews, Path(here.root))
    return pending.short


def work() -> None:
    """Make every waiting review of this working tree; return at once if another process is doing so."""
    from filelock import FileLock, Timeout

    from reviewer.git import Repository

    repository = Repository.discover()
    reviews = PendingReviews(repository.git_dir)
    # A worker started while the lock is held exits, so look for its commit after releasing the lock.
    while reviews.waiting():
        try:
            with FileLock(reviews.home / _LOCK, timeout=_WAIT):
                _serve(repository, reviews)
        except Timeout:
            return


def is_served(git_dir: Path) -> bool:
    """Whether a worker is running."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(PendingReviews(git_dir).home / _LOCK, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def tell_news() -> None:
    """Announce reviews that finished or failed since the last command, one line each."""
    try:
        git_dir = git_dir_around(Path.cwd(), os.environ)
    except OSError:
        return
    if git_dir is None:
        return
    reviews = PendingReviews(git_dir)
    for one in reviews.news():
        from reviewer.terminal import output

        what = "is ready" if one.state is State.READY else "failed"
        output.note(f"the review of {one.short} {what}: {one.detail}; reviewer show {one.short}")
        reviews.mark_told(one)


def _start(reviews: PendingReviews, root: Path) -> None:
    from reviewer import processes

    env = {name: value for name, value in os.environ.items() if name not in _OF_THE_HOOK}
    for name in ("GIT_DIR", "GIT_WORK_TREE"):
        if name in env:  # may be relative to the hook's folder
            env[name] = str(reviews.home.parent if name == "GIT_DIR" else root)
    # -P: never import from the repository under review.
    argv = [sys.executable, "-P", "-m", "reviewer", "hook", "work"]
    # Created for its owner only, whatever the umask: errors of git quote names.
    handle = os.open(reviews.home / "worker.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, files.PRIVATE)
    with os.fdopen(handle, "ab") as log:
        log.truncate(0)
        processes.start_detached(argv, env=env, cwd=root, output=log)


def _serve(repository: Repository, reviews: PendingReviews) -> None:
    while waiting := reviews.waiting():
        pending = waiting[0]
        if not _still_stands(repository, pending.commit):
            reviews.remove(pending.commit)
        elif pending.attempts >= _ATTEMPTS:
            reviews.put(pending.now(State.FAILED, "interrupted twice"))
        else:
            _make(repository, reviews, pending.now(State.RUNNING))


def _still_stands(repository: Repository, commit: str) -> bool:
    """Whether HEAD, a branch or a tag still contains a commit; one that was amended away is not reviewed."""
    git = repository.command
    if git.attempt("merge-base", "--is-ancestor", commit, "HEAD").status == 0:
        return True
    found = git.attempt("for-each-ref", "--count=1", f"--contains={commit}", "refs/heads", "refs/tags", "refs/remotes")
    return found.status == 0 and bool(found.out)


def _make(repository: Repository, reviews: PendingReviews, pending: Pending) -> None:
    from reviewer.errors import ReviewerError

    reviews.put(pending)
    settled = pending.now(State.WAITING)  # for an interrupt: the next worker restarts it
    try:
        settled = pending.now(State.READY, _review(repository, pending))
    except ReviewerError as problem:
        settled = pending.now(State.FAILED, " ".join(problem.message.split()))
    except Exception as problem:
        settled = pending.now(State.FAILED, f"internal error: {type(problem).__name__}")
        raise
    finally:
        if repository.git_dir.is_dir():
            reviews.put(settled)


def _review(repository: Repository, pending: Pending) -> str:
    """Review one commit, store the note and return the counts of findings."""
    from reviewer import config
    from reviewer.config.repository import from_worktree
    from reviewer.deferred.history import History
    from reviewer.deferred.notes import ReviewNotes
    from reviewer.report import summary
    from reviewer.report.emit import render
    from reviewer.report.gate import judge
    from reviewer.review import review as make_review
    from reviewer.selection.source import from_repository

    settings = config.load(repository.root, os.environ, _as_given(pending.flags))
    source = from_repository(repository, repository.target(pending.commit, staged=False))
    with History(repository.git_dir).running(source.change.subject) as observer:
        review = make_review(source, settings, from_worktree(repository, settings.rule_files), observer=observer)
    report = render(review, settings, "json", judge(review, settings), advisory=True)
    ReviewNotes(repository).write(pending.commit, report)
    return summary.counts(review)


def _as_given(flags: Mapping[str, object]) -> dict[str, Any]:
    """Turn JSON's lists back into tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in flags.items()}
