"""``bench/real_hunks.py`` on a real repository: which commits and files count, and what it writes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from reviewer.evaluation.cases import Case, load
from tests.conftest import PROJECT
from tests.repo import Repo

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = "2025-12-31T12:00:00+00:00", "2026-03-01T12:00:00+00:00"
LINES = [f"value_{number} = {number}\n" for number in range(40)]


def _with(**changed: str) -> str:
    """The file with lines replaced: ``line_3="x = 1"`` replaces the fourth one."""
    lines = list(LINES)
    for name, text in changed.items():
        lines[int(name.removeprefix("line_"))] = f"{text}\n"
    return "".join(lines)


def _commit(
    repo: Repo, subject: str, files: dict[str, str | bytes], *, author: str = "Ann", written: str = NEW
) -> None:
    repo.stage(files)
    email = f"{author.lower().replace(' ', '.')}@example.invalid"
    env = {"GIT_AUTHOR_NAME": author, "GIT_AUTHOR_EMAIL": email, "GIT_AUTHOR_DATE": written, "GIT_COMMITTER_DATE": NEW}
    repo.git("commit", "-q", "-m", subject, env=env)


def _run(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PROJECT / "bench" / "real_hunks.py", "--since", "2026-01-01", *args],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )


def _picked(tmp_path: Path, *args: str | Path) -> tuple[Case, ...]:
    output = tmp_path / "hunks.jsonl"
    done = _run("--output", output, *args)
    assert done.returncode == 0, done.stderr
    return load(output)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    repo = Repo.init(tmp_path / "work")
    _commit(repo, "Start", {"a.py": "".join(LINES)}, written=OLD)
    return repo


def test_only_recent_work_of_people_counts(repo: Repo, tmp_path: Path) -> None:
    _commit(repo, "Written last year", {"a.py": _with(line_0="x = 1")}, written=OLD)
    _commit(repo, "Bump a library", {"a.py": _with(line_0="x = 2")}, author="dependabot[bot]")
    _commit(repo, 'Revert "Bump a library"', {"a.py": _with(line_0="x = 1")})
    _commit(repo, "Document it", {"README.md": "# A\n"})
    _commit(repo, "Lock", {"poetry.lock": "[[package]]\n", "b_pb2.py": "x = 1\n", "vendor/c.py": "x = 1\n"})
    _commit(repo, "Mark as generated", {".gitattributes": "d.py linguist-generated\n", "d.py": "x = 1\n"})
    _commit(repo, "Add e", {"e.py": "x = 1\n"})
    cases = _picked(tmp_path, repo.root)
    assert [(case.reference, list(case.texts)) for case in cases] == [("Add e", ["e.py"])]
    assert cases[0].clean
    assert cases[0].language == "python"


def test_a_hunk_is_a_patch_of_its_own(repo: Repo, tmp_path: Path) -> None:
    after = _with(line_2="x = 1\ny = 2", line_20="z = 3", line_39="last = 4").removesuffix("\n")
    _commit(repo, "Change three places", {"a.py": after})
    bare = tmp_path / "bare.git"
    repo.git("clone", "-q", "--bare", str(repo.root), str(bare))
    cases = _picked(tmp_path, bare)
    assert len(cases) == 2, "at most two hunks of a commit"
    assert {case.group for case in cases} == {f"bare@{repo.head()[:10]}"}
    for case in cases:
        assert case.texts == {"a.py": after}
        repo.git("apply", "-R", "--check", "-", data=case.patch.encode())
        assert len(case.change.files[0].hunks) == 1


def test_the_seed_decides(repo: Repo, tmp_path: Path) -> None:
    for number in range(12):
        _commit(repo, f"Change {number}", {"a.py": _with(line_5=f"x = {number}")})
    first, again, other = (
        {case.id for case in _picked(tmp_path, "--count", "5", "--seed", seed, repo.root)} for seed in "778"
    )
    assert len(first) == 5
    assert first == again
    assert first != other


def test_the_users_index_is_left_alone(repo: Repo, tmp_path: Path) -> None:
    _commit(repo, "Change", {"a.py": _with(line_1="x = 1")})
    repo.stage({"staged.py": "x = 1\n"})
    index = (repo.root / ".git" / "index").read_bytes()
    _picked(tmp_path, repo.root)
    assert (repo.root / ".git" / "index").read_bytes() == index


@pytest.mark.parametrize("output", [PROJECT / "hunks.jsonl", PROJECT / "bench" / "hunks.jsonl"])
def test_nothing_is_written_into_the_project(repo: Repo, output: Path) -> None:
    done = _run("--output", output, repo.root)
    assert done.returncode == 2
    assert "inside this project" in done.stderr
    assert not output.exists()
