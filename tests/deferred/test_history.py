"""Past reviews and running ones, as files in the git folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from reviewer.deferred import history
from reviewer.deferred.history import History
from reviewer.errors import UsageError
from reviewer.report import FORMATS, RenderOptions
from reviewer.terminal.progress import SILENT, Both
from tests.report.samples import FINDINGS, SAMPLES, SECRETS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repo import Repo


@pytest.fixture
def past(repo: Repo) -> History:
    return History(repo.root / ".git")


@pytest.mark.parametrize("name", ["findings", "proven", "summary", "unread", "hostile", "non-ascii", "nothing"])
def test_a_stored_review_is_shown_as_it_was(name: str, past: History) -> None:
    review, _ = SAMPLES[name]
    past.record(review)
    (stored,) = past.names()
    again = past.read(stored).review
    options = RenderOptions(advisory=True)
    assert FORMATS["html"](again, options).split("<main")[1] == FORMATS["html"](review, options).split("<main")[1]


def test_secrets_are_not_stored(past: History, repo: Repo) -> None:
    past.record(SECRETS)
    (file,) = (repo.root / ".git" / "reviewer" / "reviews").iterdir()
    text = file.read_text(encoding="utf-8")
    assert "tr0ub4dor" not in text
    assert "walnut-7" not in text
    assert "aB3dE5gH7jK9" not in text
    assert "region: north" in text


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_only_the_owner_can_read_it(past: History, repo: Repo) -> None:
    past.record(FINDINGS)
    (file,) = (repo.root / ".git" / "reviewer" / "reviews").iterdir()
    assert file.stat().st_mode & 0o077 == 0


def test_the_oldest_are_dropped(past: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEPT", 3)
    for _ in range(5):
        past.record(FINDINGS)
        last = past.names()[0]
    assert len(past.names()) == 3
    assert past.names()[0] == last


def test_the_code_of_a_huge_review_is_not_stored(past: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_MAX_CODE", 100)
    past.record(FINDINGS)
    review = past.read(past.names()[0]).review
    assert [one.message for one in review.shown] == [one.message for one in FINDINGS.shown]
    assert not any(unit.lines for unit in review.units)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"lines": [[]]},
        {"lines": [[["+", "1", 1, "x"]], [], []]},
        {"lines": [[["?", 1, 1, "x"]], [], []]},
        {"report": {"schema_version": "1.0"}},
        {"report": []},
    ],
)
def test_a_damaged_review_is_a_usage_error(change: dict[str, object], past: History, repo: Repo) -> None:
    past.record(FINDINGS)
    (file,) = (repo.root / ".git" / "reviewer" / "reviews").iterdir()
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    with pytest.raises(UsageError):
        past.read(file.stem)


@pytest.mark.parametrize("name", ["", "../../config", "running-1", "1795716692706510346-1"])
def test_other_names_are_not_read(name: str, past: History) -> None:
    with pytest.raises(UsageError):
        past.read(name)


def test_a_deleted_repository_is_not_recreated(tmp_path: Path) -> None:
    gone = History(tmp_path / "gone")
    gone.record(FINDINGS)
    with gone.running("staged changes") as reporter:
        reporter.step("reviewing")
    assert not (tmp_path / "gone").exists()


def test_a_running_review_and_its_steps(past: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_EVERY", 0.0)
    with past.running("staged changes") as reporter:
        both = Both(SILENT, reporter)
        both.step("reviewing")
        both.advance(2, 5, "hunks")
        (one,) = past.all_running()
        assert (one.subject, one.step, one.pid) == ("staged changes", "reviewing  2 of 5 hunks", os.getpid())
        assert abs(one.since - time.time()) < 60
    assert past.all_running() == []


def test_a_review_that_was_killed_is_not_running(past: History, repo: Repo) -> None:
    code = (
        "import os, sys, pathlib\nfrom reviewer.deferred.history import History\n"
        "with History(pathlib.Path(sys.argv[1])).running('x'):\n    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(repo.root / ".git")], check=False)
    folder = repo.root / ".git" / "reviewer" / "reviews"
    (file,) = folder.glob("running-*.json")
    assert past.all_running() == []
    os.utime(file, (1, 1))
    with past.running("y"):
        assert not file.exists()
