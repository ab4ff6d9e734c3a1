from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reviewer.deferred.pending import Pending, PendingReviews, State, git_dir_around

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repo import Repo


@pytest.fixture
def reviews(tmp_path: Path) -> PendingReviews:
    (tmp_path / ".git").mkdir()
    return PendingReviews(tmp_path / ".git")


def test_the_way_of_a_review(reviews: PendingReviews) -> None:
    assert reviews.all() == []
    first = Pending("a" * 40, flags={"model": "m", "include": ["*.py"]})
    reviews.put(first)
    assert reviews.waiting() == [first]
    assert reviews.news() == []
    running = first.now(State.RUNNING)
    reviews.put(running)
    assert (running.attempts, reviews.get("a" * 40)) == (1, running)
    reviews.put(running.now(State.READY, "1 error"))
    (ready,) = reviews.news()
    assert (ready.detail, ready.attempts, reviews.waiting()) == ("1 error", 1, [])
    reviews.mark_told(ready)
    assert reviews.all() == []


def test_the_newest_is_made_first_and_told_last(reviews: PendingReviews) -> None:
    for number in range(3):
        reviews.put(Pending(f"{number}" * 40, since=float(number)))
    assert [one.commit[0] for one in reviews.waiting()] == ["2", "1", "0"]
    for number in range(3):
        reviews.put(Pending(f"{number}" * 40, State.READY, since=float(number)))
    assert [one.commit[0] for one in reviews.news()] == ["0", "1", "2"]


def test_a_failure_is_told_once_and_remembered(reviews: PendingReviews) -> None:
    failed = Pending("b" * 40).now(State.FAILED, "no engine")
    reviews.put(failed)
    reviews.mark_told(failed)
    assert reviews.news() == []
    found = reviews.get("b" * 40)
    assert found is not None
    assert (found.detail, found.told) == ("no engine", True)


def test_failures_do_not_pile_up(reviews: PendingReviews) -> None:
    for number in range(60):
        failed = Pending(f"{number:040}", State.FAILED, since=float(number))
        reviews.put(failed)
        reviews.mark_told(failed)
    assert len(reviews.all()) == 50
    assert reviews.all()[0].commit.endswith("59")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"commit": 1, "state": "boiling"}', '{"commit": "c", "new": 1}']
)
def test_what_another_version_wrote_is_passed_over(reviews: PendingReviews, text: str) -> None:
    reviews.put(Pending("a" * 40))
    (reviews.home / "pending" / f"{'b' * 40}.json").write_text(text)
    assert [one.commit for one in reviews.all()] == ["a" * 40]


def test_a_deleted_repository_is_not_brought_back(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        PendingReviews(tmp_path / "gone" / ".git").put(Pending("a" * 40))
    assert not (tmp_path / "gone").exists()


def test_the_git_folder_is_found_as_git_finds_it(repo: Repo, tmp_path: Path) -> None:
    repo.commit("first", {"deep/er/a.py": "x = 1\n"})
    repo.git("worktree", "add", "-q", str(tmp_path / "side"))
    for folder in (repo.root, repo.root / "deep" / "er", tmp_path / "side" / "deep"):
        said = repo.git("rev-parse", "--absolute-git-dir", cwd=folder).decode().strip()
        found = git_dir_around(folder, {})
        assert found is not None
        assert found.samefile(said)
    assert git_dir_around(repo.root, {"GIT_DIR": "other.git"}) == repo.root / "other.git"
    lonely = tmp_path / "lonely"
    lonely.mkdir()
    (lonely / ".git").write_text("no such thing")
    assert git_dir_around(lonely, {}) is None
