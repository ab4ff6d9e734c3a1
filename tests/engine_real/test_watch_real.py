"""Commits that do not wait, on real vLLM: answers are there before the commit, or the review follows it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from reviewer.engine.server import registry
from reviewer.engine.server.state import Status
from tests.command import reviewer_anew as reviewer
from tests.watching import Watching

if TYPE_CHECKING:
    from reviewer.engine.server.state import ServerState
    from tests.repo import Repo

pytestmark = [
    pytest.mark.real_engine,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.name == "nt", reason="vLLM does not run on Windows"),
]

BEFORE = "def average(values):\n    return sum(values) / len(values) if values else 0\n"
AFTER = "def average(values):\n    return sum(values) / len(values)\n"
MEDIAN = "def median(values):\n    return sorted(values)[len(values) // 2]\n"


def test_the_commit_finds_its_answers_and_the_engine_stays_warm(repo: Repo, warm: ServerState) -> None:
    repo.commit("first", {"stats.py": BEFORE})
    with Watching(repo.root) as watching:
        watching.until("watching")
        repo.stage({"stats.py": AFTER})
        watching.until("1 hunk in 1 file", seconds=300)
        repo.stage({"median.py": MEDIAN})
        assert "1 of 2 from cache" in watching.until("2 hunks in 2 files", seconds=300)
        began = time.monotonic()
        done = reviewer("hook", "pre-commit", cwd=repo.root)
        assert done.returncode == 0, done.stderr
        assert "all from cache" in done.stdout
        assert time.monotonic() - began < 20  # a wait for the engine alone would be longer on a busy machine
        assert watching.leave() == 0
    (state,) = registry.running()
    assert (state.status, state.pid) == (Status.READY, warm.pid)


def test_the_review_follows_the_commit(repo: Repo, warm: ServerState) -> None:
    repo.commit("first", {"stats.py": BEFORE})
    assert reviewer("install", "--background", cwd=repo.root).returncode == 0
    repo.stage({"more.py": MEDIAN})
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")
    done = subprocess.run(
        ["git", *identity, "commit", "-m", "second"], cwd=repo.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"reviewer show {repo.head()[:10]}" in done.stderr
    deadline = time.monotonic() + 300
    while reviewer("show", cwd=repo.root).returncode == 5:
        assert time.monotonic() < deadline
        time.sleep(1)
    shown = reviewer("show", "--format", "json", cwd=repo.root)
    assert shown.returncode == 0, (shown.stderr, (repo.root / ".git" / "reviewer" / "worker.log").read_text())
    report = json.loads(shown.stdout)
    assert report["counts"]["units_read"] == 1
    assert report["usage"]["completion_tokens"] > 0
    (state,) = registry.running()
    assert state.pid == warm.pid
