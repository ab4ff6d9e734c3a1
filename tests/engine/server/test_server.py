"""One engine per configuration: real processes, real sockets, real signals."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import psutil
import pytest

from reviewer import processes
from reviewer.engine.client.client import EngineClient
from reviewer.engine.server import begin, registry, state
from reviewer.engine.server.server import Server, ServerSpec
from reviewer.engine.server.state import Status
from reviewer.errors import EngineNotReadyError, EngineRequestError, EngineStartError
from tests.fake_engine import SERVED_NAME, Rule, Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the fake engine's processes end with POSIX signals")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short folder, for the sockets; whatever still runs there at the end is stopped."""
    path = Path(tempfile.mkdtemp(prefix="srv-"))
    yield path
    registry.stop_all(path / "run")
    shutil.rmtree(path)


@pytest.fixture
def make(folder: Path) -> Callable[..., Server]:
    """Makes servers whose engine follows a script."""

    def make_server(
        script: Script | None = None, *, key: str = "k1", ready_timeout: float = 60.0, argv: tuple[str, ...] = ()
    ) -> Server:
        home = folder / key
        home.mkdir(exist_ok=True)
        spec = ServerSpec(
            argv=argv or (*(script or Script()).argv(home), "--model", "/models/x", "--max-model-len", "4096"),
            env={"SOME_SETTING": "1"}, model="org/Fake-Model", served_name=SERVED_NAME, key=key,
            memory_limit_bytes=2_000_000_000, planned_bytes=1_000_000_000, ready_timeout=ready_timeout,
        )  # fmt: skip
        return Server(spec, folder / "run")

    return make_server


class Recorder:
    """Records progress."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.totals: set[float | None] = set()

    def step(self, message: str) -> None:
        self.steps.append(message)

    def advance(self, done: float, total: float | None, unit: str = "") -> None:
        self.totals.add(total)


def marked(folder: Path) -> list[psutil.Process]:
    return processes.marked(registry.Place.at(folder / "run").marker)


def engines(folder: Path) -> list[psutil.Process]:
    """The same without the supervisors."""
    return [
        one
        for one in marked(folder)
        if not any("reviewer.engine.supervisor.supervisor" in part for part in one.cmdline())
    ]


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)


def test_starts_answers_and_stops_without_a_trace(make: Callable[..., Server], folder: Path) -> None:
    server = make()
    assert server.state().status is Status.STOPPED
    endpoint = server.start()
    ready = server.state()
    assert ready.status is Status.READY
    assert ready.endpoint == endpoint
    assert ready.memory_bytes is not None
    assert ready.memory_bytes > 5_000_000
    assert ready.planned_bytes == 1_000_000_000
    assert asyncio.run(_health(server)) is True
    server.stop()
    assert server.state().status is Status.STOPPED
    assert marked(folder) == []
    assert sorted(path.suffix for path in (folder / "run").iterdir() if path.is_file()) == [".lock"]
    server.stop()  # a second time does nothing


async def _health(server: Server) -> bool:
    async with EngineClient(server.start()) as client:
        return await client.health()


def test_run_folder_and_files_are_for_their_owner_only(make: Callable[..., Server], folder: Path) -> None:
    (folder / "run").mkdir(mode=0o755)
    server = make()
    server.start()
    record = state.read_all(folder / "run")[0]
    assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o700
    for path in (folder / "run" / f"{record.name}.json", server.log):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_folder_of_another_user_is_refused(make: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(EngineStartError, match="another user owns it"):
        make().start()


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="needs the right to change a file's owner")
@pytest.mark.parametrize("forged", ["run", "record", "parent"])
def test_record_that_another_user_controls_is_ignored(folder: Path, forged: str) -> None:
    """Forged records led the client to a foreign socket, and ``stop`` to foreign files and processes."""
    run, victim = folder / "run", folder / "victim"
    run.mkdir(mode=0o700)
    victim.write_text("precious", encoding="utf-8")
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    record = state.Record(
        name="n", key="k", marker="m", pid=innocent.pid, created=psutil.Process(innocent.pid).create_time(),
        started_at=1.0, model="m", served_name="m", url="http://localhost", uds=str(victim), sockets=str(folder),
        api_key=None, log=str(victim), planned_bytes=None, memory_limit_bytes=None, facts={},
    )  # fmt: skip
    try:
        state.write(run / "n.json", record)
        assert [found.pid for found in state.read_all(run)] == [innocent.pid], "valid until its owner changes"
        os.chown({"run": run, "record": run / "n.json", "parent": folder}[forged], 65534, 65534)
        assert registry.running(run) == []
        assert registry.stop_all(run) == []
        assert innocent.poll() is None
        assert victim.read_text(encoding="utf-8") == "precious"
    finally:
        os.chown(folder, 0, 0)
        innocent.kill()
        innocent.wait()


def test_internal_sockets_are_private_and_removed(
    make: Callable[..., Server], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """vLLM would put them into the temporary folder, whose path may be too long for a socket."""
    long = folder / ("t" * (102 - len(str(folder)) - 1))
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    umask = os.umask(0)
    try:
        server = make()
        server.start()
    finally:
        os.umask(umask)
    (engine,) = engines(folder)
    sockets = Path(engine.environ()["VLLM_RPC_BASE_PATH"])
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(sockets / str(uuid.uuid4())))
    server.stop()
    assert not sockets.exists()


def test_two_starts_at_once_share_one_engine(make: Callable[..., Server], folder: Path) -> None:
    script = Script(ready_after=0.5)
    servers = [make(script) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        endpoints = list(pool.map(lambda server: server.start(), servers))
    assert len(set(endpoints)) == 1
    assert len({server.state().pid for server in servers}) == 1
    assert len(engines(folder)) == 1


def test_two_processes_at_once_share_one_engine(make: Callable[..., Server], folder: Path) -> None:
    server = make(Script(ready_after=0.5))
    code = (
        "import sys, pathlib; from reviewer.engine.server.server import Server, ServerSpec;"
        f"s = Server(ServerSpec(argv={server.spec.argv!r}, env={{}}, model='org/Fake-Model', served_name='fake',"
        f" key='k1'), pathlib.Path({str(folder / 'run')!r})); s.start(); print(s.state().pid)"
    )
    children = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    pids = {child.communicate(timeout=30)[0].strip() for child in children}
    assert len(pids) == 1
    assert server.state().status is Status.READY, "the engine outlives those who started it"
    assert {str(server.state().pid)} == pids


def test_servers_of_other_keys_are_other_engines(make: Callable[..., Server], folder: Path) -> None:
    first, second = make(key="k1"), make(key="k2")
    assert first.start() != second.start()
    assert {found.key for found in registry.running(folder / "run")} == {"k1", "k2"}
    first.stop()
    assert second.state().status is Status.READY
    assert [record.key for record in registry.stop_all(folder / "run")] == ["k2"]
    assert registry.running(folder / "run") == []


def test_wait_budget_leaves_the_engine_loading(make: Callable[..., Server]) -> None:
    server = make(Script(ready_after=2.0))
    with pytest.raises(EngineNotReadyError, match="still loading"):
        server.start(wait=0.2)
    assert server.state().status is Status.STARTING
    server.start(wait=20)  # joins the same one
    assert server.state().status is Status.READY


def test_remaining_time_is_estimated_from_the_previous_start(make: Callable[..., Server]) -> None:
    server = make(Script(ready_after=3.0))
    with pytest.raises(EngineNotReadyError, match="so far"):
        server.start(wait=0)
    server.start()
    server.stop()
    heard = Recorder()
    with pytest.raises(EngineNotReadyError, match=r"about \d+ s left"):
        server.start(heard, wait=0)
    (total,) = heard.totals
    assert total is not None
    assert 1.0 < total < 30


def test_milestones_in_the_log_are_reported(make: Callable[..., Server]) -> None:
    log = [
        "(APIServer pid=1) INFO 11-23 07:55:12 [api_utils.py:286] non-default args: {'model': 'x'}",
        "(Worker pid=3) INFO 11-23 07:56:02 [cpu_model_runner.py:68] Starting to load model x...",
        "Loading safetensors checkpoint shards:  40% Completed | 2/5 [00:00<?, ?it/s]",
        "(Worker pid=3) INFO 11-23 07:56:04 [default_loader.py:501] Loading weights took 1.82 seconds",
    ]
    heard = Recorder()
    make(Script(ready_after=2.4, log=log)).start(heard)
    assert [step.removeprefix("starting the engine: ") for step in heard.steps] == [
        "importing vLLM", "reading the model's configuration", "loading weights", "loading weights (40%)",
        "making the KV cache",
    ]  # fmt: skip


def test_death_is_reported_at_once_with_its_cause(make: Callable[..., Server], folder: Path) -> None:
    log = [
        "(Worker pid=3) ERROR 11-23 08:31:12 [x.py:9] torch.OutOfMemoryError: CUDA out of memory. Tried 2.50 GiB.",
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
    ]
    server = make(Script(log=log, die=1, children=1, strays=1))
    started = time.monotonic()
    with pytest.raises(EngineStartError, match=r"torch\.OutOfMemoryError: CUDA out of memory") as caught:
        server.start()
    assert time.monotonic() - started < 30
    assert "lower max_model_len" in (caught.value.hint or "")
    assert str(server.log) in (caught.value.hint or "")
    assert server.state().status is Status.STOPPED
    assert marked(folder) == []


def test_missing_program_is_a_start_error(make: Callable[..., Server], folder: Path) -> None:
    with pytest.raises(EngineStartError, match="cannot be started"):
        make(argv=(str(folder / "no-python"), "-m", "vllm")).start()


def test_a_full_disk_is_named_with_what_to_do(make: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    server = make(Script())
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(EngineStartError) as caught:
        server.start()
    assert re.search(r"cannot be started: No space left on device: .*\.json$", caught.value.message)
    assert caught.value.hint == "free space on that disk, or set REVIEWER_HOME to a folder on another one"
    assert server.state().status is Status.STOPPED


def test_killed_engine_is_dead_and_its_signal_known(make: Callable[..., Server]) -> None:
    server = make(Script(ready_after=30))
    with pytest.raises(EngineNotReadyError):
        server.start(wait=0)
    pid = server.state().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: server.state().status is Status.DEAD)
    ended = server.state().life
    assert ended is not None
    assert ended.exit_status == -signal.SIGKILL


def test_kill_while_waiting_suggests_memory(make: Callable[..., Server], folder: Path) -> None:
    server = make(Script(ready_after=30))
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(server.start)
        until(lambda: server.state(measure=False).status is Status.STARTING and engines(folder))
        os.kill(engines(folder)[0].pid, signal.SIGKILL)
        with pytest.raises(EngineStartError, match=r"killed \(signal 9\)") as caught:
            starting.result(timeout=20)
    assert "out of memory" in (caught.value.hint or "")


def test_stop_while_others_wait_is_not_reported_as_a_death(make: Callable[..., Server], folder: Path) -> None:
    server = make(Script(ready_after=30))
    listeners = Recorder(), Recorder()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(server.start, listener) for listener in listeners]
        until(lambda: all(listener.steps for listener in listeners))
        server.stop()
        for one in waiting:
            with pytest.raises(EngineStartError, match="was stopped while it was loading"):
                one.result(timeout=20)
    assert marked(folder) == []


def test_lock_held_for_too_long_is_an_error(
    make: Callable[..., Server], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_LOCK_SECONDS", 0.2)
    server = make()
    server.start()
    server.stop()
    held = registry.Place.at(folder / "run").locked(server.spec.name)
    with held, pytest.raises(EngineStartError, match="another process has been starting or stopping"):
        server.start()
    server.start()


def test_silent_start_is_killed(make: Callable[..., Server], folder: Path) -> None:
    server = make(Script(ready_after=60), ready_timeout=1.0)
    with pytest.raises(EngineStartError, match=r"logged nothing for \d+ s"):
        server.start()
    assert marked(folder) == []


def test_growing_log_extends_the_deadline(make: Callable[..., Server]) -> None:
    make(Script(ready_after=2.5, log=[f"line {n}" for n in range(10)]), ready_timeout=1.2).start()


def test_cancelled_foreground_start_ends_what_it_started(make: Callable[..., Server], folder: Path) -> None:
    server, cancelled = make(Script(ready_after=30, children=1)), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(server.start, cancelled=cancelled)
        until(lambda: len(engines(folder)) == 2)
        cancelled.set()
        with pytest.raises(EngineNotReadyError, match="cancelled"):
            starting.result(timeout=20)
    assert marked(folder) == []


def test_interrupted_foreground_start_ends_what_it_started(make: Callable[..., Server], folder: Path) -> None:
    server = make(Script(ready_after=30))

    def interrupt() -> None:
        until(lambda: engines(folder))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        server.start()
    thread.join()
    assert marked(folder) == []
    assert server.state().status is Status.STOPPED


def test_cancelled_join_leaves_the_engine_of_another(make: Callable[..., Server], folder: Path) -> None:
    server, cancelled = make(Script(ready_after=30)), threading.Event()
    with pytest.raises(EngineNotReadyError):
        server.start(wait=0)
    cancelled.set()
    with pytest.raises(EngineNotReadyError, match="cancelled"):
        server.start(cancelled=cancelled)
    assert len(engines(folder)) == 1


@pytest.mark.parametrize("stubborn", [False, True])
def test_stop_ends_children_and_strays(
    make: Callable[..., Server], folder: Path, stubborn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "GRACE_SECONDS", 1.0)
    server = make(Script(children=2, strays=1, stubborn=stubborn))
    server.start()
    assert len(server.state().processes) == 5, "supervisor, server, two children and one that left the session"
    server.stop()
    assert marked(folder) == []


def test_remains_of_a_killed_engine_are_ended_before_the_next_start(make: Callable[..., Server], folder: Path) -> None:
    server = make(Script(children=1, strays=1))
    first = server.start()
    dead = server.state()
    assert dead.pid is not None
    assert dead.life is not None
    assert dead.life.supervisor is not None
    killed = {dead.life.supervisor, dead.pid}
    for pid in sorted(killed):
        os.kill(pid, signal.SIGKILL)
    until(lambda: server.state().status is Status.DEAD)
    until(lambda: set(server.state().processes) == set(dead.processes) - killed)
    server.start()
    assert server.state().pid != dead.pid
    assert len(engines(folder)) == 3, "the old children are gone"
    assert first.uds is not None
    assert first.uds.exists()


def test_engine_whose_record_was_lost_is_replaced(make: Callable[..., Server], folder: Path) -> None:
    server = make()
    server.start()
    lost = server.state().pid
    for path in (folder / "run").glob("*.json"):
        path.unlink()
    assert server.state().status is Status.STOPPED
    server.start()
    assert [one.pid for one in engines(folder)] == [server.state().pid]
    assert server.state().pid != lost


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"pid": 1}', b"\xff\xfe", b"[" * 100_000], ids=range(7)
)
def test_damaged_record_counts_as_absent(make: Callable[..., Server], folder: Path, content: bytes) -> None:
    server = make()
    (folder / "run").mkdir(mode=0o700)
    (folder / "run" / f"{server.spec.name}.json").write_bytes(content)
    assert server.state().status is Status.STOPPED
    server.start()
    assert server.state().status is Status.READY


def test_reused_process_id_is_not_taken_for_the_engine(make: Callable[..., Server], folder: Path) -> None:
    server = make()
    server.start()
    file = folder / "run" / f"{server.spec.name}.json"
    record = state.read(file)
    assert record is not None
    server.stop()
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        state.write(file, dataclasses.replace(record, pid=innocent.pid, created=record.created - 100))
        assert server.state().status is Status.DEAD
        server.stop()
        assert innocent.poll() is None, "another process was ended"
    finally:
        innocent.kill()
        innocent.wait()


def test_log_is_rotated_at_each_start(make: Callable[..., Server]) -> None:
    server = make(Script(log=["first start"]))
    server.start()
    assert "first start" in registry.tail(server.log, 50)
    server.stop()
    server = make(Script(log=["second start"]))
    server.start()
    assert "second start" in registry.tail(server.log, 50)
    assert "first start" not in registry.tail(server.log, 50)
    assert "first start" in server.log.with_name(f"{server.log.name}.1").read_text(encoding="utf-8")
    assert len(registry.tail(server.log, 1)) == 1
    assert registry.tail(server.log, 0) == []


def test_engine_environment_has_neither_git_nor_python_variables(
    make: Callable[..., Server], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = {"GIT_DIR", "GIT_INDEX_FILE", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "REVIEWER_ENGINE_API_KEY"}
    for name in ours:
        monkeypatch.setenv(name, str(folder))
    server = make()
    server.start()
    (engine,) = engines(folder)
    env = engine.environ()
    assert not ours & set(env)
    assert env["SOME_SETTING"] == "1"
    assert env["VLLM_NO_USAGE_STATS"] == "1"
    assert engine.cwd() == str(folder / "run"), "a repository's own modules must not be imported"
    assert os.getsid(engine.pid) == engine.pid


def test_deep_folder_gets_a_short_socket(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    script_folder = folder / "k1"
    script_folder.mkdir()
    spec = ServerSpec(argv=tuple(Script().argv(script_folder)), env={}, model="m", served_name=SERVED_NAME, key="k1")
    server = Server(spec, deep)
    try:
        uds = server.start().uds
        assert uds is not None
        assert len(os.fsencode(uds)) <= 100
        assert stat.S_IMODE(uds.parent.stat().st_mode) == 0o700
    finally:
        server.stop()
    assert not uds.exists()


def test_loopback_needs_a_key_that_is_not_on_a_command_line(
    make: Callable[..., Server], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(begin, "unix_sockets", lambda: False)
    server = make(Script(rules=[Rule(text="hello")]))
    endpoint = server.start()
    assert endpoint.is_local
    assert endpoint.api_key
    assert endpoint.api_key not in repr(endpoint)
    assert not any(endpoint.api_key in part for one in marked(folder) for part in one.cmdline())

    async def ask(with_key: bool) -> str:
        target = endpoint if with_key else dataclasses.replace(endpoint, api_key=None)
        async with EngineClient(target) as client:
            return (await client.chat([{"role": "user", "content": "hi"}], max_tokens=8)).text

    assert asyncio.run(ask(with_key=True)) == "hello"
    with pytest.raises(EngineRequestError, match="requires a key"):
        asyncio.run(ask(with_key=False))


def test_memory_is_that_of_the_whole_tree(make: Callable[..., Server]) -> None:
    small, large = make(key="k1"), make(Script(ballast_mb=80), key="k2")
    small.start()
    large.start()
    grown = (large.state().memory_bytes or 0) - (small.state().memory_bytes or 0)
    assert 70_000_000 < grown < 100_000_000


def test_nothing_is_running_where_nothing_was_started(folder: Path) -> None:
    assert registry.running(folder / "nowhere") == []
    assert registry.stop_all(folder / "nowhere") == []
