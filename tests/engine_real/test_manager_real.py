"""``AIModelManager`` on real vLLM: what it answers, how it watches the engine, and how it comes back from a death."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from reviewer import AIModelManager, ModelConfig
from reviewer.engine.client.health import HealthStatus
from reviewer.engine.server import registry
from reviewer.errors import EngineDiedError, InferenceTimeoutError, PromptTooLongError

if TYPE_CHECKING:
    from reviewer.engine.server.state import ServerState

pytestmark = [
    pytest.mark.real_engine,
    pytest.mark.anyio,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.name == "nt", reason="vLLM does not run on Windows"),
]

CONFIG = ModelConfig(embedded="135m", temperature=0.3, max_tokens=80)
# Decoded to the schema, an answer cannot end before it is this long.
ENDLESS = {"type": "string", "minLength": 8000}
BEFORE_CURSOR = 'def area(width, height):\n    """Return the area of a rectangle."""\n    return '
AFTER_CURSOR = '\n\n\ndef perimeter(width, height):\n    """Return the perimeter of a rectangle."""\n'


async def test_it_answers_streams_and_counts(warm: ServerState) -> None:
    async with AIModelManager(CONFIG, keep_warm=True) as manager:
        assert await manager.generate_text("In one sentence: what is a git commit?", timeout=120)
        pieces = [piece async for piece in manager.stream_text("In one sentence: what is a branch?", timeout=120)]
        assert len(pieces) > 1
        assert "".join(pieces).strip()
        assert await manager.explain_code(BEFORE_CURSOR + "width * height", question="What does it return?")
        status = manager.get_model_status()
        performance = status["performance"]
        assert (performance["requests"], performance["failed"]) == (3, 0)
        assert 0 < performance["avg_inference_time"] < 120
        assert performance["tokens_per_second"] > 1
        assert performance["prompt_tokens"] > 0
        assert performance["latency_p50"] <= performance["latency_p99"]
        assert status["engine"]["pid"] == warm.pid
        assert status["memory"]["measured_bytes"] < status["memory"]["limit_bytes"]


async def test_a_completion_is_code_for_the_place_between_both_sides(warm: ServerState) -> None:
    async def complete(code: str) -> tuple[str, int]:
        async with AIModelManager(CONFIG, keep_warm=True) as manager:
            inserted = await manager.generate_code_completion(code, cursor_position=len(BEFORE_CURSOR))
            return inserted, manager.get_model_status()["performance"]["prompt_tokens"]

    inserted, prompt_tokens = await complete(BEFORE_CURSOR + AFTER_CURSOR)
    assert inserted.strip()
    assert "```" not in inserted
    # The line that stands after the cursor already.
    assert "def perimeter(width, height):" not in inserted.splitlines()
    _, of_one_side = await complete(BEFORE_CURSOR)
    assert prompt_tokens > of_one_side + 10, "the model has read what follows the cursor"


async def test_what_is_too_long_or_too_slow_is_told(warm: ServerState) -> None:
    async with AIModelManager(CONFIG, keep_warm=True) as manager:
        context = (await manager.profile()).context_tokens
        with pytest.raises(PromptTooLongError) as caught:
            await manager.generate_text("word " * 2 * context)
        assert str(context) in caught.value.message
        assert caught.value.hint
        # The engine's own refusal, for a caller who counts for himself.
        with pytest.raises(PromptTooLongError, match=str(context)):
            await manager.chat([{"role": "user", "content": "word " * 2 * context}], max_tokens=8)
        with pytest.raises(InferenceTimeoutError, match=r"0\.2 s"):
            await manager.generate_text("Tell a long story about a compiler.", timeout=0.2)
        report = await manager.health_check()
    assert report["status"] is HealthStatus.DEGRADED, "failed requests are remembered"
    assert len(report["recent_errors"]) == 1, "one was never sent, and one deadline was the caller's own"


async def test_a_death_is_told_seen_and_mended(warm: ServerState) -> None:
    async with AIModelManager(CONFIG, keep_warm=True) as manager:
        healthy = await manager.health_check()
        assert healthy["status"] is HealthStatus.HEALTHY, healthy["problems"]
        assert (healthy["engine"], healthy["endpoint"], healthy["model_files"]) == ("ready", True, True)
        assert healthy["memory_bytes"] is not None
        assert healthy["memory_bytes"] > 5e8

        asking = asyncio.create_task(
            manager.chat([{"role": "user", "content": "Count."}], max_tokens=2000, schema=ENDLESS, timeout=300)
        )
        await asyncio.sleep(2)
        assert not asking.done()
        # The worker is the one that holds the weights.
        worker = max(warm.processes, key=lambda pid: psutil.Process(pid).memory_info().rss)
        assert worker != warm.pid
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(EngineDiedError) as caught:
            await asyncio.wait_for(asking, 60)
        assert caught.value.hint is not None
        assert "restart" in caught.value.hint
        dead = await manager.health_check()
        assert dead["status"] is HealthStatus.UNHEALTHY
        assert dead["problems"]
        with pytest.raises(EngineDiedError):
            await manager.generate_text("Are you there?")

        await manager.restart()
        assert not any(psutil.pid_exists(pid) for pid in warm.processes)
        assert await manager.generate_text("Are you there?", timeout=120)
        assert manager.get_model_status()["state"] == "ready"
    (engine,) = registry.running()
    assert engine.pid != warm.pid
