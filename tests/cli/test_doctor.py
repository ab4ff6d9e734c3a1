from __future__ import annotations

from typing import TYPE_CHECKING

from tests.command import reviewer
from tests.fake_engine import FakeEngine

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repo import Repo


def test_a_new_machine_is_told_what_to_install(changed: Repo) -> None:
    done = reviewer("doctor", cwd=changed.root, env={"REVIEWER_EMBEDDED": "1"})
    assert done.returncode == 3, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) < 24
    assert all(len(line) < 200 for line in lines)
    assert any(line.startswith("ok  git") for line in lines)
    assert any(line.startswith("!!  engine") for line in lines)
    assert any(line.startswith("!!  model") for line in lines)
    assert "To do:\n  reviewer engine install" in done.stdout
    assert "reviewer model install --embedded" in done.stdout


def test_hooks_and_wrong_settings_are_named(changed: Repo) -> None:
    assert reviewer("install", "--strict", cwd=changed.root).returncode == 0
    changed.write({".reviewer.toml": "modle = 1\n"})
    done = reviewer("doctor", cwd=changed.root)
    assert done.returncode == 2
    assert "hooks: pre-commit --fail-on error" in done.stdout
    assert "!!  settings" in done.stdout
    assert "did you mean 'model'?" in done.stdout


def test_an_endpoint_that_answers_is_well(tmp_path: Path) -> None:
    with FakeEngine(tcp=True) as engine:
        done = reviewer("doctor", cwd=tmp_path, env={"REVIEWER_ENGINE_URL": engine.endpoint.url})
    assert done.returncode == 0, done.stdout
    assert "!!" not in done.stdout
    assert "ok  endpoint" in done.stdout
    dead = reviewer("doctor", cwd=tmp_path, env={"REVIEWER_ENGINE_URL": "http://127.0.0.1:1"})
    assert dead.returncode == 3
    assert "!!  endpoint" in dead.stdout
