"""An engine that dies under many requests comes back once for all of them; none is lost or paid for twice."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psutil
import pytest

from reviewer import AIModelManager
from reviewer.asking.answers import Answerer
from reviewer.engine.config import ModelConfig
from reviewer.engine.profile import ModelProfile
from reviewer.engine.server import registry
from reviewer.engine.server.job import Watch
from reviewer.engine.server.server import Server, ServerSpec
from reviewer.errors import EngineDiedError, EngineNotReadyError, EngineStartError, ModelNotLoadedError
from reviewer.prompting.reply import read_review, review_schema
from reviewer.prompting.request import Request
from reviewer.terminal.progress import SILENT
from tests.fake_engine import SERVED_NAME, Rule, Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reviewer.engine.client.endpoint import Endpoint
    from reviewer.engine.engines import OwnEngine

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(os.name == "nt", reason="the fake engine's processes end with POSIX signals"),
]

AT_ONCE = 8
PROFILE = ModelProfile(id="fake", digest="d", context_tokens=4096, max_num_seqs=AT_ONCE)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is another process's doing
            await asyncio.sleep(0.02)


class Own:
    """A manager with an engine of its own: the fake one, under a real supervisor.

    Args:
        folder: For all its files.
        script: What the engine does.
    """

    def __init__(self, folder: Path, script: Script) -> None:
        self.script = script
        self._folder = folder
        self._starts = 0
        spec = ServerSpec(
            argv=tuple(script.argv(folder)), env={}, model="fake", served_name=SERVED_NAME, key="k",
            watch=Watch(low_memory_bytes=0, backoff=0.3),
        )  # fmt: skip
        self.server = Server(spec, folder / "run")
        self.manager = self.managed()
        self.profile = PROFILE
        self.left_out = ()

    def managed(self, *, may_start: bool = True) -> AIModelManager:
        """Make a manager of it."""
        manager = AIModelManager(ModelConfig(embedded="135m"), may_start=may_start)
        manager._held.engine = cast("OwnEngine", self)  # in place of one with a model and a plan
        return manager

    def is_running(self) -> bool:
        return self.server.running_facts() is not None

    def start(self, *args: Any) -> tuple[Endpoint, ...]:
        self._starts += 1
        return (self.server.start(*args),)

    def stop(self) -> None:
        self.server.stop()

    @property
    def starts(self) -> int:
        """How often the engine was asked for."""
        return self._starts

    def requests(self) -> list[dict[str, Any]]:
        """All that came, also at an engine that has died since."""
        log = self._folder / "requests.jsonl"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [request for request in map(json.loads, lines) if request["path"] == "/v1/chat/completions"]

    async def until_asked(self, times: int) -> None:
        await until(lambda: len(self.requests()) >= times)

    async def until_started(self, times: int) -> None:
        await until(lambda: self._starts >= times)

    def kill(self) -> None:
        """Kill the engine under its supervisor, and wait until it is gone."""
        life = self.server.state(measure=False).life
        assert life is not None
        assert life.pid is not None
        engine = psutil.Process(life.pid)
        engine.send_signal(signal.SIGKILL)
        engine.wait(10)

    def becomes(self, **changes: Any) -> None:
        """Let it be another one from its next start on."""
        dataclasses.replace(self.script, **changes).write(self._folder / "script.json")


@pytest.fixture
def make() -> Iterator[Callable[[Script], Own]]:
    folder = Path(tempfile.mkdtemp(prefix="rev-"))
    yield lambda script: Own(folder, script)
    registry.stop_all(folder / "run")
    shutil.rmtree(folder)


def request(number: int) -> Request:
    messages = ({"role": "user", "content": f"question {number} of many"},)
    return Request(messages, review_schema((1, 2, 3), PROFILE.bounds), 100, read_review)


async def ask(manager: AIModelManager, question: str) -> str:
    return (await manager.chat([{"role": "user", "content": question}], max_tokens=9)).text


async def test_a_manager_that_may_not_start_an_engine_joins_a_running_one(make: Callable[[Script], Own]) -> None:
    own = make(Script())
    guest = own.managed(may_start=False)
    with pytest.raises(EngineNotReadyError, match="no engine is running") as caught:
        await guest.load_model()
    assert (own.starts, caught.value.hint) == (0, "reviewer engine start")
    await own.manager.load_model()
    await guest.load_model()
    assert await ask(guest, "x") == "OK."
    await guest.detach()
    await own.manager.unload_model()
    with pytest.raises(EngineNotReadyError):
        await guest.load_model()


async def test_requests_that_lose_their_engine_share_one_revival(make: Callable[[Script], Own]) -> None:
    own = make(Script(rules=[Rule(delay=1.0, times=AT_ONCE)]))
    answerer = Answerer(own.manager, PROFILE, cache=None, progress=SILENT)
    asking = asyncio.create_task(answerer.ask([request(number) for number in range(AT_ONCE + 4)]))
    await own.until_asked(AT_ONCE)
    own.kill()
    answers = await asking
    assert [answer.reason for answer in answers] == [""] * (AT_ONCE + 4)
    assert own.starts == 2
    # Those that it died under were asked again, in the same way; those that waited were asked once.
    sent = own.requests()
    assert len(sent) == AT_ONCE + AT_ONCE + 4
    assert {one["body"]["temperature"] for one in sent} == {0.0}
    assert (answerer.usage.requests, answerer.usage.retried) == (AT_ONCE + 4, 0)
    await own.manager.unload_model()


async def test_what_is_asked_while_it_comes_back_waits(make: Callable[[Script], Own]) -> None:
    own = make(Script(rules=[Rule(match="Slow", delay=10)]))
    await own.manager.load_model()
    slow = asyncio.create_task(ask(own.manager, "Slow?"))
    await own.until_asked(1)
    own.becomes(rules=[], ready_after=1.0)
    own.kill()
    with pytest.raises(EngineDiedError):
        await slow
    reviving = asyncio.create_task(own.manager.revive())
    await own.until_started(2)
    assert not reviving.done()
    assert await ask(own.manager, "And now?") == "OK."
    assert own.manager.loaded
    await own.manager.unload_model()


async def test_an_engine_that_cannot_come_back_is_tried_once(make: Callable[[Script], Own]) -> None:
    own = make(Script(rules=[Rule(delay=10)]))
    answerer = Answerer(own.manager, PROFILE, cache=None, progress=SILENT)
    asking = asyncio.create_task(answerer.ask([request(number) for number in range(AT_ONCE + 4)]))
    await own.until_asked(AT_ONCE)
    own.becomes(die=3, log=["RuntimeError: no room"])
    own.kill()
    with pytest.raises(EngineStartError, match="no room"):
        await asking
    assert own.starts == 2
    assert len(own.requests()) == AT_ONCE
    with pytest.raises(ModelNotLoadedError, match=r"could not be restarted: .*no room"):
        await ask(own.manager, "And now?")
    await own.manager.unload_model()


async def test_requests_of_an_engine_that_is_well_are_left_alone(make: Callable[[Script], Own]) -> None:
    own = make(Script(rules=[Rule(match="Slow", delay=1.5)]))
    await own.manager.load_model()
    slow = asyncio.create_task(ask(own.manager, "Slow?"))
    await own.until_asked(1)
    own.becomes(healthy=False)  # too busy to say that it is well: another connection is made, the old one stays
    reviving = asyncio.create_task(own.manager.revive())
    await own.until_started(2)
    own.becomes(healthy=True)
    await reviving
    assert own.starts == 2
    assert await slow == "OK."
    await own.manager.unload_model()


async def test_who_gives_up_waiting_does_not_end_it_for_the_others(make: Callable[[Script], Own]) -> None:
    own = make(Script())
    await own.manager.load_model()
    own.becomes(ready_after=1.0)
    own.kill()
    impatient, patient = (asyncio.create_task(own.manager.revive()) for _ in range(2))
    await own.until_started(2)
    impatient.cancel()
    await patient
    assert await ask(own.manager, "Hello?") == "OK."
    own.kill()
    last = asyncio.create_task(own.manager.revive())
    await own.until_started(3)
    await asyncio.wait_for(own.manager.detach(), 5)  # cancels the revival
    with pytest.raises(asyncio.CancelledError):
        await last
