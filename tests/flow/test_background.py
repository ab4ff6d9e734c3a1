"""Commits that go at once: real ``git commit``, hooks of ``reviewer install --background``, a fake engine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.command import reviewer
from tests.fake_engine import FakeEngine, Rule, Script
from tests.repo import AFTER, BEFORE, Repo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="hook scripts as POSIX runs them")

CHAT = "/v1/chat/completions"
ERROR = {"line": 2, "severity": "error", "category": "bug", "message": "The division fails without values.", "fix": ""}
SAID = {"explanation": "Drops the guard for an empty list of values.", "findings": [ERROR]}
DEAD = {"REVIEWER_ENGINE_URL": "http://127.0.0.1:1"}


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with FakeEngine(Script(rules=[Rule(path=CHAT, match="def average", json=SAID)]), tcp=True) as running:
        yield running


@pytest.fixture
def changed(changed: Repo) -> Iterator[Repo]:
    done = reviewer("install", "--background", cwd=changed.root)
    assert done.returncode == 0, done.stderr
    yield changed
    settled(changed)  # no worker outlives its test


def commit(repo: Repo, env: dict[str, str], *args: str, cwd: Path | None = None) -> str:
    """Commit and return what the hooks said."""
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")
    done = subprocess.run(
        ["git", *identity, "commit", *(args or ("-m", "second"))],
        cwd=cwd or repo.root, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        env={**os.environ, **env}, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


def settled(repo: Repo, seconds: float = 60) -> None:
    """Wait until every queued review is ready or has failed."""
    deadline = time.monotonic() + seconds
    folders = [repo.root / ".git", *(repo.root / ".git").glob("worktrees/*")]
    while any(
        json.loads(path.read_text())["state"] in ("waiting", "running")
        for folder in folders
        for path in (folder / "reviewer" / "pending").glob("[!.]*.json")
    ):
        assert time.monotonic() < deadline, [
            log.read_text() for folder in folders for log in (folder / "reviewer").glob("worker.log")
        ]
        time.sleep(0.1)


def stored(repo: Repo, commit_id: str) -> dict[str, object] | None:
    note = repo.git("notes", "--ref=reviewer", "show", commit_id, check=False)
    return json.loads(note) if note else None


def test_the_commit_goes_at_once_and_the_review_follows(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    engine.update(Rule(path=CHAT, match="def average", json=SAID, delay=4))
    said = commit(changed, env)
    head = changed.head()
    assert f"reviewing {head[:10]} in the background" in said
    assert "error" not in said
    waiting = reviewer("show", cwd=changed.root, env=env)
    assert waiting.returncode == 5
    assert head[:10] in waiting.stderr
    assert "try again later" in waiting.stderr
    settled(changed)
    told = reviewer("cache", "stats", cwd=changed.root)
    assert told.stderr == f"reviewer: the review of {head[:10]} is ready: 1 error; reviewer show {head[:10]}\n"
    assert reviewer("cache", "stats", cwd=changed.root).stderr == ""  # once is enough
    shown = reviewer("show", cwd=changed.root)
    assert shown.returncode == 0, shown.stderr
    assert "The division fails without values" in shown.stdout
    assert "2 │+    return sum(values) / len(values)" in shown.stdout


def test_the_next_hook_tells_and_show_says_it_once(changed: Repo, env: dict[str, str]) -> None:
    commit(changed, env)
    first = changed.head()
    settled(changed)
    changed.stage({"more.py": "x = 1\n"})
    said = commit(changed, env, "-m", "third")
    assert said.count(f"the review of {first[:10]} is ready: 1 error") == 1
    settled(changed)
    shown = reviewer("show", cwd=changed.root)
    assert "is ready" not in shown.stderr
    assert reviewer("cache", "stats", cwd=changed.root).stderr == ""


@pytest.mark.parametrize("form", ["text", "markdown", "json", "github"])
def test_a_stored_review_is_that_of_the_commit(form: str, changed: Repo, env: dict[str, str]) -> None:
    commit(changed, env)
    settled(changed)
    shown = reviewer("show", "--format", form, cwd=changed.root)
    direct = reviewer("review", "HEAD", "--format", form, cwd=changed.root, env=env)
    if form == "json":
        ours, theirs = json.loads(shown.stdout), json.loads(direct.stdout)
        assert ours["findings"] == theirs["findings"]
        return
    for line in direct.stdout.splitlines():
        if "average" in line or "division" in line.lower() or "│" in line:
            assert line in shown.stdout


def test_an_engine_that_is_missing_stops_nothing_and_is_told(changed: Repo, env: dict[str, str]) -> None:
    said = commit(changed, DEAD)
    head = changed.head()
    assert "in the background" in said
    settled(changed)
    told = reviewer("cache", "stats", cwd=changed.root)
    assert f"the review of {head[:10]} failed: " in told.stderr
    shown = reviewer("show", cwd=changed.root)
    assert shown.returncode == 5
    assert "failed" in shown.stderr
    assert f"reviewer review {head[:10]}" in shown.stderr
    assert stored(changed, head) is None


def test_a_commit_nobody_reviewed(changed: Repo) -> None:
    done = reviewer("show", "HEAD", cwd=changed.root)
    assert done.returncode == 2
    assert "no stored review of" in done.stderr
    assert f"reviewer review {changed.head()[:10]}" in done.stderr
    assert reviewer("show", "nonsense", cwd=changed.root).returncode == 2


def test_nothing_of_the_user_is_touched(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    engine.update(Rule(path=CHAT, match="def average", json=SAID, delay=2))
    changed.git("notes", "add", "-m", "mine", "HEAD")
    commit(changed, env)
    changed.stage({"stats.py": BEFORE})
    changed.write({"stats.py": "half-typed"})
    index = (changed.root / ".git" / "index").read_bytes()
    refs = changed.git("for-each-ref", "refs/heads", "refs/notes/commits")
    settled(changed)
    assert stored(changed, "HEAD") is not None
    assert (changed.root / ".git" / "index").read_bytes() == index
    assert (changed.root / "stats.py").read_text() == "half-typed"
    assert changed.git("for-each-ref", "refs/heads", "refs/notes/commits") == refs
    assert "half-typed" not in "".join(request["prompt"] for request in engine.requests(CHAT))


def test_many_commits_at_once_are_all_reviewed_by_one_worker(
    changed: Repo, engine: FakeEngine, env: dict[str, str]
) -> None:
    engine.update(Rule(path=CHAT, json=SAID | {"findings": []}, delay=0.5))
    heads = []
    for number in range(4):
        changed.stage({f"part{number}.py": f"def part{number}():\n    return {number}\n"})
        commit(changed, env, "-m", f"part {number}")
        heads.append(changed.head())
    settled(changed)
    assert all(stored(changed, head) for head in heads)
    assert max(request["in_flight"] for request in engine.requests(CHAT)) <= 2  # the two files of one commit


def test_commits_in_two_working_trees(changed: Repo, env: dict[str, str], tmp_path: Path) -> None:
    changed.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Repo(tmp_path / "side")
    side.stage({"stats.py": AFTER, "more.py": "x = 1\n"})
    commit(side, env, "-m", "side")
    commit(changed, env, "-a", "-m", "main", cwd=changed.root)
    settled(changed)
    assert stored(changed, side.head())
    assert stored(side, changed.head())
    assert reviewer("show", "side", cwd=changed.root).returncode == 0


def test_an_amended_commit_is_reviewed_anew_and_the_old_note_stays(changed: Repo, env: dict[str, str]) -> None:
    commit(changed, env)
    first = changed.head()
    settled(changed)
    changed.stage({"more.py": "x = 1\n"})
    commit(changed, env, "--amend", "--no-edit")
    second = changed.head()
    settled(changed)
    for commit_id in (first, second):
        note = stored(changed, commit_id)
        assert note is not None
        assert note["commit"] == commit_id
    # A note that git was told to copy says whose it is.
    changed.git("notes", "--ref=reviewer", "copy", "-f", first, second)
    assert f"this is the review of {first[:10]}" in reviewer("show", cwd=changed.root).stderr


def test_a_commit_that_is_amended_away_is_not_waited_for(
    changed: Repo, engine: FakeEngine, env: dict[str, str]
) -> None:
    engine.update(Rule(path=CHAT, match="def average", json=SAID, delay=3))
    commit(changed, env)
    reviewed = changed.head()
    time.sleep(1)
    changed.stage({"more.py": "x = 1\n"})
    commit(changed, env, "-m", "to be amended")
    amended = changed.head()
    commit(changed, env, "--amend", "-m", "amended")
    settled(changed)
    assert stored(changed, reviewed)
    assert stored(changed, changed.head())
    assert stored(changed, amended) is None


def test_a_rebase_does_not_review_what_it_copies(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    commit(changed, env)
    settled(changed)
    asked = len(engine.requests(CHAT))
    changed.git("checkout", "-q", "-b", "other", "HEAD~1")
    changed.commit("other", {"other.txt": "x\n"})
    changed.git("checkout", "-q", "main")
    changed.git("rebase", "-q", "other", env=env)
    settled(changed)
    assert len(engine.requests(CHAT)) == asked
    assert stored(changed, "HEAD") is None


def test_a_worker_that_was_killed_is_told_and_taken_up_again(
    changed: Repo, engine: FakeEngine, env: dict[str, str]
) -> None:
    changed.commit("second")
    settled(changed)
    folder = changed.root / ".git" / "reviewer" / "pending"
    head = changed.head()
    left = {"commit": head, "state": "running", "flags": {}, "since": 1.0, "attempts": 1, "detail": "", "told": False}
    (folder / f"{head}.json").write_text(json.dumps(left))
    cut = reviewer("show", cwd=changed.root)
    assert cut.returncode == 5
    assert "interrupted" in cut.stderr
    changed.stage({"more.py": "x = 1\n"})
    commit(changed, env, "-m", "third")
    settled(changed)
    assert stored(changed, head)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_worker_leaves_its_review_for_the_next(
    number: signal.Signals, changed: Repo, engine: FakeEngine, env: dict[str, str]
) -> None:
    engine.update(Rule(path=CHAT, match="def average", json=SAID, delay=60))
    commit(changed, env)
    head = changed.head()
    worker = asking_worker(changed, engine)
    worker.send_signal(number)
    worker.wait(30)
    interrupted = reviewer("show", cwd=changed.root)
    assert interrupted.returncode == 5
    assert f"the review of {head[:10]} was interrupted; the next commit restarts it" in interrupted.stderr
    assert "internal error" not in (changed.root / ".git" / "reviewer" / "worker.log").read_text()
    engine.update(Rule(path=CHAT, match="def average", json=SAID))
    changed.stage({"more.py": "x = 1\n"})
    commit(changed, env, "-m", "third")
    settled(changed)
    assert stored(changed, head)
    assert stored(changed, changed.head())


def asking_worker(repo: Repo, engine: FakeEngine) -> psutil.Process:
    """Wait until the worker of a repository asks the engine."""
    deadline = time.monotonic() + 60
    while not engine.requests(CHAT):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[-2:] == ["hook", "work"] and process.cwd() == str(repo.root):
                return process
    raise AssertionError("there is no worker")


def test_background_in_the_configuration(changed: Repo, env: dict[str, str]) -> None:
    assert reviewer("install", cwd=changed.root).stdout.count("post-commit: removed") == 1
    on = env | {"REVIEWER_BACKGROUND": "1"}
    said = commit(changed, on)
    assert "no post-commit hook (reviewer install --background)" in said
    changed.stage({"stats.py": BEFORE})
    # A gate that is set counts, too.
    gated = reviewer("hook", "pre-commit", cwd=changed.root, env=on | {"REVIEWER_FAIL_ON": "error"})
    assert gated.returncode == 1
    front = reviewer("hook", "pre-commit", "--no-background", cwd=changed.root, env=on)
    assert "The division fails" in front.stdout


@pytest.mark.parametrize("gate", [("--fail-on", "error"), ("--require",)])
def test_what_passes_every_commit_is_no_gate(gate: tuple[str, ...], changed: Repo) -> None:
    done = reviewer("hook", "pre-commit", "--background", *gate, cwd=changed.root)
    assert done.returncode == 2
    assert "--background" in done.stderr
    strict = "--strict" if gate[0] == "--fail-on" else "--require"
    assert reviewer("install", "--background", strict, cwd=changed.root).returncode == 2


def test_flags_of_the_hook_reach_the_review(changed: Repo, engine: FakeEngine) -> None:
    changed.git("commit", "-q", "--no-verify", "-m", "second", env=DEAD)
    settled(changed)
    url = engine.endpoint.url
    done = reviewer("hook", "post-commit", "--url", url, "--exclude", "*.md", cwd=changed.root, env=DEAD)
    assert done.returncode == 0
    settled(changed)
    assert stored(changed, "HEAD")


def test_the_hooks_leave_no_trace(changed: Repo) -> None:
    hooks = changed.root / ".git" / "hooks"
    assert {"pre-commit", "post-commit"} <= {path.name for path in hooks.iterdir()}
    assert reviewer("uninstall", cwd=changed.root).stdout.count("removed") == 2
    assert not {"pre-commit", "post-commit"} & {path.name for path in hooks.iterdir()}
