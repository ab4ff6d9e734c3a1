from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.command import reviewer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(home: Path, tmp_path: Path) -> Path:
    """What an installation leaves; one model is a link to a folder of the user's own."""
    root = home / "reviewer"
    for name, size in (
        ("data/engine/vllm/python", 3_000_000),
        ("data/models/hub--a--b/files/model.safetensors", 5_000_000),
        ("cache/answers.sqlite3", 204_800),
        ("cache/other", 10),
        ("state/engine/a.log", 1_000),
        ("config/config.toml", 0),
        ("data/marker.key", 32),
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0" * size)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("kept")
    if os.name == "posix":
        (root / "data/models/local--mine").symlink_to(tmp_path / "mine")
    return root


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_the_disk_use_is_shown_and_nothing_removed(data: Path, tmp_path: Path) -> None:
    before = names(data)
    done = reviewer("clean", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = dict(line.split()[:2] for line in done.stdout.splitlines())
    assert shown["engine"] == "3"
    assert shown["models"] == "5"
    assert shown["cache"] == "205"
    assert "total" in shown
    assert names(data) == before


def test_only_what_is_named_is_removed(data: Path, tmp_path: Path) -> None:
    before = names(data)
    done = reviewer("clean", "models", "cache", "--yes", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "removed models, cache; 5 MB freed" in done.stdout
    gone = {"data/models/hub--a--b/files/model.safetensors", "cache/answers.sqlite3"}
    assert before - names(data) == gone
    assert (tmp_path / "mine" / "file").read_text() == "kept"


def test_all_leaves_settings_and_other_files(data: Path, tmp_path: Path) -> None:
    assert reviewer("clean", "--all", "--yes", cwd=tmp_path).returncode == 0
    assert names(data) == {"cache/other", "config/config.toml", "data/marker.key"}
    assert (tmp_path / "mine" / "file").read_text() == "kept"
    assert "nothing to remove" in reviewer("clean", "--all", "--yes", cwd=tmp_path).stderr


def test_nothing_is_removed_without_a_yes(data: Path, tmp_path: Path) -> None:
    before = names(data)
    done = reviewer("clean", "--all", cwd=tmp_path)
    assert done.returncode == 2
    assert "pass --yes" in done.stderr
    assert names(data) == before
    assert reviewer("clean", "cache", "--all", cwd=tmp_path).returncode == 2


@pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")
@pytest.mark.parametrize(("answer", "removed"), [("n", False), ("y", True)])
def test_a_person_is_asked(answer: str, removed: bool, data: Path, tmp_path: Path) -> None:
    import pty

    master, slave = pty.openpty()
    os.write(master, f"{answer}\n".encode())
    argv = [sys.executable, "-P", "-m", "reviewer", "clean", "cache"]
    done = subprocess.run(argv, cwd=tmp_path, stdin=slave, capture_output=True, text=True, check=False)
    os.close(slave)
    os.close(master)
    assert done.returncode == 0, done.stderr
    assert "Remove cache (205 kB)?" in done.stderr
    assert ("cache/answers.sqlite3" not in names(data)) == removed
    assert ("nothing was changed" in done.stderr) != removed
