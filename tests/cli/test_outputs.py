"""Files that commands write, in a repository that brings links and pipes of its own."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.command import reviewer
from tests.repo import AFTER, BEFORE, Repo

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")

SECRET = "do not overwrite\n"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "file").write_text(SECRET)
    return folder


@pytest.fixture
def branch(repo: Repo) -> Repo:
    repo.commit("first", {"stats.py": BEFORE})
    repo.git("checkout", "-q", "-b", "topic")
    repo.commit("second", {"stats.py": AFTER})
    return repo


def ci(repo: Repo, *args: str) -> tuple[int, str]:
    done = reviewer("ci", "--base", "main", "--no-model", *args, cwd=repo.root, timeout=60)
    return done.returncode, done.stderr


def untouched(outside: Path) -> bool:
    return [path.name for path in outside.iterdir()] == ["file"] and (outside / "file").read_text() == SECRET


def test_a_linked_report_is_replaced(branch: Repo, outside: Path) -> None:
    report = branch.root / "reviewer-report.json"
    report.symlink_to(outside / "file")
    assert ci(branch)[0] == 0
    assert untouched(outside)
    assert not report.is_symlink()
    assert json.loads(report.read_text())["counts"]


def test_a_report_linked_to_the_git_configuration_is_replaced(branch: Repo) -> None:
    before = (branch.root / ".git" / "config").read_bytes()
    (branch.root / "reviewer-report.json").symlink_to(".git/config")
    assert ci(branch)[0] == 0
    assert (branch.root / ".git" / "config").read_bytes() == before


@pytest.mark.parametrize("name", ["out/report.json", "out/deep/er/report.json", "out/../out/report.json"])
def test_a_linked_folder_is_refused(name: str, branch: Repo, outside: Path) -> None:
    (branch.root / "out").symlink_to(outside)
    code, said = ci(branch, "--json-output", name)
    assert code == 2
    assert "symbolic link" in said
    assert untouched(outside)


def test_a_linked_folder_is_refused_under_every_name_of_the_repository(
    branch: Repo, outside: Path, tmp_path: Path
) -> None:
    (tmp_path / "alias").symlink_to(branch.root)
    (branch.root / "out").symlink_to(outside)
    assert ci(branch, "--json-output", str(tmp_path / "alias" / "out" / "report.json"))[0] == 2
    assert untouched(outside)


def test_a_pipe_in_the_place_of_the_report_is_replaced(branch: Repo) -> None:
    os.mkfifo(branch.root / "reviewer-report.json")
    assert ci(branch)[0] == 0
    assert json.loads((branch.root / "reviewer-report.json").read_text())["counts"]


def test_a_pipe_that_nobody_reads_fails(branch: Repo, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    code, said = ci(branch, "--json-output", str(tmp_path / "pipe"))
    assert code == 2
    assert "no process is reading it" in said


def test_links_of_the_user_are_followed(branch: Repo, outside: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").symlink_to(outside)
    assert ci(branch, "--json-output", str(tmp_path / "mine" / "report.json"))[0] == 0
    assert json.loads((outside / "report.json").read_text())["counts"]


def test_the_output_of_a_review_follows_no_link(changed: Repo, outside: Path) -> None:
    (changed.root / "out").symlink_to(outside)
    (changed.root / "link").symlink_to(outside / "file")
    to_folder = reviewer("review", "--no-model", "--output", "out/review.txt", cwd=changed.root)
    assert to_folder.returncode == 2
    assert reviewer("review", "--no-model", "--output", "link", cwd=changed.root).returncode == 0
    assert untouched(outside)


@pytest.mark.parametrize("update", [(), ("--update",)])
def test_the_baseline_follows_no_link(update: tuple[str, ...], changed: Repo, outside: Path) -> None:
    (changed.root / ".reviewer").symlink_to(outside)
    done = reviewer("baseline", "--no-model", *update, cwd=changed.root)
    assert done.returncode == 2
    assert untouched(outside)


def test_a_baseline_that_is_a_link_or_a_pipe_is_refused(changed: Repo, outside: Path) -> None:
    (changed.root / ".reviewer").mkdir()
    baseline = changed.root / ".reviewer" / "baseline.json"
    os.mkfifo(baseline)
    assert reviewer("baseline", "--no-model", "--update", cwd=changed.root, timeout=60).returncode == 2
    baseline.unlink()
    baseline.symlink_to(outside / "file")
    done = reviewer("baseline", "--no-model", "--update", cwd=changed.root)
    assert "is not a regular file" in done.stderr
    assert untouched(outside)


def test_a_new_configuration_follows_no_link(repo: Repo, outside: Path) -> None:
    (repo.root / ".reviewer.toml").symlink_to(outside / "new")
    assert reviewer("config", "init", cwd=repo.root).returncode == 2
    assert reviewer("config", "init", "--force", cwd=repo.root).returncode == 0
    assert untouched(outside)
    assert not (repo.root / ".reviewer.toml").is_symlink()
