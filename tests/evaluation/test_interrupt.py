"""Ctrl-C in the middle of an evaluation, as a terminal sends it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.command import reviewer
from tests.fake_engine import FakeEngine, Rule, Script

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT to one process")

CASES = Path(__file__).resolve().parents[2] / "bench" / "cases"


def test_what_was_done_is_kept_and_said_and_the_same_command_goes_on(tmp_path: Path) -> None:
    cases = tmp_path / "cases"
    cases.mkdir()
    for name in ("python-clean-rename.toml", "shell-pipe-status.toml"):
        shutil.copy(CASES / name, cases)
    log = tmp_path / "cases.results.jsonl"
    reply = {"explanation": "Renames a name in the function.", "findings": []}
    slow = Rule(match=r"^\S+\.sh\b", json=reply, delay=60)
    quick = Rule(match=r"^\S+\.py\b", json=reply)
    with FakeEngine(Script(rules=[quick, slow]), tcp=True) as engine:
        env = {"REVIEWER_ENGINE_URL": engine.endpoint.url}
        signal.signal(signal.SIGINT, signal.default_int_handler)
        running = subprocess.Popen(
            [sys.executable, "-P", "-m", "reviewer", "eval", str(cases)],
            cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **env},
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while not (log.exists() and log.read_text().count("\n") == 1):
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=30)
        assert running.returncode == 130
        assert "cases.results.jsonl; run the same command again to resume" in " ".join(told.split())
        engine.update(Rule(json=reply))
        known = len(engine.requests("/v1/chat/completions"))
        done = reviewer("eval", str(cases), cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        assert "2 of 2 cases reviewed" in done.stdout
        again = engine.requests("/v1/chat/completions")[known:]
        assert again
        assert not any(".py" in request["body"]["messages"][-1]["content"] for request in again)
