"""pre-commit itself, on a real repository: it clones this project, installs the package and runs the hook."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fake_engine import FakeEngine, Rule, Script
from tests.repo import AFTER, BEFORE, Repo

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]
# What a checkout consists of; a copy is committed, so that uncommitted work is what is tested.
PARTS = ("reviewer", "prompts", "hooks", "rules", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")

pytestmark = pytest.mark.xdist_group("precommit")  # one installation serves all of them


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """This project as a repository that pre-commit can clone."""
    root = tmp_path_factory.mktemp("package")
    for part in PARTS:
        source = PROJECT / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__", "_assets"))
        else:
            shutil.copy2(source, root / part)
    repo = Repo.init(root)
    repo.stage()
    repo.commit("package")
    return repo


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps its clones and environments."""
    return tmp_path_factory.mktemp("pre-commit")


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    found: dict[str, Any] = {
        "line": 2,
        "severity": "error",
        "category": "bug",
        "message": "ZeroDivisionError when values is empty",
        "fix": BEFORE.splitlines()[1],
    }
    reply = {"explanation": "Drops the guard for an empty list.", "findings": [found]}
    with FakeEngine(Script(rules=[Rule(match="def average", json=reply)]), tcp=True) as running:
        yield running


@pytest.fixture
def env(engine: FakeEngine, cache: Path) -> dict[str, str]:
    return {"PRE_COMMIT_HOME": str(cache), "REVIEWER_ENGINE_URL": engine.endpoint.url}


def run(argv: list[str], repo: Repo, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=repo.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, **env},
    )


def pre_commit(repo: Repo, env: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-m", "pre_commit", *args], repo, env)


def git(repo: Repo, env: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"]
    return run(["git", *identity, *args], repo, env)


def configure(repo: Repo, package: Repo, hook: str) -> None:
    config = f"repos:\n  - repo: {package.root}\n    rev: {package.head()}\n    hooks:\n      - id: {hook}\n"
    repo.write({".pre-commit-config.yaml": config})


def test_try_repo(changed: Repo, package: Repo, env: dict[str, str]) -> None:
    done = pre_commit(changed, env, "try-repo", str(package.root), "vllm-reviewer", "--ref", package.head())
    assert done.returncode == 0, done.stdout
    assert "Passed" in done.stdout
    assert "ZeroDivisionError" in done.stdout  # shown although it passed


@pytest.mark.parametrize(("hook", "code"), [("vllm-reviewer", 0), ("vllm-reviewer-strict", 1)])
def test_a_commit_through_pre_commit(hook: str, code: int, changed: Repo, package: Repo, env: dict[str, str]) -> None:
    configure(changed, package, hook)
    changed.git("add", ".pre-commit-config.yaml")
    changed.write({"stats.py": AFTER + "LATER = 'not staged'\n"})
    assert pre_commit(changed, env, "install").returncode == 0
    done = git(changed, env, "commit", "-m", "second")
    assert done.returncode == code, done.stdout
    assert "ZeroDivisionError" in done.stdout
    recorded = changed.git("show", "HEAD:stats.py").decode()
    assert recorded == (BEFORE if code else AFTER)
    assert "not staged" in (changed.root / "stats.py").read_text()


def test_a_missing_engine_stops_no_commit(changed: Repo, package: Repo, env: dict[str, str]) -> None:
    configure(changed, package, "vllm-reviewer-strict")
    changed.git("add", ".pre-commit-config.yaml")
    assert pre_commit(changed, env, "install").returncode == 0
    done = git(changed, env | {"REVIEWER_ENGINE_URL": "http://127.0.0.1:1"}, "commit", "-m", "second")
    assert done.returncode == 0, done.stdout
    assert "continuing without a review" in done.stdout


def test_a_review_that_follows_through_pre_commit(changed: Repo, package: Repo, env: dict[str, str]) -> None:
    configure(changed, package, "vllm-reviewer-background\n      - id: vllm-reviewer-follow-up")
    changed.git("add", ".pre-commit-config.yaml")
    stages = ("--hook-type", "pre-commit", "--hook-type", "post-commit")
    assert pre_commit(changed, env, "install", *stages).returncode == 0
    done = git(changed, env, "commit", "-m", "second")
    assert done.returncode == 0, done.stdout
    assert f"reviewing {changed.head()[:10]} in the background" in done.stdout
    assert "no post-commit hook" not in done.stdout
    deadline = time.monotonic() + 60
    while not (note := changed.git("notes", "--ref=reviewer", "show", "HEAD", check=False)):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert b"ZeroDivisionError" in note


@pytest.mark.parametrize("args", [(), ("-m", "Mine")])
def test_a_message_through_pre_commit(
    args: tuple[str, ...], changed: Repo, package: Repo, engine: FakeEngine, env: dict[str, str]
) -> None:
    summary = {
        "summary": "Lets average fail.", "risk_reason": "Callers fail.", "risk": "high", "look_first": 1,
        "commit_subject": "Drop the guard of average", "commit_body": "",
    }  # fmt: skip
    piece = {"explanation": "Drops the guard of average for values that are empty.", "findings": []}
    engine.update(Rule(match="Summarize one code change", json=summary), Rule(json=piece))
    configure(changed, package, "vllm-reviewer\n      - id: vllm-reviewer-commit-message")
    stages = ("--hook-type", "pre-commit", "--hook-type", "prepare-commit-msg")
    assert pre_commit(changed, env, "install", *stages).returncode == 0
    changed.git("add", ".pre-commit-config.yaml")
    done = git(changed, env | {"GIT_EDITOR": "true"}, "commit", *args)
    assert done.returncode == 0, done.stdout
    assert changed.git("log", "-1", "--format=%s").decode().strip() == (
        args[-1] if args else "Drop the guard of average"
    )


@pytest.mark.parametrize("known", [True, False])
def test_a_push_through_pre_commit(
    known: bool, changed: Repo, package: Repo, env: dict[str, str], tmp_path: Path
) -> None:
    Repo.init(tmp_path / "remote.git", "--bare")
    changed.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    if known:
        changed.git("push", "-q", "origin", "HEAD:main")
    changed.commit("second")
    configure(changed, package, "vllm-reviewer-pre-push")
    assert pre_commit(changed, env, "install", "--hook-type", "pre-push").returncode == 0
    done = git(changed, env, "push", "origin", "main")
    assert done.returncode == 0, done.stdout
    assert "ZeroDivisionError" in done.stdout


def test_a_range_through_pre_commit(changed: Repo, package: Repo, env: dict[str, str]) -> None:
    base = changed.head()
    changed.commit("second")
    configure(changed, package, "vllm-reviewer-strict")
    done = pre_commit(changed, env, "run", "--from-ref", base, "--to-ref", "HEAD")
    assert done.returncode == 1, done.stdout
    assert "ZeroDivisionError" in done.stdout


def test_all_files_through_pre_commit(changed: Repo, package: Repo, env: dict[str, str]) -> None:
    changed.commit("second", {"other.py": "x = 1\n"})
    configure(changed, package, "vllm-reviewer-strict")
    changed.commit("third", {".pre-commit-config.yaml": (changed.root / ".pre-commit-config.yaml").read_text()})
    done = pre_commit(changed, env, "run", "--all-files")
    assert done.returncode == 1, done.stdout
    assert "ZeroDivisionError" in done.stdout
    one = pre_commit(changed, env, "run", "--files", "other.py")
    assert one.returncode == 0, one.stdout
    assert "1 hunk in 1 file" in one.stdout


def test_more_files_than_the_limit_fail_through_pre_commit(changed: Repo, package: Repo, env: dict[str, str]) -> None:
    changed.commit("second", {"other.py": "x = 1\n"})
    configure(changed, package, "vllm-reviewer\n        args: [--max-files, '1']")
    done = pre_commit(changed, env, "run", "--all-files")
    assert done.returncode == 1, done.stdout
    assert "the limit is 1" in done.stdout
