"""Notes written and read by real git."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from reviewer.deferred.notes import REF, ReviewNotes
from reviewer.errors import GitError
from reviewer.git import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repo import Repo

REPORT = json.dumps({"schema_version": "1.0", "subject": "tab\tand line\n\n\n\ntrailing   \n# no comment\u00e9"})


@pytest.fixture
def notes(repo: Repo) -> ReviewNotes:
    repo.commit("first", {"a.py": "x = 1\n"})
    return ReviewNotes(Repository.discover(repo.root))


def test_written_and_read(repo: Repo, notes: ReviewNotes) -> None:
    head = repo.head()
    assert notes.read(head) is None
    notes.write(head, REPORT)
    stored = notes.read(head)
    assert stored is not None
    assert stored.commit == head
    assert stored.report == json.loads(REPORT)
    notes.write(head, json.dumps({"second": True}))
    again = notes.read(head)
    assert again is not None
    assert again.report == {"second": True}
    assert json.loads(repo.git("notes", "--ref=reviewer", "show", "HEAD"))["vllm-reviewer"] == 1


def test_nothing_else_is_touched(repo: Repo, notes: ReviewNotes, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.git("notes", "add", "-m", "theirs", "HEAD")
    repo.git("config", "core.notesRef", "refs/notes/other")
    monkeypatch.setenv("GIT_NOTES_REF", "refs/notes/third")
    repo.stage({"a.py": "x = 2\n"})
    repo.write({"a.py": "x = 3\n"})
    index = (repo.root / ".git" / "index").read_bytes()
    before = repo.git("for-each-ref")
    notes.write(repo.head(), REPORT)
    assert (repo.root / ".git" / "index").read_bytes() == index
    assert (repo.root / "a.py").read_text() == "x = 3\n"
    after = repo.git("for-each-ref").decode().splitlines()
    assert [line for line in after if not line.endswith(REF)] == before.decode().splitlines()
    assert len(after) == len(before.decode().splitlines()) + 1


@pytest.mark.parametrize("text", ["theirs", "[1]", "{}", '{"vllm-reviewer": 2, "report": {}}', "[" * 100_000])
def test_a_note_that_is_not_ours_stays(repo: Repo, notes: ReviewNotes, text: str) -> None:
    repo.git("notes", "--ref=reviewer", "add", "-F", "-", "HEAD", data=text.encode())
    before = repo.git("notes", "--ref=reviewer", "show", "HEAD")
    with pytest.raises(GitError, match="is not a review"):
        notes.read(repo.head())
    with pytest.raises(GitError, match="left unchanged"):
        notes.write(repo.head(), REPORT)
    assert repo.git("notes", "--ref=reviewer", "show", "HEAD") == before


def test_notes_written_at_once_are_all_kept(repo: Repo, notes: ReviewNotes, tmp_path: Path) -> None:
    commits = [repo.commit(f"{number}", {"a.py": f"x = {number}\n"}) for number in range(6)]
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = ReviewNotes(Repository.discover(tmp_path / "side"))
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda pair: pair[0].write(pair[1], REPORT), zip([notes, side] * 3, commits, strict=True)))
    assert all(notes.read(commit) is not None for commit in commits)


def test_no_name_and_a_signing_key_are_no_hindrance(repo: Repo, notes: ReviewNotes) -> None:
    repo.git("config", "user.useConfigOnly", "true")
    repo.git("config", "commit.gpgSign", "true")
    repo.git("config", "gpg.program", "false")
    notes.write(repo.head(), REPORT)
    assert repo.git("log", "-1", "--format=%an", REF).decode().strip() == "vllm-reviewer"


def test_an_amended_commit_has_its_own(repo: Repo, notes: ReviewNotes) -> None:
    first = repo.head()
    notes.write(first, REPORT)
    repo.git("commit", "-q", "--amend", "-m", "amended")
    assert notes.read(repo.head()) is None
    assert notes.read(first) is not None
