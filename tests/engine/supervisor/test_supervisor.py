"""The supervisor as a process: real engines that idle, die, grow and flood their log."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from reviewer import processes
from reviewer.engine.client.client import EngineClient
from reviewer.engine.server import registry, state
from reviewer.engine.server.job import Watch
from reviewer.engine.server.life import Life, Phase, Reason
from reviewer.engine.server.server import Server, ServerSpec
from reviewer.engine.server.state import Status
from reviewer.errors import EngineNotReadyError, EngineStartError
from tests.engine.fakes import last_end
from tests.fake_engine import SERVED_NAME, Rule, Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reviewer.engine.client.endpoint import Endpoint

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the fake engine's processes end with POSIX signals")

CONCURRENCY = "INFO 11-23 07:56:05 [x.py:1] Maximum concurrency for 4,096 tokens per request: 8.00x"
QUICK = Watch(idle_timeout=None, low_memory_bytes=0, backoff=0.2, grace=2.0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short folder, for the sockets."""
    path = Path(tempfile.mkdtemp(prefix="sup-"))
    yield path
    registry.stop_all(path / "run")
    shutil.rmtree(path)


@pytest.fixture
def make(folder: Path) -> Callable[..., Server]:
    """Makes servers that are watched closely."""

    def make_server(
        script: Script | None = None,
        *,
        flags: tuple[str, ...] = (),
        limit: int | None = None,
        before: str = "",
        **watch: object,
    ) -> Server:
        python, *rest = (script or Script()).argv(folder)
        code = f"import runpy, sys; del sys.argv[0]; {before}; runpy.run_path(sys.argv[0], run_name='__main__')"
        spec = ServerSpec(
            argv=(python, *(("-c", code) if before else ()), *rest, *flags), env={}, model="org/Fake-Model",
            served_name=SERVED_NAME, key="k", memory_limit_bytes=limit, planned_bytes=50_000_000,
            facts={"max_num_seqs": 8}, watch=dataclasses.replace(QUICK, **watch),  # type: ignore[arg-type]
        )  # fmt: skip
        return Server(spec, folder / "run")

    return make_server


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def life_of(server: Server) -> Life:
    found = server.state(measure=False).life
    assert found is not None
    return found


def marked(folder: Path) -> list[psutil.Process]:
    return processes.marked(registry.Place.at(folder / "run").marker)


def ask(endpoint: Endpoint, text: str = "hi") -> None:
    async def one() -> None:
        async with EngineClient(endpoint) as client:
            await client.chat([{"role": "user", "content": text}], max_tokens=8)

    asyncio.run(one())


def nothing_is_left(folder: Path) -> bool:
    kept = {path.suffix for path in (folder / "run").iterdir() if path.is_file()}
    return marked(folder) == [] and kept == {".lock"}


class TestIdle:
    def test_engine_without_requests_is_stopped_and_says_so(self, make: Callable[..., Server], folder: Path) -> None:
        server = make(idle_timeout=1.0)
        server.start()
        until(lambda: nothing_is_left(folder))
        ended = last_end(server)
        assert ended is not None
        assert (ended.phase, ended.reason) == (Phase.STOPPED, Reason.IDLE)
        assert ended.message == "the engine was stopped after 1 s without a request"
        assert server.state().status is Status.STOPPED
        assert [one.message for one in registry.ended(folder / "run")] == [ended.message]

    def test_next_start_tells_why_it_takes_time(self, make: Callable[..., Server]) -> None:
        steps: list[str] = []

        class Listener:
            def step(self, message: str) -> None:
                steps.append(message)

            def advance(self, done: float, total: float | None, unit: str = "") -> None:
                pass

        server = make(idle_timeout=0.5)
        server.start()
        until(lambda: last_end(server))
        server.start(Listener())
        assert steps[0] == "starting the engine (was stopped after 0.5 s without a request): importing vLLM"
        assert last_end(server) is None

    def test_requests_keep_it(self, make: Callable[..., Server]) -> None:
        server = make(idle_timeout=1.5)
        endpoint = server.start()
        until_then = time.monotonic() + 4
        while time.monotonic() < until_then:
            ask(endpoint)
            time.sleep(0.5)
        assert server.state().status is Status.READY
        until(lambda: last_end(server))

    def test_long_request_keeps_it(self, make: Callable[..., Server]) -> None:
        server = make(Script(rules=[Rule(match="slow", delay=3.0)]), idle_timeout=1.0)
        ask(server.start(), "slow")
        assert server.state(measure=False).status is Status.READY

    def test_command_that_joins_keeps_it(self, make: Callable[..., Server]) -> None:
        server = make(idle_timeout=1.5)
        endpoint = server.start()
        for _ in range(6):
            time.sleep(0.5)
            assert server.start() == endpoint

    def test_countdown_starts_again_with_a_request(self, make: Callable[..., Server]) -> None:
        server = make(idle_timeout=60.0)
        endpoint = server.start()
        first = life_of(server).used_at
        ask(endpoint)
        until(lambda: life_of(server).used_at > first)
        left = life_of(server).idle_left(time.time())
        assert left is not None
        assert 50 < left <= 60


class TestDeath:
    def test_dead_engine_is_brought_back_at_the_same_place(self, make: Callable[..., Server], folder: Path) -> None:
        server = make(Script(children=1, strays=1))
        endpoint = server.start()
        before = server.state()
        assert before.pid is not None
        until(lambda: life_of(server).phase is Phase.READY)
        os.kill(before.pid, signal.SIGKILL)
        until(lambda: life_of(server).phase is Phase.RESTARTING)
        assert server.start() == endpoint, "who asks meanwhile waits for it"
        after = server.state()
        assert after.pid != before.pid
        assert len(after.processes) == 4, "supervisor, server, child and stray: the old ones are gone"
        assert set(after.processes) & set(before.processes) == {life_of(server).supervisor}
        assert life_of(server).restarts == 1
        assert "killed (signal 9)" in life_of(server).message
        ask(endpoint)

    def test_second_death_is_the_last(self, make: Callable[..., Server], folder: Path) -> None:
        server = make(Script(rules=[Rule(match="die", die=True)]))
        endpoint = server.start()
        for restarts in (0, 1):
            until(lambda: (life_of(server).phase, life_of(server).restarts) == (Phase.READY, restarts))  # noqa: B023
            pid = life_of(server).pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            until(lambda: life_of(server).phase is not Phase.READY)
        until(lambda: server.state().status is Status.DEAD)
        ended = last_end(server)
        assert ended is not None
        assert (ended.phase, ended.reason) == (Phase.DEAD, Reason.DIED)
        assert ended.message.startswith("the engine died again")
        assert marked(folder) == []
        assert server.start() == endpoint, "a start by hand counts anew"

    def test_engine_that_was_well_for_long_may_die_again(self, make: Callable[..., Server]) -> None:
        server = make(well_after=0.0)
        server.start()
        for _ in range(3):
            until(lambda: life_of(server).phase is Phase.READY)
            pid = life_of(server).pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            until(lambda: life_of(server).pid != pid)  # noqa: B023
        until(lambda: server.state().status is Status.READY)

    def test_killed_supervisor_takes_the_engine_along(self, make: Callable[..., Server], folder: Path) -> None:
        server = make()
        server.start()
        supervisor = life_of(server).supervisor
        assert supervisor is not None
        os.kill(supervisor, signal.SIGKILL)
        until(lambda: server.state(measure=False).status is Status.DEAD)
        if os.uname().sysname == "Linux":
            until(lambda: marked(folder) == [])
        server.start()
        assert len(marked(folder)) == 2

    def test_supervisor_that_is_told_to_end_leaves_nothing(self, make: Callable[..., Server], folder: Path) -> None:
        server = make(Script(children=1, strays=1))
        server.start()
        supervisor = life_of(server).supervisor
        assert supervisor is not None
        os.kill(supervisor, signal.SIGTERM)
        until(lambda: nothing_is_left(folder))
        ended = life_of(server)
        assert (ended.phase, ended.reason) == (Phase.STOPPED, Reason.ASKED)
        assert last_end(server) is None, "nobody wonders about what they have asked for"


class TestMemory:
    def test_engine_over_its_limit_is_stopped_with_numbers(self, make: Callable[..., Server], folder: Path) -> None:
        server = make(Script(ballast_mb=120), limit=100_000_000)
        try:
            server.start()
        except EngineStartError as error:  # it may be over before it answers
            assert "its limit is 100 MB" in error.message  # noqa: PT017
        until(lambda: nothing_is_left(folder))
        ended = last_end(server)
        assert ended is not None
        assert ended.reason is Reason.MEMORY
        assert "(planned 50 MB), its limit is 100 MB" in ended.message
        assert "raise max_memory_gb" in ended.hint
        assert ended.message in "\n".join(registry.tail(server.log, 50))

    def test_engine_under_its_limit_stays(self, make: Callable[..., Server]) -> None:
        server = make(Script(ballast_mb=50), limit=200_000_000, idle_timeout=2.0)
        server.start()
        until(lambda: life_of(server).phase is Phase.STOPPED)
        assert life_of(server).reason is Reason.IDLE

    def test_it_is_made_smaller_as_long_as_that_goes(self, make: Callable[..., Server], folder: Path) -> None:
        flags = ("--max-num-seqs", "8", "--kv-cache-memory-bytes", "200000000")
        before = f"print({CONCURRENCY!r}, flush=True)"
        server = make(Script(ballast_mb=120), before=before, flags=flags, limit=100_000_000)
        seen: set[tuple[int, int | None]] = set()
        with contextlib.suppress(EngineNotReadyError, EngineStartError):
            server.start(wait=0)
        path = registry.Place.at(folder / "run").state_file(server.spec.name)
        while last_end(server) is None:
            record = state.read(path)
            if record is not None:
                seen.add((record.facts["max_num_seqs"], record.planned_bytes))
            time.sleep(0.01)
        ended = last_end(server)
        assert ended is not None
        assert ended.reductions >= 2
        told = sorted(seen, reverse=True)
        assert told[0] == (8, 50_000_000)
        assert len(told) >= 3, "clients send as much at once as the record tells"
        assert told == sorted(told, key=lambda one: one[1] or 0, reverse=True)
        assert "the engine was restarted with less memory, " in "\n".join(registry.tail(server.log, 1000))
        until(lambda: nothing_is_left(folder))

    def test_limit_of_a_gpu_is_not_that_of_the_processes(self, make: Callable[..., Server]) -> None:
        server = make(
            Script(ballast_mb=120), flags=("--gpu-memory-utilization", "0.9"), limit=100_000_000, idle_timeout=2.0
        )
        server.start()
        until(lambda: life_of(server).phase is Phase.STOPPED)
        assert life_of(server).reason is Reason.IDLE

    def test_low_memory_of_the_machine_ends_an_idle_engine(self, make: Callable[..., Server], folder: Path) -> None:
        server = make(low_memory_bytes=1 << 60, low_memory_seconds=0.5)
        try:
            server.start()
        except EngineStartError as error:
            assert "of this machine's memory was left" in error.message  # noqa: PT017
        until(lambda: nothing_is_left(folder))
        ended = last_end(server)
        assert ended is not None
        assert ended.reason is Reason.LOW_MEMORY


class TestLog:
    def test_flood_stays_bounded_and_its_end_is_read(self, make: Callable[..., Server]) -> None:
        lines = [f"line {number} {'x' * 1000}" for number in range(500)]
        server = make(Script(log=lines), log_bytes=100_000)
        server.start()
        until(
            lambda: "Application startup complete." in registry.tail(server.log, 60)
        )  # the pipe may lag behind the socket
        older = server.log.with_name(f"{server.log.name}.1")
        assert server.log.stat().st_size <= 100_000
        assert older.stat().st_size <= 100_000
        last = [line for line in registry.tail(server.log, 60) if not line.startswith("INFO:")]
        assert last[-1] == "Application startup complete."
        assert [line.split()[1] for line in last[-41:-1]] == [str(number) for number in range(460, 500)]
        assert server.log.stat().st_mode & 0o077 == 0

    def test_engine_writes_on_when_the_log_cannot_be(self, make: Callable[..., Server]) -> None:
        server = make(Script(rules=[Rule(text="x" * 100)]), log_bytes=2000)
        endpoint = server.start()
        server.log.unlink()
        for _ in range(40):  # each request is logged
            ask(endpoint)
        assert server.state().status is Status.READY


class TestLeftovers:
    @pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no such folder here")
    def test_shared_memory_of_a_killed_engine_is_removed(self, make: Callable[..., Server], folder: Path) -> None:
        code = (
            "import mmap, os; f = os.open('/dev/shm/{name}', os.O_CREAT | os.O_RDWR); os.ftruncate(f, 4096);"
            " m = mmap.mmap(f, 4096); os.close(f)"
        )
        ours, other = (Path("/dev/shm") / f"reviewer-test-{os.getpid()}-{kind}" for kind in ("ours", "other"))
        other.write_bytes(b"x")
        server = make(before=code.format(name=ours.name))
        try:
            server.start()
            assert ours.exists()
            server.stop()
            assert not ours.exists()
            assert other.exists(), "somebody else's"
        finally:
            ours.unlink(missing_ok=True)
            other.unlink()


class TestWeight:
    def test_it_is_light(self, make: Callable[..., Server]) -> None:
        server = make()
        server.start()
        supervisor = life_of(server).supervisor
        assert supervisor is not None
        until(lambda: life_of(server).phase is Phase.READY)
        found = psutil.Process(supervisor)
        assert found.memory_info().rss < 40_000_000
        loaded = {Path(one.path).name for one in found.memory_maps()}
        assert not any("pydantic" in name for name in loaded)
        state_now = server.state()
        assert state_now.supervisor_bytes is not None
        assert state_now.supervisor_bytes < 40_000_000
