from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reviewer import AIModelManager, ModelConfig
from reviewer.engine.client.health import HealthStatus
from reviewer.engine.planning import hardware
from reviewer.engine.profile import FimTokens
from reviewer.errors import (
    EngineDiedError,
    EngineError,
    EngineUnreachableError,
    InferenceTimeoutError,
    ModelNotLoadedError,
    PromptTooLongError,
    UsageError,
)
from tests.engine.planning.test_plan import pc
from tests.fake_engine import FakeEngine, Rule, Script

if TYPE_CHECKING:
    from reviewer.engine.planning.hardware import Hardware

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"


def attached(engine: FakeEngine, **options: Any) -> AIModelManager:
    return AIModelManager(engine_url=engine.endpoint.url, **options)


async def test_options_override_the_configuration() -> None:
    manager = AIModelManager(ModelConfig(max_memory_gb=8, quantization="int4", temperature=0.3), max_memory_gb=12)
    assert (manager.config.max_memory_gb, manager.config.quantization, manager.config.temperature) == (12, "int4", 0.3)
    assert AIModelManager(max_memory_gb=12).config.model_id == "openai/gpt-oss-20b"
    assert AIModelManager(embedded="135m").config.model_id == "smollm2-135m-instruct"


async def test_code_and_prose_get_their_own_prompt() -> None:
    with FakeEngine(tcp=True) as engine:
        async with attached(engine) as manager:
            assert await manager.generate_text("Why is the sky blue?") == "OK."
            await manager.generate_text("What does this do?\n```python\ndef f(): pass\n```")
        prose, code = (request["body"]["messages"][0]["content"] for request in engine.requests(CHAT))
    assert "Python" in code
    assert "Python" not in prose


async def test_a_completion_is_code_only_at_low_temperature() -> None:
    reply = "Here you go:\n```python\n    return a + b\n```\nHope that helps."
    with FakeEngine(Script(rules=[Rule(text=reply)]), tcp=True) as engine:
        async with attached(engine) as manager:
            code = "def add(a, b):\n\n\nprint(add(1, 2))\n"
            assert await manager.generate_code_completion(code, 15, language="python") == "    return a + b"
        (request,) = engine.requests(CHAT)
    assert request["body"]["temperature"] == 0.3
    assert "def add(a, b):" in request["prompt"]
    assert "print(add(1, 2))" in request["prompt"]


async def test_a_cursor_outside_the_code_is_refused() -> None:
    with FakeEngine(tcp=True) as engine:
        async with attached(engine) as manager:
            with pytest.raises(UsageError, match="character 99"):
                await manager.generate_code_completion("x = 1", 99)


async def test_explain_sends_the_question() -> None:
    with FakeEngine(Script(rules=[Rule(match="Why reversed", text=" Because. ")]), tcp=True) as engine:
        async with attached(engine) as manager:
            assert await manager.explain_code("x[::-1]", "Why reversed?") == "Because."


async def test_a_stream_yields_the_pieces() -> None:
    with FakeEngine(Script(rules=[Rule(text="one two three")]), tcp=True) as engine:
        async with attached(engine) as manager:
            pieces = [piece async for piece in manager.stream_text("Count.")]
            assert "".join(pieces) == "one two three"
            assert len(pieces) > 1
            assert manager.get_model_status()["performance"]["requests"] == 1


async def test_status_counts_requests_tokens_and_time() -> None:
    with FakeEngine(tcp=True) as engine:
        async with attached(engine) as manager:
            await asyncio.gather(*(manager.generate_text(f"Question {number}?") for number in range(3)))
            status = manager.get_model_status()
    performance = status["performance"]
    assert (performance["requests"], performance["failed"]) == (3, 0)
    assert performance["avg_inference_time"] > 0
    assert performance["completion_tokens"] > 0
    assert performance["tokens_per_second"] > 0
    assert performance["latency_p50"] <= performance["latency_p95"] <= performance["latency_p99"]
    assert status["loaded"]
    assert status["state"] == "attached"


@pytest.mark.parametrize("call", ["generate_text", "generate_code_completion", "explain_code"])
async def test_calls_before_load_name_load_model(call: str) -> None:
    with FakeEngine(tcp=True) as engine:
        manager = attached(engine)
        with pytest.raises(ModelNotLoadedError, match="load_model"):
            await getattr(manager, call)("x = 1")
        await manager.load_model()
        await manager.unload_model()
        with pytest.raises(ModelNotLoadedError):
            await getattr(manager, call)("x = 1")


async def test_a_deadline_that_the_caller_set_names_its_seconds_and_leaves_the_engine_healthy() -> None:
    with FakeEngine(Script(rules=[Rule(delay=5)]), tcp=True) as engine:
        async with attached(engine) as manager:
            with pytest.raises(InferenceTimeoutError, match=re.escape("0.2 s")):
                await manager.generate_text("Hello?", timeout=0.2)
            report = await manager.health_check()
            assert manager.get_model_status()["performance"]["failed"] == 1
    assert report["status"] is HealthStatus.HEALTHY
    assert report["recent_errors"] == []


async def test_an_engine_without_progress_is_given_up_and_degraded() -> None:
    with FakeEngine(Script(rules=[Rule(delay=10)]), tcp=True) as engine:
        async with attached(engine, timeout=0.5) as manager:
            with pytest.raises(InferenceTimeoutError, match=re.escape("no progress for 0.5 s")):
                await manager.generate_text("Hello?")
            report = await manager.health_check()
    assert report["status"] is HealthStatus.DEGRADED
    assert "no progress" in report["recent_errors"][0]


async def test_a_stream_without_progress_is_given_up() -> None:
    with FakeEngine(Script(rules=[Rule(text="one two", gap=10)]), tcp=True) as engine:
        async with attached(engine, timeout=0.5) as manager:
            pieces = manager.stream_text("Count.")
            assert await anext(pieces) == "on", "the last character could begin a special token"
            with pytest.raises(InferenceTimeoutError, match="no progress"):
                await anext(pieces)


@pytest.mark.parametrize("figure", ["vllm:generation_tokens_total", "vllm:prompt_tokens_total"])
async def test_a_request_that_waits_while_the_engine_works_is_answered(figure: str) -> None:
    rules = [Rule(path=CHAT, delay=2.5)]
    with FakeEngine(Script(rules=rules), tcp=True) as engine:
        async with attached(engine, timeout=1.0) as manager:
            asking = asyncio.create_task(manager.generate_text("Hello?"))
            while not asking.done():  # other clients' tokens
                engine.script.metrics = {figure: engine.script.metrics.get(figure, 0) + 10}
                engine.update(*rules)
                await asyncio.wait([asking], timeout=0.1)
            assert await asking == "OK."


async def test_a_deadline_replaces_the_limit_on_silence() -> None:
    with FakeEngine(Script(rules=[Rule(path=CHAT, delay=1.0)]), tcp=True) as engine:
        async with attached(engine, timeout=0.3) as manager:
            assert await manager.generate_text("Hello?", timeout=20) == "OK."


@pytest.mark.parametrize("call", ["generate_text", "generate_code_completion", "explain_code"])
@pytest.mark.parametrize("timeout", [0, -1, "10", True, math.nan, math.inf])
async def test_a_timeout_that_is_not_a_positive_number_is_refused(call: str, timeout: object) -> None:
    with FakeEngine(tcp=True) as engine:
        async with attached(engine) as manager:
            with pytest.raises(UsageError, match=r"^timeout must be a"):
                await getattr(manager, call)("x = 1", timeout=timeout)
        assert not engine.requests(CHAT)


@pytest.mark.parametrize(
    "options",
    [
        {"max_tokens": 0},
        {"max_tokens": 2.5},
        {"max_tokens": 9, "temperature": 3},
        {"max_tokens": 9, "temperature": "hot"},
    ],
)
async def test_other_numbers_out_of_range_are_refused_by_name(options: dict[str, Any]) -> None:
    with FakeEngine(tcp=True) as engine:
        async with attached(engine) as manager:
            with pytest.raises(UsageError, match=rf"^{list(options)[-1]} must be"):
                await manager.chat([{"role": "user", "content": "Hello?"}], **options)
            with pytest.raises(UsageError, match=r"^cursor_position must be a whole number"):
                await manager.generate_code_completion("x = 1", "end")  # type: ignore[arg-type]
            with pytest.raises(UsageError, match=r"^wait must be at least 0"):
                await manager.load_model(wait=-1)


async def test_the_error_for_a_dead_engine_names_restart() -> None:
    with FakeEngine(Script(rules=[Rule(match="die", die=True)]), tcp=True) as engine:
        async with attached(engine) as manager:
            with pytest.raises(EngineDiedError, match="restart"):
                await manager.generate_text("die")
            report = await manager.health_check()
            assert report["status"] is HealthStatus.UNHEALTHY
            assert not report["endpoint"]


async def test_a_prompt_beyond_the_context_is_refused_with_numbers() -> None:
    with FakeEngine(Script(max_model_len=200), tcp=True) as engine:
        async with attached(engine) as manager:
            with pytest.raises(PromptTooLongError, match="200"):
                await manager.generate_text("word " * 500)
        assert not engine.requests(CHAT)


async def test_an_unreachable_endpoint_is_an_error_at_once() -> None:
    manager = AIModelManager(engine_url="http://127.0.0.1:9")
    with pytest.raises(EngineUnreachableError, match=r"127\.0\.0\.1:9"):
        await manager.load_model()
    assert (await manager.health_check())["status"] is HealthStatus.UNHEALTHY


async def test_a_healthy_engine_is_healthy() -> None:
    with FakeEngine(tcp=True) as engine:
        async with attached(engine) as manager:
            await manager.generate_text("Hello?")
            report = await manager.health_check()
    assert report["status"] is HealthStatus.HEALTHY
    assert report["problems"] == []
    assert report["latency"]["p50"] > 0
    assert json.loads(json.dumps(report)) == report


def test_the_readme_example_runs_as_printed() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    with FakeEngine(tcp=True) as engine:
        code = example.replace("ModelConfig(max", f"ModelConfig(engine_url={engine.endpoint.url!r}, max")
        assert code != example
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3


async def test_fill_in_the_middle_uses_both_sides() -> None:
    rules = [Rule(path="/v1/completions", text="return a + b")]
    with FakeEngine(Script(rules=rules), tcp=True) as engine:
        async with attached(engine) as manager:
            # The fake serves a model without such tokens; give it those of a model that has them.
            held = manager._held.engine
            assert held is not None
            profile = dataclasses.replace(held.profile, fim=FimTokens("<P>", "<S>", "<M>"))
            manager._held.engine = dataclasses.replace(held, profile=profile)
            code = "def add(a, b):\n    \nprint(add(1, 2))"
            assert await manager.generate_code_completion(code, 19) == "return a + b"
        (request,) = engine.requests("/v1/completions")
    assert request["body"]["prompt"] == "<P>def add(a, b):\n    <S>\nprint(add(1, 2))<M>"


@pytest.mark.parametrize(
    ("machine", "limit", "said", "hint"),
    [
        (pc(24, flags="avx512f amx_bf16 amx_int8"), 12, "gpt-oss-20b does not fit", "--embedded=1.5b"),
        (pc(24, flags="avx512f amx_bf16 amx_int8"), 4, "gpt-oss-20b does not fit", "--embedded=0.5b"),
        (pc(24, flags="avx512f amx_bf16 amx_int8"), 1, "gpt-oss-20b does not fit", "raise max_memory_gb"),
        (pc(60, flags="avx512f amx_bf16 amx_int8"), None, "gpt-oss-20b is not installed", "model install --embedded"),
        (pc(60, flags="avx512f amx_bf16 amx_int8"), None, "gpt-oss-20b is not installed", "in Python embedded=True"),
    ],
)
async def test_without_a_model_the_error_names_one_that_fits(
    machine: Hardware, limit: float | None, said: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "detect", lambda: machine)
    with pytest.raises(EngineError, match=said) as caught:
        await AIModelManager(max_memory_gb=limit).profile()
    assert hint in str(caught.value.hint)
