from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from reviewer.cli import customs
from reviewer.errors import UsageError
from reviewer.git import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repo import Repo

FILES: dict[str, str | bytes] = {
    ".reviewer/prompts/review/python.j2": "recorded\r\n",
    ".reviewer/prompts/häuser.j2": b"\xef\xbb\xbfwith a mark\n",
    ".reviewer/other.txt": "no template",
    "a.py": "x = 1\n",
}


def test_from_the_working_tree_and_from_a_revision(repo: Repo) -> None:
    repo.commit("first", FILES)
    repository = Repository.discover(repo.root)
    expected = {"review/python.j2": "recorded\r\n", "häuser.j2": "with a mark\n"}
    assert customs.files(repo.root, customs.PROMPTS) == expected
    repo.write({".reviewer/prompts/review/python.j2": "changed", ".reviewer/prompts/new.j2": "new"})
    assert customs.recorded_files(repository, "HEAD", customs.PROMPTS) == expected
    assert customs.files(repo.root, customs.PROMPTS)["review/python.j2"] == "changed"
    assert customs.files(repo.root, customs.PROMPTS)["new.j2"] == "new"


def test_without_any(repo: Repo) -> None:
    repo.commit("first", {"a.py": "x = 1\n"})
    assert customs.files(repo.root, customs.PROMPTS) == {}
    assert customs.recorded_files(Repository.discover(repo.root), "HEAD", customs.PROMPTS) == {}


@pytest.mark.skipif(os.name != "posix", reason="links need a privilege on Windows")
def test_a_link_out_of_the_folder_is_not_followed(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    repo.write({".reviewer/prompts/a.j2": "a"})
    (repo.root / ".reviewer/prompts/b.j2").symlink_to(tmp_path / "secret")
    assert customs.files(repo.root, customs.PROMPTS) == {"a.j2": "a"}
    (repo.root / ".reviewer").rename(tmp_path / "outside")
    (repo.root / ".reviewer").symlink_to(tmp_path / "outside")
    assert customs.files(repo.root, customs.PROMPTS) == {}


def test_what_is_no_text(repo: Repo) -> None:
    repo.write({".reviewer/prompts/a.j2": b"\xff"})
    with pytest.raises(UsageError, match=r"\.reviewer/prompts/a\.j2 is not UTF-8"):
        customs.files(repo.root, customs.PROMPTS)
