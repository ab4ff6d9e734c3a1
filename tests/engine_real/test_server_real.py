"""The real thing: vLLM with the embedded model, started, asked, weighed and stopped through ``Server``."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from reviewer import processes
from reviewer.engine.client.client import EngineClient
from reviewer.engine.planning import launch
from reviewer.engine.server import registry
from reviewer.engine.server.server import Server, ServerSpec
from reviewer.engine.server.state import Status
from reviewer.errors import (
    EngineDiedError,
    EngineNotReadyError,
    EngineStartError,
    EngineUnreachableError,
    PromptTooLongError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.engine.install.environment import EngineEnvironment

pytestmark = [
    pytest.mark.real_engine,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.name == "nt", reason="vLLM does not run on Windows"),
]

_ENV = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
    "VLLM_NO_USAGE_STATS": "1",
}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"line": {"enum": [3, 7]}, "message": {"type": "string", "maxLength": 30}},
    "required": ["line", "message"],
    "additionalProperties": False,
}
_QUESTION = [{"role": "user", "content": "Say which line divides by zero: 3: x = 1 / 0\n7: y = 2"}]


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="real-"))
    yield path
    registry.stop_all(path)
    shutil.rmtree(path)


def spec(engine: EngineEnvironment, model: Path) -> ServerSpec:
    flags = ("--served-model-name", "m", "--dtype", "float32", "--enforce-eager", "--max-num-seqs", "8")
    return ServerSpec(
        argv=(
            *launch.server_command(engine.python, engine.vllm_version, "cpu"),
            "--model", str(model), "--max-model-len", "1024", *flags,
        ),
        env=_ENV, model="smollm2-135m-instruct", served_name="m", key="real",
    )  # fmt: skip


def left_in_shared_memory(pids: tuple[int, ...]) -> list[str]:
    folder = Path("/dev/shm")
    return [path.name for path in folder.glob("*") if any(f"_{pid}_" in path.name for pid in pids)]


def title(pid: int) -> str:
    """What a process calls itself."""
    return psutil.Process(pid).cmdline()[0]


async def ask_everything(server: Server) -> None:
    async with EngineClient(server.start()) as client:
        assert await client.health()
        (model,) = await client.models()
        assert (model["id"], model["max_model_len"]) == ("m", 1024)
        answer = await client.chat(_QUESTION, max_tokens=40, schema=_SCHEMA, seed=1, logprobs=True)
        assert json.loads(answer.text)["line"] in (3, 7)
        assert answer.prompt_tokens > 0
        assert len(answer.logprobs) == answer.completion_tokens
        pieces = [piece async for piece in client.stream(_QUESTION, max_tokens=8, seed=1)]
        assert len(pieces) > 1
        raw = await client.complete("def add(a, b):\n    return", max_tokens=5)
        assert raw.finish_reason == "length"
        with pytest.raises(PromptTooLongError, match="1024"):
            await client.chat([{"role": "user", "content": "word " * 3000}], max_tokens=8)
        assert (await client.metrics())["vllm:prompt_tokens_total"] >= answer.prompt_tokens


async def die_while_decoding(server: Server) -> None:
    async with EngineClient(server.start()) as client:
        asking = asyncio.create_task(client.chat(_QUESTION, max_tokens=800, extra={"ignore_eos": True}))
        await asyncio.sleep(1)
        pid = server.state(measure=False).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(EngineDiedError):
            await asking
        with pytest.raises((EngineDiedError, EngineUnreachableError)):
            await client.chat(_QUESTION, max_tokens=8)


def test_start_ask_weigh_stop_and_die(engine: EngineEnvironment, embedded_model: Path, folder: Path) -> None:
    server = Server(spec(engine, embedded_model), folder)
    with pytest.raises(EngineNotReadyError):
        server.start(wait=0.5)
    assert server.state().status is Status.STARTING
    started = time.monotonic()
    server.start()
    loading = time.monotonic() - started

    asyncio.run(ask_everything(server))
    ready = server.state()
    assert ready.status is Status.READY
    assert {title(pid) for pid in ready.processes} >= {"VLLM::EngineCore"}
    assert "VLLM::Worker" not in {title(pid) for pid in ready.processes}, "the scheduler computes itself"
    assert ready.memory_bytes is not None
    assert 1e9 < ready.memory_bytes < 8e9

    stopping = time.monotonic()
    server.stop()
    print(  # noqa: T201 - figures for the one who runs it with -s
        f"\nready after {loading:.1f} s, {len(ready.processes)} processes, {ready.memory_bytes / 1e9:.2f} GB, "
        f"stopped in {time.monotonic() - stopping:.1f} s"
    )
    assert processes.marked(registry.Place.at(folder).marker) == []
    assert server.state().status is Status.STOPPED
    assert left_in_shared_memory(ready.processes) == []

    server.start()
    asyncio.run(die_while_decoding(server))
    server.stop()  # also what its supervisor has started in its place
    assert processes.marked(registry.Place.at(folder).marker) == []


def test_scheduler_killed_while_loading_is_told(engine: EngineEnvironment, embedded_model: Path, folder: Path) -> None:
    server = Server(spec(engine, embedded_model), folder)
    with pytest.raises(EngineNotReadyError):
        server.start(wait=0)
    deadline = time.monotonic() + 300
    while not any("loading weights" in line.lower() or "Initializing model" in line
                  for line in registry.tail(server.log, 20)):  # fmt: skip
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (core,) = (pid for pid in server.state().processes if title(pid) == "VLLM::EngineCore")
    os.kill(core, signal.SIGKILL)
    with pytest.raises(EngineStartError) as caught:
        server.start()
    assert "memory" in str(caught.value), registry.tail(server.log, 100)
    assert processes.marked(registry.Place.at(folder).marker) == []
