"""``reviewer ci --post`` as a CI job runs it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.command import reviewer
from tests.posting.conftest import AFTER, BEFORE
from tests.posting.fake_forge import TOKEN, FakeForge, Fault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repo import Repo

CI = ("ci", "--no-model")


@pytest.fixture
def topic(repo: Repo) -> Repo:
    """A branch with findings, checked out."""
    repo.commit("first", dict(BEFORE))
    repo.git("switch", "-q", "-c", "topic")
    repo.commit("second", dict(AFTER))
    return repo


def job(forge: FakeForge, repo: Repo, folder: Path) -> dict[str, str]:
    """The variables of a pull request's job on GitHub."""
    event = folder / "event.json"
    base, head = (repo.git("rev-parse", name).decode().strip() for name in ("main", "topic"))
    pull = {"number": 7, "pull_request": {"number": 7, "base": {"sha": base}, "head": {"sha": head}}}
    event.write_text(json.dumps(pull), encoding="utf-8")
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_API_URL": forge.api,
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_SHA": head,
        "GITHUB_TOKEN": TOKEN,
    }


def test_a_job_posts_and_the_findings_decide(topic: Repo, tmp_path: Path) -> None:
    with FakeForge("github", topic.root, base="main", head="topic") as forge:
        done = reviewer(*CI, "--post", cwd=topic.root, env=job(forge, topic, tmp_path))
        assert done.returncode == 1, done.stderr
        assert len(forge.state["threads"]) == 4
        assert len(forge.state["comments"]) == 1
        assert "posted to o/r#7: 4 new comments" in done.stderr
        assert "::error" in done.stdout
        assert TOKEN not in done.stdout + done.stderr
        again = reviewer(*CI, "--post", "github", cwd=topic.root, env=job(forge, topic, tmp_path))
        assert "0 new comments, 4 from earlier" in again.stderr
        assert len(forge.state["threads"]) == 4


def test_a_failure_to_post(topic: Repo, tmp_path: Path) -> None:
    with FakeForge("github", topic.root, base="main", head="topic", read_only=True) as forge:
        env = job(forge, topic, tmp_path)
        done = reviewer(*CI, "--post", "--fail-on", "never", cwd=topic.root, env=env)
        assert done.returncode == 6
        assert "Resource not accessible by integration" in done.stderr
        assert "pull-requests: write" in done.stderr
        assert "fork" in done.stderr
        assert "F632" in (topic.root / "reviewer-report.json").read_text(encoding="utf-8")
        assert "F632" in done.stdout
        assert reviewer(*CI, "--post", cwd=topic.root, env=env).returncode == 1


def test_what_the_forge_says_is_not_a_command(topic: Repo, tmp_path: Path) -> None:
    with FakeForge("github", topic.root, base="main", head="topic") as forge:
        forge.break_with(Fault("", 403, {"message": "no\n::error::x ##[group] \x1b[31m"}, times=9))
        done = reviewer(*CI, "--post", "--fail-on", "never", cwd=topic.root, env=job(forge, topic, tmp_path))
        assert done.returncode == 6
        assert not re.search(r"^\s*::|##\[|\x1b", done.stderr, re.MULTILINE)


def test_a_dry_run(topic: Repo, tmp_path: Path) -> None:
    hostile = """def size(x):\n    return {'a': 1, 'a': 2}, '''\n::error::x\n##[group]'''\n"""
    topic.commit("hostile", {"b.py": hostile})
    with FakeForge("github", topic.root, base="main", head="topic") as forge:
        env = job(forge, topic, tmp_path)
        done = reviewer(*CI, "--post", "--dry-run", cwd=topic.root, env=env)
        assert done.returncode == 1
        assert forge.writes == []
        assert TOKEN not in done.stdout + done.stderr
        assert not re.search(r"^\s*::|##\[", done.stdout, re.MULTILINE)
        first, second = re.split(r"^POST ", done.stdout, flags=re.MULTILINE)[1:]
        url, _, body = first.partition("\n")
        assert url == f"{forge.api}/repos/o/r/pulls/7/reviews"
        assert len(json.loads(body)["comments"]) == 4
        assert second.startswith(f"{forge.api}/repos/o/r/issues/7/comments\n")
        assert "would post to o/r#7: 4 new comments" in done.stderr
        without = reviewer(*CI, "--post", "--dry-run", cwd=topic.root, env=env | {"GITHUB_TOKEN": ""})
        assert without.stdout == done.stdout
        assert "existing comments are not read" in without.stderr


@pytest.mark.parametrize(
    ("args", "env", "said"),
    [
        (["--dry-run"], {}, "--pull-request and --dry-run need --post"),
        (["--post"], {}, "cannot determine the pull request"),
        (["--post", "bitbucket"], {}, "--post"),
        (["--post", "--pull-request", "https://github.com/o/r/pull/7"], {}, "set GITHUB_TOKEN or GH_TOKEN"),
        (["--post", "gitlab", "--pull-request", "https://github.com/o/r/pull/7"], {"GITHUB_TOKEN": "x"}, "on github"),
        (["--post", "--pull-request", "http://github.com/o/r/pull/7"], {"GITHUB_TOKEN": "x"}, "only sent over https"),
        (["--post", "--pull-request", "https://github.com/o/r"], {}, "not the address of a pull request"),
    ],
)
def test_what_is_refused_before_the_review(args: list[str], env: dict[str, str], said: str, topic: Repo) -> None:
    done = reviewer(*CI, "--base", "main", *args, cwd=topic.root, env=env)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (topic.root / "reviewer-report.json").exists()


def test_a_job_without_a_pull_request(topic: Repo, tmp_path: Path) -> None:
    env = {"GITHUB_ACTIONS": "true", "GITHUB_SHA": topic.head(), "GITHUB_TOKEN": TOKEN}
    done = reviewer(*CI, "--base", "main", "--post", cwd=topic.root, env=env)
    assert done.returncode == 1
    assert "this job does not belong to a pull request" in done.stderr


def test_the_repository_does_not_choose_the_forge(topic: Repo) -> None:
    topic.git("switch", "-q", "main")
    topic.commit("settings", {".reviewer.toml": 'post = "https://evil.invalid/o/r/pulls/7"\n'})
    topic.git("switch", "-q", "topic")
    done = reviewer(*CI, "--base", "main", "--post", cwd=topic.root)
    assert done.returncode == 2
    assert "evil" not in done.stderr
