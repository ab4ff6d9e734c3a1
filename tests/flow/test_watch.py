"""``reviewer watch`` as a process beside real git commands, with a fake engine."""

from __future__ import annotations

import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.command import reviewer
from tests.fake_engine import FakeEngine, Rule, Script
from tests.repo import AFTER, BEFORE, Repo
from tests.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

CHAT = "/v1/chat/completions"
OTHER = "def median(values):\n    return sorted(values)[len(values) // 2]\n"
ERROR = {"line": 2, "severity": "error", "category": "bug", "message": "The division fails without values.", "fix": ""}
SAID = {"explanation": "Drops the guard for an empty list of values.", "findings": [ERROR]}


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with FakeEngine(Script(rules=[Rule(path=CHAT, match="def average", json=SAID)]), tcp=True) as running:
        yield running


@pytest.fixture
def first(repo: Repo) -> Repo:
    repo.commit("first", {"stats.py": BEFORE})
    return repo


def test_the_commit_finds_every_answer(first: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    with Watching(first.root, env=env) as watching:
        watching.until("watching")
        first.stage({"stats.py": AFTER})
        assert "1 error" in watching.until("1 hunk in 1 file")
        asked = len(engine.requests(CHAT))
        assert asked == 1
        done = reviewer("hook", "pre-commit", cwd=first.root, env=env)
        assert "all from cache" in done.stdout
        first.stage({"more.py": OTHER})
        assert "1 of 2 from cache" in watching.until("2 hunks in 2 files")


def test_what_is_staged_before_it_begins_is_reviewed_and_the_index_stays(
    first: Repo, engine: FakeEngine, env: dict[str, str]
) -> None:
    first.stage({"stats.py": AFTER})
    first.write({"stats.py": AFTER + "# not staged\n"})
    index = (first.root / ".git" / "index").read_bytes()
    with Watching(first.root, env=env) as watching:
        watching.until("1 error")
    assert (first.root / ".git" / "index").read_bytes() == index
    assert "not staged" not in engine.requests(CHAT)[0]["prompt"]


def test_a_newer_index_takes_the_place_of_an_older_one(first: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    engine.update(
        Rule(path=CHAT, match="def median", json={"explanation": "", "findings": []}),
        Rule(path=CHAT, match="len.values. . 7", json=SAID),
        Rule(path=CHAT, match="def average", json=SAID, delay=120),
    )
    first.stage({"stats.py": AFTER, "more.py": OTHER})
    with Watching(first.root, env=env) as watching:
        deadline = time.monotonic() + 30
        while len(engine.requests(CHAT)) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.5)  # the quick one of the two is answered, and kept
        first.stage({"stats.py": AFTER.replace("len(values)", "len(values) / 7")})
        watching.until("cancelled after")
        assert "1 of 2 from cache" in watching.until("2 hunks in 2 files")


def test_an_index_that_says_the_same_is_not_read_again(first: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    first.stage({"stats.py": AFTER})
    with Watching(first.root, env=env) as watching:
        watching.until("1 error")
        os.utime(first.root / "stats.py", (1, 1))
        first.git("update-index", "--refresh", check=False)
        first.git("add", "stats.py")
        time.sleep(2)
        assert len(watching.lines()) == 2
        # A commit changes HEAD and the index; a soft reset changes HEAD alone, and everything is staged again.
        first.commit("second")
        time.sleep(1.5)
        first.git("reset", "-q", "--soft", "HEAD~1")
        assert "all from cache" in watching.until("1 error", times=2)
    assert len(engine.requests(CHAT)) == 1


def test_a_missing_engine_is_one_line_and_not_the_end(first: Repo) -> None:
    with Watching(first.root, "--quiet", env={"REVIEWER_ENGINE_URL": "http://127.0.0.1:1"}) as watching:
        first.stage({"stats.py": AFTER})
        assert watching.until("127.0.0.1").startswith("reviewer: ")
        time.sleep(1)
        assert len(watching.lines()) == 1
        # So is a configuration that is being written, and what it becomes counts.
        (first.root / ".reviewer.toml").write_text("modle = 1\n")
        first.stage({"stats.py": AFTER + "\n"})
        watching.until("did you mean")
        assert watching.process.poll() is None


def test_an_engine_that_dies_and_comes_back(first: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    engine.update(Rule(path=CHAT, die=True))
    first.stage({"stats.py": AFTER})
    with Watching(first.root, env=env) as watching:
        watching.until("127.0.0.1")
        engine.update(Rule(path=CHAT, match="def average", json=SAID))
        engine.stop()
        engine.start()
        os.utime(first.root / ".git" / "index")  # the next change of the index, even one that stages nothing new
        assert "1 error" in watching.until("1 hunk in 1 file")


def test_an_unmerged_index_is_told_and_waited_for(first: Repo, env: dict[str, str]) -> None:
    first.git("checkout", "-q", "-b", "side")
    first.commit("theirs", {"stats.py": OTHER})
    first.git("checkout", "-q", "main")
    first.commit("ours", {"stats.py": AFTER})
    with Watching(first.root, env=env) as watching:
        watching.until("watching")
        first.git("merge", "side", check=False)
        watching.until("a merge is not finished")
        first.stage({"stats.py": AFTER + OTHER})
        watching.until("1 hunk in 1 file")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_leaves_at_a_signal_with_nothing_running(
    number: int, first: Repo, engine: FakeEngine, env: dict[str, str]
) -> None:
    engine.update(Rule(path=CHAT, match="def average", json=SAID, delay=120))
    first.stage({"stats.py": AFTER})
    with Watching(first.root, env=env) as watching:
        deadline = time.monotonic() + 30
        while not engine.requests(CHAT):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        began = time.monotonic()
        family = psutil.Process(watching.process.pid).children(recursive=True)
        assert watching.leave(number) == 0
        assert time.monotonic() - began < 60
        assert "stopped watching" in watching.lines()[-1]
        assert "Traceback" not in "\n".join(watching.lines())
        assert not [child for child in family if child.is_running()]
        assert not list((first.root / ".git" / "reviewer").glob("*.pid"))
    with Watching(first.root, env=env) as again:
        again.until("watching")


@pytest.mark.parametrize("how", ["deleted", "moved", "folder"])
def test_it_leaves_with_the_repository(how: str, first: Repo, env: dict[str, str], tmp_path: Path) -> None:
    with Watching(first.root, env=env) as watching:
        watching.until("watching")
        if how == "deleted":
            shutil.rmtree(first.root / ".git")
        elif how == "moved":
            (first.root / ".git").rename(tmp_path / "moved")
        else:
            shutil.rmtree(first.root)
        assert watching.process.wait(timeout=15) == 0
        assert "the repository is gone" in watching.lines()[-1]
        assert not (first.root / ".git").exists()


def test_one_watcher_for_each_working_tree(first: Repo, env: dict[str, str], tmp_path: Path) -> None:
    first.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Repo(tmp_path / "side")
    with Watching(first.root, env=env) as one, Watching(side.root, env=env) as two:
        one.until("watching")
        two.until("watching")
        refused = reviewer("watch", cwd=first.root, env=env)
        assert refused.returncode == 2
        assert f"by process {one.process.pid}" in refused.stderr
        side.stage({"stats.py": AFTER})
        two.until("1 error")
        assert len(one.lines()) == 1


def test_another_index_is_the_one_that_git_uses(first: Repo, env: dict[str, str], tmp_path: Path) -> None:
    mine = {"GIT_INDEX_FILE": str(tmp_path / "other-index")}
    first.git("read-tree", "HEAD", env=mine)
    with Watching(first.root, env=env | mine) as watching:
        watching.until("watching")
        first.write({"stats.py": AFTER})
        first.git("add", "stats.py", env=mine)
        watching.until("1 error")


def test_without_a_cache_it_is_no_use(first: Repo, env: dict[str, str]) -> None:
    for done in (
        reviewer("watch", "--no-cache", cwd=first.root, env=env),
        reviewer("watch", cwd=first.root, env=env | {"REVIEWER_CACHE": "0"}),
    ):
        assert done.returncode == 2
        assert "cache" in done.stderr
