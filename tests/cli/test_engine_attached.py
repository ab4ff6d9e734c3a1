"""``reviewer engine status`` of servers that somebody else runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reviewer.cli import run
from tests.fake_engine import FakeEngine, Script

if TYPE_CHECKING:
    import pytest

DEAD = "http://127.0.0.1:9"


def test_status_shows_every_endpoint(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeEngine(Script(metrics={"vllm:num_requests_waiting": 3}), tcp=True, api_key="hush") as engine:
        monkeypatch.setenv("REVIEWER_ENGINE_URL", f"{engine.endpoint.url}, {DEAD}")
        monkeypatch.setenv("REVIEWER_ENGINE_API_KEY", "hush")
        assert run(["engine", "status"]) == 0
        shown = capsys.readouterr().out.splitlines()
        assert run(["engine", "status", "--json"]) == 0
        first, second = json.loads(capsys.readouterr().out)
    assert shown[:2] == ["fake  attached, 0 running, 3 waiting", f"  {engine.endpoint.url}"]
    assert shown[2].startswith(f"{DEAD}  unusable: nothing answers")
    assert "hush" not in str(shown)
    assert (first["status"], first["model"], first["requests_waiting"]) == ("attached", "fake", 3)
    assert (second["status"], second["endpoint"]) == ("unusable", DEAD)


def test_wrong_settings_hide_no_engine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("REVIEWER_ENGINE_URL", "ftp://box")
    assert run(["engine", "status"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "no engine is running\n"
    assert "not an http or https address" in shown.err
