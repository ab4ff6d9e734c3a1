"""Dismissing by the ids of a real report, and what later reviews make of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from reviewer.errors import ExitCode
from reviewer.silencing.dismissal import Dismissals
from tests.command import reviewer
from tests.fake_engine import FakeEngine, Rule, Script
from tests.repo import AFTER, BEFORE, Repo

if TYPE_CHECKING:
    from collections.abc import Iterator

ID = "4b5fc"  # the first digits of the finding's fingerprint


@pytest.fixture(scope="module")
def engine() -> Iterator[FakeEngine]:
    found = {"line": 2, "severity": "error", "category": "bug", "message": "ZeroDivisionError when values is empty"}
    reply = {"explanation": "Drops the guard for an empty list.", "findings": [{**found, "fix": ""}]}
    with FakeEngine(Script(rules=[Rule(match="def average", json=reply)]), tcp=True) as running:
        yield running


@pytest.fixture
def reviewed(repo: Repo, env: dict[str, str]) -> Repo:
    repo.commit("first", {"stats.py": BEFORE})
    repo.stage({"stats.py": AFTER})
    assert f"[{ID}]" in reviewer("review", cwd=repo.root, env=env).stdout
    return repo


def findings(repo: Repo, env: dict[str, str], *args: str) -> list[dict[str, Any]]:
    report = json.loads(reviewer("review", "--format", "json", *args, cwd=repo.root, env=env).stdout)
    found: list[dict[str, Any]] = report["findings"]
    return found


def test_a_dismissed_finding_is_not_heard_of_again(reviewed: Repo, env: dict[str, str]) -> None:
    done = reviewer("dismiss", ID, "--reason", "values is never empty", cwd=reviewed.root)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"{ID} dismissed: stats.py" in done.stderr
    done = reviewer("review", "--fail-on", "error", cwd=reviewed.root, env=env)
    assert done.returncode == 0
    assert "nothing found" in done.stdout
    assert "hidden    1 finding (dismissed 1)" in done.stdout
    (found,) = findings(reviewed, env)
    assert (found["shown"], found["marks"]) == (False, ["suppressed"])
    assert found["silenced"] == {"by": "dismissed", "reason": "values is never empty"}
    # The line may move, in another working tree, in a commit, under a hook.
    other = Repo(reviewed.root.parent / "other")
    reviewed.git("worktree", "add", "-q", "-b", "other", str(other.root))
    other.commit("more", {"stats.py": "import os\n\n\n" + BEFORE})
    other.stage({"stats.py": "import os\n\n\n" + AFTER.replace("    return", "        return")})
    assert [one["shown"] for one in findings(other, env)] == [False]
    assert "ZeroDivisionError" not in reviewer("hook", "pre-commit", cwd=other.root, env=env).stdout
    other.commit("moved")
    assert [one["shown"] for one in findings(other, env, "HEAD")] == [False]


def test_it_can_be_taken_back(reviewed: Repo, env: dict[str, str]) -> None:
    reviewer("dismiss", ID, "--reason", "no\x1b[31m", cwd=reviewed.root)
    listed = reviewer("dismiss", "--list", cwd=reviewed.root)
    (known,) = Dismissals(reviewed.root / ".git").all()
    assert listed.stdout.startswith(f"{ID}  ")
    assert "stats.py bug ZeroDivisionError" in listed.stdout
    assert "\x1b" not in listed.stdout
    assert reviewer("dismiss", "--undo", ID, cwd=reviewed.root).returncode == 0
    assert [one["shown"] for one in findings(reviewed, env)] == [True]
    reviewer("dismiss", ID, cwd=reviewed.root)
    assert [one["shown"] for one in findings(reviewed, env)] == [False]
    # The last review does not show it, and the id still works.
    assert reviewer("dismiss", "--undo", ID, cwd=reviewed.root).returncode == 0
    assert [one["shown"] for one in findings(reviewed, env)] == [True]
    reviewer("dismiss", ID[:4], cwd=reviewed.root)
    assert reviewer("dismiss", "--undo", known.fingerprint, cwd=reviewed.root).returncode == 0
    assert [one["shown"] for one in findings(reviewed, env)] == [True]
    done = reviewer("dismiss", "--undo", known.fingerprint, cwd=reviewed.root)
    assert (done.returncode, "is not dismissed" in done.stderr) == (ExitCode.USAGE, True)
    assert "no findings are dismissed" in reviewer("dismiss", "--list", cwd=reviewed.root).stderr


def test_the_model_and_the_kind_of_finding_are_kept(reviewed: Repo) -> None:
    reviewer("dismiss", ID, "--reason", "no", cwd=reviewed.root)
    (known,) = Dismissals(reviewed.root / ".git").all()
    assert (known.model, known.category, known.severity) == ("fake", "bug", "error")


def test_a_damaged_list_stops_no_review(reviewed: Repo, env: dict[str, str]) -> None:
    (reviewed.root / ".git/reviewer/dismissed.jsonl").mkdir()
    done = reviewer("hook", "pre-commit", cwd=reviewed.root, env=env)
    assert "ZeroDivisionError" in done.stdout
    assert "dismissed findings are shown" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "specify finding IDs"),
        (["--undo"], "specify finding IDs"),
        (["--list", ID], "--list cannot be combined"),
        (["--undo", ID, "--reason", "x"], "mutually exclusive"),
        (["fffff"], "no finding fffff in the last review"),
        (["--undo", ID], f"{ID} is not dismissed"),
    ],
)
def test_wrong_use(args: list[str], said: str, reviewed: Repo) -> None:
    done = reviewer("dismiss", *args, cwd=reviewed.root)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert said in done.stderr


def test_what_a_rule_found_can_be_dismissed(repo: Repo) -> None:
    repo.commit("first", {"load.py": "def load(seen=None):\n    return seen\n"})
    repo.stage({"load.py": "def load(seen=[]):\n    return seen\n"})
    (found,) = findings(repo, {}, "--no-model")
    done = reviewer("dismiss", found["id"], cwd=repo.root)
    assert f"undo: reviewer dismiss --undo {found['id']}" in done.stderr
    assert [one["shown"] for one in findings(repo, {}, "--no-model")] == [False]
    assert reviewer("dismiss", "--undo", found["id"], cwd=repo.root).returncode == 0
    # Other lines above it and other findings do not change its id.
    above = "import os\n\n\ndef one():\n    try:\n        return os\n    except:\n        return 1\n\n\n"
    repo.stage({"load.py": above + "def load(seen=[]):\n    return seen\n"})
    again = findings(repo, {}, "--no-model")
    assert len(again) == 2
    assert [one["id"] for one in again if one["line"] == 11] == [found["id"]]
