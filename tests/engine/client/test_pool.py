"""Several servers used as one: where requests go, and what happens to them when a server dies, hangs or refuses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from reviewer import AIModelManager, ModelConfig, diff
from reviewer.config import Settings
from reviewer.engine.client import pool
from reviewer.engine.client.health import HealthStatus
from reviewer.engine.client.pool import EnginePool
from reviewer.errors import ConfigError, EngineDiedError, EngineFaultError, EngineUnreachableError
from reviewer.finding import Review, UnitStatus
from reviewer.review import review_change
from reviewer.selection.source import ChangeSource
from tests.fake_engine import FakeEngine, Rule, Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.repo import Repo

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hello there"}]
READ = {"explanation": "Changes a value.", "findings": []}


@contextlib.contextmanager
def engines(*scripts: Script) -> Iterator[list[FakeEngine]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(FakeEngine(script, tcp=True)) for script in scripts]


def pooled(found: list[FakeEngine], **options: Any) -> contextlib.aclosing[EnginePool]:
    return contextlib.aclosing(EnginePool([engine.endpoint for engine in found], **options))


def urls(found: list[FakeEngine]) -> str:
    return ", ".join(engine.endpoint.url for engine in found)


async def ask(pool: EnginePool, count: int = 1) -> list[str]:
    return [answer.text for answer in await asyncio.gather(*(pool.chat(HELLO, max_tokens=8) for _ in range(count)))]


def asked(engine: FakeEngine) -> list[str]:
    return [request["prompt"] for request in engine.requests(CHAT)]


async def until(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError


class TestChoice:
    async def test_requests_go_to_the_least_loaded_server(self) -> None:
        with engines(Script(rules=[Rule(delay=0.5)]), Script(rules=[Rule(delay=0.5)])) as found:
            async with pooled(found) as both:
                await ask(both, 10)
            assert [len(asked(engine)) for engine in found] == [5, 5]

    async def test_a_faster_server_gets_more(self) -> None:
        with engines(Script(rules=[Rule(delay=1.0)]), Script(rules=[Rule(delay=0.05)])) as found:
            async with pooled(found) as both:
                open_at_once = asyncio.Semaphore(4)

                async def one() -> None:
                    async with open_at_once:
                        await ask(both)

                await asyncio.gather(*(one() for _ in range(16)))
            slow, fast = (len(asked(engine)) for engine in found)
        assert slow + fast == 16
        assert fast > 2 * slow

    async def test_requests_of_other_clients_count(self) -> None:
        busy = Script(rules=[Rule(delay=0.3)], metrics={"vllm:num_requests_waiting": 5})
        with engines(busy, Script(rules=[Rule(delay=0.3)])) as found:
            async with pooled(found) as both:
                await ask(both, 7)
            assert [len(asked(engine)) for engine in found] == [1, 6]


class TestFailover:
    async def test_a_broken_connection_is_not_a_dead_server(self) -> None:
        with engines(Script(rules=[Rule(cut=True, times=1)]), Script()) as found:
            async with pooled(found) as both:
                assert await ask(both) == ["OK."]
                assert both.notes == ()
                await ask(both)
            assert [len(asked(engine)) for engine in found] == [2, 1]

    async def test_a_fault_of_a_healthy_server_is_due_to_the_request(self) -> None:
        with engines(Script(rules=[Rule(status=500, text="boom")]), Script()) as found:
            async with pooled(found) as both:
                with pytest.raises(EngineFaultError, match="boom"):
                    await ask(both)
            assert asked(found[1]) == []

    async def test_a_fault_of_an_unhealthy_server_moves_the_request(self) -> None:
        with engines(Script(rules=[Rule(status=503)], healthy=False), Script()) as found:
            async with pooled(found) as both:
                assert await ask(both, 3) == ["OK."] * 3
                assert [state.answers for state in both.states()] == [False, True]

    async def test_a_request_that_kills_servers_is_tried_three_times(self) -> None:
        with engines(*(Script(rules=[Rule(die=True)]) for _ in range(4))) as found:
            async with pooled(found) as four:
                with pytest.raises(EngineDiedError):
                    await ask(four)
                assert await four.health()
            assert [engine.process.poll() is None for engine in found if engine.process].count(True) == 1

    async def test_no_server_left(self) -> None:
        with engines(Script(), Script()) as found:
            async with pooled(found) as both:
                await ask(both)
                for engine in found:
                    engine.stop()
                with pytest.raises(EngineDiedError):
                    await ask(both)
                assert not await both.health()
                with pytest.raises(EngineDiedError, match="none of the 2 endpoints answers"):
                    await ask(both)

    async def test_a_server_that_is_back_is_used_again(self) -> None:
        with engines(Script(), Script()) as found:
            async with pooled(found) as both:
                found[0].stop()
                await ask(both, 2)
                assert [state.answers for state in both.states()] == [False, True]
                found[0].start()
                assert await both.health()
                assert [state.answers for state in both.states()] == [True, True]
                await ask(both)
                assert both.notes[-1] == f"{found[0].endpoint} answers again"
            assert len(asked(found[0])) == 1

    @pytest.mark.parametrize("begun", [False, True])
    async def test_a_stream_moves_until_its_first_piece(self, begun: bool) -> None:
        bad = Script(rules=[Rule(text="one two three four", die=True)])
        if not begun:
            bad = Script(rules=[Rule(status=503)], healthy=False)
        with engines(bad, Script(rules=[Rule(text="one two")])) as found:
            async with pooled(found) as both:
                expected = pytest.raises(EngineDiedError) if begun else contextlib.nullcontext()
                with expected:
                    pieces = [piece async for piece in both.stream(HELLO, max_tokens=8)]
                    assert "".join(pieces) == "one two"

    async def test_a_cancelled_request_is_not_moved(self) -> None:
        with engines(Script(rules=[Rule(delay=20)]), Script(rules=[Rule(delay=20)])) as found:
            async with pooled(found) as both:
                asking = asyncio.create_task(both.chat(HELLO, max_tokens=8))
                await until(lambda: bool(asked(found[0])))
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
            assert asked(found[1]) == []


def kill(engine: FakeEngine) -> None:
    engine.stop()


def silence(engine: FakeEngine) -> None:
    """As if its machine lost its network: connections stay, and nothing comes through them."""
    assert engine.process is not None
    os.kill(engine.process.pid, signal.SIGSTOP)


class TestReview:
    def change(self, repo: Repo, units: int) -> tuple[diff.Change, dict[str, str]]:
        before = "".join(f"value_{number} = {number}\n" for number in range(20 * units))
        after = "".join(f"value_{number} = {number + (number % 20 == 0)}\n" for number in range(20 * units))
        repo.commit(files={"a.py": before})
        repo.stage({"a.py": after})
        return diff.parse(repo.git("diff", "--cached", "--no-color"), "staged changes"), {"a.py": after}

    async def review(self, repo: Repo, found: list[FakeEngine], **options: Any) -> Review:
        change, texts = self.change(repo, 40)
        settings = Settings(model_findings="on", url=urls(found), summary="off", **options)
        return await review_change(ChangeSource(change, texts.get), settings)

    @pytest.mark.parametrize(
        "end",
        [
            pytest.param(kill, id="killed"),
            pytest.param(
                silence, id="silent", marks=pytest.mark.skipif(os.name == "nt", reason="needs a signal that pauses")
            ),
        ],
    )
    async def test_no_unit_is_lost_with_a_server(
        self, end: Callable[[FakeEngine], None], repo: Repo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pool, "_WATCH_SECONDS", 0.5)
        rules = [Rule(path=CHAT, delay=0.05, json=READ, times=6), Rule(path=CHAT, delay=1.5, json=READ)]
        with engines(Script(rules=[Rule(path=CHAT, delay=0.1, json=READ)]), Script(rules=rules)) as found:
            reviewing = asyncio.create_task(self.review(repo, found))
            await until(lambda: found[1].output().count(CHAT) >= 6 and len(asked(found[1])) >= 12)
            end(found[1])
            review = await reviewing
            first, second = (asked(engine) for engine in found)
            answered = found[1].output().count(CHAT)
        assert [unit.status for unit in review.units] == [UnitStatus.READ] * 40
        assert (len(set(first)), len(set(second))) == (len(first), len(second)), "one server was asked the same twice"
        assert len(set(first) | set(second)) == 40
        # What the lost server had answered, give or take the one that it was writing, is not asked again.
        assert len(second) - answered - 1 <= len(set(first) & set(second)) <= len(second) - answered + 1
        assert len(first) >= 20
        (note,) = review.notes
        assert found[1].endpoint.url in note
        assert review.usage.requests == 40

    async def test_a_server_that_dies_while_it_replies(self, repo: Repo) -> None:
        rules = [Rule(path=CHAT, json=READ, times=5), Rule(path=CHAT, delay=0.3, die=True)]
        with engines(Script(rules=[Rule(path=CHAT, delay=0.1, json=READ)]), Script(rules=rules)) as found:
            review = await self.review(repo, found)
        assert not review.not_read
        assert len(review.units) == review.usage.requests == 40
        assert found[1].process is None or found[1].process.poll() == 9

    async def test_the_death_of_all_servers_ends_the_review(self, repo: Repo) -> None:
        deadly = Script(rules=[Rule(path=CHAT, die=True)])
        with engines(deadly, deadly) as found, pytest.raises((EngineDiedError, EngineUnreachableError)):
            await self.review(repo, found)


class TestAttach:
    async def test_an_endpoint_that_is_down_at_the_start_is_left_out_with_a_note(self, repo: Repo) -> None:
        with engines(Script()) as found:
            manager = AIModelManager(ModelConfig(engine_url=(DEAD, found[0].endpoint.url)))
            await manager.load_model()
            assert await manager.generate_text("Hello?") == "OK."
            (note,) = manager.notes
            report = await manager.health_check()
            status = manager.get_model_status()["engine"]
            await manager.unload_model()
        assert note.startswith(f"{DEAD} is left out: nothing answers")
        assert report["status"] is HealthStatus.DEGRADED
        assert report["endpoint"]
        assert report["problems"] == [note]
        assert [(state["endpoint"], state["answers"]) for state in report["endpoints"]] == [
            (found[0].endpoint.url, True), (DEAD, False),
        ]  # fmt: skip
        assert {one["endpoint"]: one["answers"] for one in status["endpoints"]} == {
            found[0].endpoint.url: True, DEAD: False,
        }  # fmt: skip

    async def test_health_reports_an_endpoint_that_died(self) -> None:
        with engines(Script(), Script()) as found:
            async with AIModelManager(engine_url=urls(found)) as manager:
                assert (await manager.health_check())["status"] is HealthStatus.HEALTHY
                found[1].stop()
                report = await manager.health_check()
                assert report["status"] is HealthStatus.DEGRADED
                assert found[1].endpoint.url in report["problems"][0]
                found[0].stop()
                assert (await manager.health_check())["status"] is HealthStatus.UNHEALTHY

    async def test_all_down_are_asked_at_once(self) -> None:
        with contextlib.ExitStack() as stack:
            addresses = [stack.enter_context(swallowing()) for _ in range(3)]
            began = time.monotonic()
            with pytest.raises(EngineUnreachableError, match="none of the 3 endpoints") as caught:
                await AIModelManager(engine_url=", ".join(addresses)).load_model()
            assert time.monotonic() - began < 2.9  # one after the other would take three
        for address in addresses:
            assert address in caught.value.message

    async def test_different_models_are_refused(self) -> None:
        with FakeEngine(tcp=True, name="one") as first, FakeEngine(tcp=True, name="two") as second:
            with pytest.raises(ConfigError, match="serve different models") as caught:
                await AIModelManager(engine_url=urls([first, second])).load_model()
            assert f"{first.endpoint.url} serves one" in caught.value.message
            assert f"{second.endpoint.url} serves two" in caught.value.message

    async def test_the_shortest_context_and_the_sum_of_sequences_count(self) -> None:
        with engines(Script(max_model_len=2048), Script(max_model_len=1024)) as found:
            profile = await AIModelManager(engine_url=urls(found), max_num_seqs=8).profile()
            alone = await AIModelManager(engine_url=urls(found[:1]), max_num_seqs=8).profile()
        assert (profile.context_tokens, profile.max_num_seqs) == (1024, 16)
        assert (alone.context_tokens, alone.max_num_seqs) == (2048, 8)

    async def test_the_digest_does_not_depend_on_which_endpoints_answer(self) -> None:
        with engines(Script(), Script()) as found:
            configured = urls(found)
            both = await AIModelManager(engine_url=configured).profile()
            found[0].stop()
            assert (await AIModelManager(engine_url=configured).profile()).digest == both.digest
            assert (await AIModelManager(engine_url=urls(found[1:])).profile()).digest != both.digest

    async def test_absurd_facts_about_a_model_are_ignored(self) -> None:
        models = {"data": [{"id": "m", "root": {"a": []}, "max_model_len": "long"}, {"id": 3}, None]}
        with engines(Script(rules=[Rule(path="/v1/models", raw=json.dumps(models))])) as found:
            profile = await AIModelManager(engine_url=urls(found)).profile()
        assert (profile.id, profile.context_tokens) == ("m", 4096)

    async def test_an_endpoint_that_hangs_is_unhealthy(self) -> None:
        with engines(Script(), Script()) as found:
            async with pooled(found, watch_seconds=0.5) as both:
                await ask(both)
                found[1].update(Rule(path="/metrics", delay=2))
                assert await both.health()
                assert [state.answers for state in both.states()] == [True, False]
                found[1].update()
                await both.health()
                assert [state.answers for state in both.states()] == [True, True]
                assert both.notes == ()

    @pytest.mark.parametrize("url", ["", " , ", "http://127.0.0.1:9, ftp://box"])
    async def test_unusable_lists_of_urls(self, url: str) -> None:
        with pytest.raises(ConfigError):
            await AIModelManager(engine_url=url or ",").load_model()


DEAD = "http://127.0.0.1:9"


@contextlib.contextmanager
def swallowing() -> Iterator[str]:
    """A host that drops what is sent to it: a listener whose backlog is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
