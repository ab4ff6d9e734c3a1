"""Samples of the long runs that docs/reliability.md describes, and that they notice what they look for."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bench import diffs, sandbox
from reviewer.diff import parse
from tests.conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repo import Repo

linux = pytest.mark.skipif(sys.platform != "linux", reason="forks, mounts and /proc of Linux")


def run(module: str, *args: str) -> None:
    argv = [sys.executable, "-m", f"bench.{module}", *args]
    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@linux
def test_sequences_of_states_commands_and_faults() -> None:
    run("sequences", "--count", "25", "--seed", "2")


@linux
def test_faults_end_in_a_review_or_a_typed_error() -> None:
    run(
        "faults",
        "--only",
        "killed while (importing|idle)|garbage on|while loading$|while answers are cached|^2 reviews",
    )


@linux
def test_reviews_at_once_and_large() -> None:
    run("load", "--only", "concurrent", "--reviews", "8")
    run("load", "--only", "large", "--lines", "4000")


@linux
def test_a_client_does_not_grow_while_its_engine_comes_and_goes() -> None:
    run("load", "--only", "soak", "--rounds", "120")


def test_a_change_of_any_kind_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    file = tmp_path / "folder" / "file"
    file.write_text("x")
    before = sandbox.snapshot(tmp_path)
    assert sandbox.differences(before, sandbox.snapshot(tmp_path)) == []
    status = file.stat()
    file.write_text("y")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert sandbox.differences(before, sandbox.snapshot(tmp_path)) == ["changed folder/file"]
    file.write_text("x")
    assert sandbox.differences(before, sandbox.snapshot(tmp_path)) == ["changed folder/file"]  # its time
    (tmp_path / "more").symlink_to("file")
    file.unlink()
    assert sandbox.differences(before, sandbox.snapshot(tmp_path)) == ["added more", "removed folder/file"]


@linux
def test_mutated_patches_are_read_or_refused() -> None:
    found = diffs.fuzz(3, 0, 3000, diffs.corpus([]), limit=5.0)
    assert found.failures == []
    assert found.read + found.refused == found.cases == 3000
    assert found.read > 500
    assert found.requests > 10


def test_wrong_lines_are_noticed() -> None:
    patch = b"--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n-a\n+b\n+c\n"
    change = parse(patch, "x")
    assert list(diffs.wrong_lines(change, patch)) == []
    (file,) = change.files
    (hunk,) = file.hunks
    lines = tuple(dataclasses.replace(line, new=line.new and line.new + 1) for line in hunk.lines)
    damaged = dataclasses.replace(file, hunks=(dataclasses.replace(hunk, lines=lines),))
    shifted = dataclasses.replace(change, files=(damaged,))
    assert "new lines of a hunk are not numbered as its header says" in set(diffs.wrong_lines(shifted, patch))
    assert list(diffs.wrong_lines(change, patch.replace(b"+c", b"+d")))


def test_hunks_of_history_give_the_new_blobs(repo: Repo) -> None:
    repo.commit("first", {"a.py": "1\n2\n3\n" * 9, "b c.py": "x\r\ny", "gone.py": "z\n", "caf\xe9.py": "1\n" * 9})
    repo.commit("edit", {"a.py": "1\n2\n3\n" * 4 + "new\n" + "1\n2\n3\n" * 5, "b c.py": "x\r\ny\r\nz"})
    (repo.root / "caf\xe9.py").rename(repo.root / "tea.py")
    (repo.root / "gone.py").unlink()
    repo.write({"tea.py": "1\n" * 9 + "2", "new.py": b"\xff\n"})
    repo.stage()
    repo.commit("move")
    found = diffs.compare(repo.root / ".git", 50)
    assert found.failures == []
    assert (found.commits, found.files, found.listed) == (2, 5, {})
