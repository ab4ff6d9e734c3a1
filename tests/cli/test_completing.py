"""Completion as a shell asks for it, and in a real bash with the printed script."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.command import reviewer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repo import Repo

BEFORE = "def load(seen=None):\n    return seen\n"
AFTER = "def load(seen=[]):\n    return seen\n"


@pytest.fixture
def reviewed(repo: Repo) -> Repo:
    repo.commit("first", {"load.py": BEFORE})
    repo.git("branch", "feature/one")
    repo.git("branch", "$(touch${IFS}pwned)")
    repo.git("tag", "v1.0")
    repo.stage({"load.py": AFTER})
    return repo


def found(repo: Repo) -> str:
    """Review and return the id of the finding."""
    report = json.loads(reviewer("review", "--no-model", "--format", "json", cwd=repo.root).stdout)
    return str(report["findings"][0]["id"])


def offered(cwd: Path, line: str) -> list[str]:
    """What is offered for the last word of a command line."""
    words = line.split(" ")
    env = {
        "_REVIEWER_COMPLETE": "bash_complete", "COMP_WORDS": f"reviewer {line}", "COMP_CWORD": str(len(words))
    }  # fmt: skip
    done = reviewer(cwd=cwd, env=env)
    assert done.stderr == ""
    return sorted(one.partition(",")[2] for one in done.stdout.splitlines() if one)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("review fea", ["feature/one"]),
        ("review v", ["v1.0"]),
        ("review HEAD..fea", ["HEAD..feature/one"]),
        ("review HEAD...v1", ["HEAD...v1.0"]),
        ("review HEAD~", ["HEAD~1", "HEAD~2", "HEAD~3"]),
        ("review $", []),
        ("show v1", ["v1.0"]),
        ("review --format rd", ["rdjson", "rdjsonl"]),
        ("review --color al", ["always"]),
        ("review HEAD -- loa", ["loa"]),  # a file: the shell itself completes it
        ("explain loa", ["loa"]),
        ("model install smollm2", ["smollm2", "smollm2-135m", "smollm2-135m-instruct"]),
        ("review --model QWEN/QWEN2.5-CODER-7", ["Qwen/Qwen2.5-Coder-7B-Instruct"]),
        ("model remove smol", []),
    ],
)
def test_what_is_offered(reviewed: Repo, line: str, expected: list[str]) -> None:
    assert offered(reviewed.root, line) == expected


def test_ids_of_findings_and_of_dismissed_ones(reviewed: Repo) -> None:
    assert offered(reviewed.root, "apply ") == []
    name = found(reviewed)
    assert offered(reviewed.root, "apply ") == [name]
    assert offered(reviewed.root, f"apply {name[:2]}") == [name]
    assert offered(reviewed.root, f"apply {name} ") == [], "it is named already"
    assert offered(reviewed.root, "dismiss --undo ") == []
    reviewer("dismiss", name, cwd=reviewed.root)
    assert offered(reviewed.root, "dismiss --undo ") == [name]
    env = {"_REVIEWER_COMPLETE": "zsh_complete", "COMP_WORDS": "reviewer apply", "COMP_CWORD": "2"}
    assert "load.py" in reviewer(cwd=reviewed.root, env=env).stdout


@pytest.mark.parametrize("line", ["review ma", "apply 1", "dismiss --undo 1", "model remove x"])
def test_outside_a_repository_nothing_is_offered_and_nothing_fails(tmp_path: Path, line: str) -> None:
    assert offered(tmp_path, line) == []


def in_bash(reviewed: Repo, tmp_path: Path, words: list[str]) -> list[str]:
    """What a real bash would offer with the script that the command prints."""
    command = tmp_path / "bin" / "reviewer"
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m reviewer "$@"\n')
    command.chmod(0o755)
    (tmp_path / "completion.sh").write_text(reviewer("completion", "bash", cwd=tmp_path).stdout)
    script = f"""
        source {shlex.quote(str(tmp_path / "completion.sh"))}
        COMP_WORDS=({" ".join(map(shlex.quote, words))}); COMP_CWORD={len(words) - 1}
        _reviewer_completion reviewer
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    env = {**os.environ, "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=reviewed.root, env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None or os.name != "posix", reason="no bash")
def test_in_a_real_bash(reviewed: Repo, tmp_path: Path) -> None:
    name = found(reviewed)
    assert in_bash(reviewed, tmp_path, ["reviewer", "review", "HEAD..fea"]) == ["HEAD..feature/one"]
    assert in_bash(reviewed, tmp_path, ["reviewer", "apply", name[:1]]) == [name]
    assert in_bash(reviewed, tmp_path, ["reviewer", "review", "--model", "smol"])[0].startswith("smollm2")
    assert not (reviewed.root / "pwned").exists()
