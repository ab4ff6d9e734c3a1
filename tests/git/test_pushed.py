from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from reviewer.errors import UsageError
from reviewer.git import Repository, pushed
from tests.repo import Repo

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.git import Target

ZEROS = "0" * 40


@pytest.fixture
def remote(repo: Repo, tmp_path: Path) -> Repo:
    """A repository with one commit that its remote ``origin`` has, and a branch beyond it."""
    Repo.init(tmp_path / "remote.git", "--bare")
    repo.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    repo.commit("one", {"a": "1\n"})
    repo.git("push", "-q", "origin", "main")
    repo.git("switch", "-q", "-c", "topic")
    repo.commit("two", {"a": "2\n"})
    repo.commit("three", {"a": "3\n"})
    return repo


def targets(repo: Repo, *lines: str, remote: str | None = "origin", env: dict[str, str] | None = None) -> list[Target]:
    refs = pushed.read_lines(io.StringIO("".join(f"{line}\n" for line in lines)))
    return pushed.targets(Repository(repo.root, repo.root / ".git", repo.root / ".git"), refs, remote, env or {})


def rev(repo: Repo, name: str) -> str:
    return repo.git("rev-parse", name).decode().strip()


def ends(found: list[Target]) -> list[tuple[str | None, str | None]]:
    return [(target.base, target.head) for target in found]


def test_a_new_branch_is_compared_with_what_the_remote_has(remote: Repo) -> None:
    head = rev(remote, "topic")
    (target,) = targets(remote, f"refs/heads/topic {head} refs/heads/topic {ZEROS}")
    assert (target.base, target.head) == (rev(remote, "main"), head)
    assert target.subject.startswith("push of topic (")


def test_an_update_is_compared_with_the_old_tip(remote: Repo) -> None:
    head, old = rev(remote, "topic"), rev(remote, "topic~1")
    assert ends(targets(remote, f"refs/heads/topic {head} refs/heads/topic {old}")) == [(old, head)]


def test_a_forced_update_is_compared_with_the_merge_base(remote: Repo) -> None:
    old = rev(remote, "topic")
    remote.git("reset", "-q", "--hard", "HEAD~1")
    head = remote.commit("other", {"b": "1\n"})
    assert ends(targets(remote, f"refs/heads/topic {head} refs/heads/topic {old}")) == [(rev(remote, "topic~1"), head)]


def test_an_old_tip_that_is_not_here_counts_as_a_new_branch(remote: Repo) -> None:
    head = rev(remote, "topic")
    line = f"refs/heads/topic {head} refs/heads/topic {'1' * 40}"
    assert ends(targets(remote, line)) == [(rev(remote, "main"), head)]


def test_deletions_known_commits_and_strange_tags_need_no_review(remote: Repo) -> None:
    main = rev(remote, "main")
    blob = rev(remote, "main:a")
    lines = [
        f"(delete) {ZEROS} refs/heads/old {main}",
        f"refs/heads/copy {main} refs/heads/copy {ZEROS}",
        f"refs/tags/v1 {main} refs/tags/v1 {ZEROS}",
        f"refs/tags/blob {blob} refs/tags/blob {ZEROS}",
    ]
    assert targets(remote, *lines) == []


def test_a_branch_and_its_tag_are_one_review(remote: Repo) -> None:
    head = rev(remote, "topic")
    remote.git("tag", "-a", "-m", "v2", "v2", head)
    lines = [
        f"refs/heads/topic {head} refs/heads/topic {ZEROS}",
        f"refs/tags/v2 {rev(remote, 'v2')} refs/tags/v2 {ZEROS}",
    ]
    assert len(targets(remote, *lines)) == 1


def test_a_first_push_is_compared_with_nothing(repo: Repo) -> None:
    head = repo.commit("one", {"a": "1\n"})
    (target,) = targets(repo, f"refs/heads/main {head} refs/heads/main {ZEROS}")
    assert target.base == repo.git("hash-object", "-t", "tree", "--stdin", data=b"").decode().strip()
    assert target.head == head


def test_a_push_to_a_bare_url_knows_every_remote(remote: Repo) -> None:
    head = rev(remote, "topic")
    line = f"refs/heads/topic {head} refs/heads/topic {ZEROS}"
    assert ends(targets(remote, line, remote="https://example.invalid/x.git")) == [(rev(remote, "main"), head)]


def test_merging_the_main_branch_in_does_not_review_it_again(remote: Repo) -> None:
    remote.git("switch", "-q", "main")
    remote.commit("on main", {"m": "1\n"})
    remote.git("push", "-q", "origin", "main")
    remote.git("switch", "-q", "topic")
    remote.git("merge", "-q", "--no-edit", "main")
    head = rev(remote, "topic")
    line = f"refs/heads/topic {head} refs/heads/topic {ZEROS}"
    assert ends(targets(remote, line)) == [(rev(remote, "main"), head)]


def test_pre_commits_variables(remote: Repo) -> None:
    main, head = rev(remote, "main"), rev(remote, "topic")
    env = {"PRE_COMMIT": "1", "PRE_COMMIT_FROM_REF": main, "PRE_COMMIT_TO_REF": head}
    assert ends(targets(remote, env=env)) == [(main, head)]
    env = {"PRE_COMMIT": "1", "PRE_COMMIT_LOCAL_BRANCH": "refs/heads/topic", "PRE_COMMIT_REMOTE_NAME": "origin"}
    assert ends(targets(remote, env=env)) == [(main, head)]
    with pytest.raises(UsageError, match="no range"):
        targets(remote, env={"PRE_COMMIT": "1"})


def test_a_terminal_is_refused() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream in (Terminal(), None):
        with pytest.raises(UsageError, match="run by git push"):
            pushed.read_lines(stream)
    with pytest.raises(UsageError, match="not a line of git's"):
        pushed.read_lines(io.StringIO("nonsense\n"))
