"""The commands as processes on real vLLM: hooks and Ctrl-C on a cold engine first, then one warm engine for all."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from reviewer import processes
from reviewer.engine.server import registry, state
from reviewer.engine.server.state import Status
from tests.command import reviewer_anew as reviewer
from tests.engine_real.samples import BEFORE, STAGED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reviewer.engine.server.state import ServerState
    from tests.repo import Repo

pytestmark = [
    pytest.mark.real_engine,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.name == "nt", reason="vLLM does not run on Windows"),
]

AREA = '''\
def area(width, height):
    """Return the area of a rectangle."""
    return width * height


def volume(width, height, depth):
    """Return the volume of a box."""
    return area(width, height) * depth
'''


@pytest.fixture
def changed(repo: Repo) -> Repo:
    repo.commit("first", BEFORE)
    repo.stage(STAGED)
    return repo


@pytest.fixture
def cold(shared: Path) -> Path:
    registry.stop_all()
    return shared


def begin(*args: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    # A job in a shell's background ignores Ctrl-C, and its children inherit that; a handler is not inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "reviewer", *args],
        cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **(env or {})},
    )  # fmt: skip


def wait_for(true: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def engine_pids() -> set[int]:
    """Every process of every engine of this folder, told by what it inherited and not by a state file."""
    return {one.pid for one in processes.marked(registry.Place.at().marker)}


def test_ctrl_c_while_the_engine_starts_leaves_no_process(cold: Path, changed: Repo) -> None:
    review = begin("review", cwd=changed.root)
    wait_for(lambda: len(engine_pids()) > 2)  # its supervisor, itself, and the first of its own children
    review.send_signal(signal.SIGINT)
    output, errors = review.communicate(timeout=60)
    assert (review.returncode, output) == (130, ""), errors
    assert engine_pids() == set()
    assert registry.running() == []


def test_a_cold_hook_out_of_time_lets_the_commit_go_on_and_the_engine_warm(cold: Path, changed: Repo) -> None:
    began = time.monotonic()
    hook = reviewer("hook", "pre-commit", cwd=changed.root, env={"REVIEWER_HOOK_BUDGET": "1"})
    assert time.monotonic() - began < 10
    assert (hook.returncode, hook.stdout) == (0, "")
    said = [line for line in hook.stderr.splitlines() if "continuing without a review" in line]
    assert len(said) == 1, hook.stderr
    assert "still loading" in said[0]
    (engine,) = registry.running()
    assert engine.status is Status.STARTING


def test_two_hooks_at_once_start_one_engine(cold: Path, changed: Repo) -> None:
    patient = {"REVIEWER_HOOK_BUDGET": "600", "REVIEWER_HOOK_DEADLINE": "600"}
    hooks = [begin("hook", "pre-commit", cwd=changed.root, env=patient) for _ in range(2)]
    started: set[str] = set()
    while any(hook.poll() is None for hook in hooks):
        started |= {record.marker for record in state.read_all(registry.Place.at().run)}
        time.sleep(0.2)
    for hook in hooks:
        output, errors = hook.communicate()
        assert hook.returncode == 0, errors
        assert "2 hunks in 2 files" in output, errors
        assert "not read" not in output
    (engine,) = registry.running()
    assert engine.status is Status.READY
    assert len(started) == 1
    assert engine_pids() == set(engine.processes)


def test_a_commit_runs_the_hook_on_the_warm_engine(warm: ServerState, changed: Repo) -> None:
    assert reviewer("install", cwd=changed.root).returncode == 0
    done = subprocess.run(
        ["git", "-c", "user.name=Test", "-c", "user.email=test@example.invalid", "commit", "-m", "second"],
        cwd=changed.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 hunks in 2 files" in done.stderr + done.stdout
    assert changed.git("log", "-1", "--format=%s").decode().strip() == "second"


def test_explain_some_lines(warm: ServerState, changed: Repo) -> None:
    changed.write({"area.py": AREA})
    asked = ("explain", "area.py:6-8", "--question", "What does volume return?")
    done = reviewer(*asked, cwd=changed.root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert done.stdout == done.stdout.strip() + "\n"


def test_complete_gives_the_missing_code_alone(warm: ServerState, changed: Repo) -> None:
    changed.write({"area.py": AREA.replace("return width * height", "return ")})
    done = reviewer("complete", "area.py:3:12", cwd=changed.root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "```" not in done.stdout
    # The line that stands after the cursor already.
    assert "def volume(width, height, depth):" not in done.stdout.splitlines()
    assert (changed.root / "area.py").read_text().startswith(AREA[: AREA.index("return ")])


class Relay:
    """Real vLLM over TCP without another start: passes each connection on to the engine's socket."""

    def __init__(self, uds: Path) -> None:
        self._uds = uds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(self._uds))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, sink: socket.socket) -> None:
        with source, contextlib.suppress(OSError):  # either end may leave first
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def url(warm: ServerState) -> Iterator[str]:
    assert warm.endpoint is not None
    assert warm.endpoint.uds is not None
    relay = Relay(warm.endpoint.uds)
    yield relay.url
    relay.close()


def test_an_engine_at_a_url_is_used_and_left_alone(url: str, home: Path, changed: Repo) -> None:
    elsewhere = {"REVIEWER_ENGINE_URL": url, "REVIEWER_HOME": str(home / "elsewhere"), "REVIEWER_ENGINE_PYTHON": ""}
    done = reviewer("review", "--no-embedded", cwd=changed.root, env=elsewhere)
    assert done.returncode == 0, done.stderr
    assert "2 hunks in 2 files" in done.stdout
    assert "from cache" not in done.stdout
    assert not list((home / "elsewhere").glob("run/*.json")), "nothing was started there"
    (engine,) = registry.running()
    assert engine.status is Status.READY
