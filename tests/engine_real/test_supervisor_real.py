"""Real vLLM under its supervisor: counted, stopped when idle, made smaller or stopped at its memory limit."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reviewer import processes
from reviewer.cli import engine_status
from reviewer.engine.client.client import EngineClient
from reviewer.engine.planning import launch
from reviewer.engine.server import registry
from reviewer.engine.server.job import Watch
from reviewer.engine.server.life import Life, Reason
from reviewer.engine.server.server import Server, ServerSpec
from reviewer.engine.server.state import ServerState, Status
from reviewer.errors import EngineDiedError, EngineStartError, EngineUnreachableError
from tests.engine.fakes import last_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reviewer.engine.install.environment import EngineEnvironment

pytestmark = [
    pytest.mark.real_engine,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(os.name == "nt", reason="vLLM does not run on Windows"),
]

_KV_BYTES = 1_200_000_000
_WATCH = Watch(idle_timeout=None, low_memory_bytes=0)


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="real-"))
    yield path
    registry.stop_all(path)
    shutil.rmtree(path)


def spec(engine: EngineEnvironment, model: Path) -> ServerSpec:
    flags = ("--dtype", "float32", "--enforce-eager", "--max-num-seqs", "8", "--max-model-len", "1024")
    cache = ("--enable-prefix-caching", "--kv-cache-memory-bytes", str(_KV_BYTES))
    return ServerSpec(
        argv=(
            *launch.server_command(engine.python, engine.vllm_version, "cpu"),
            "--model", str(model), "--served-model-name", "m", *flags, *cache,
        ),
        env={"HF_HUB_OFFLINE": "1", "VLLM_CPU_NUM_OF_RESERVED_CPU": "0"}, model="smollm2-135m-instruct",
        served_name="m", key="real", planned_bytes=4 * 10**9, facts={"max_num_seqs": 8}, watch=_WATCH,
    )  # fmt: skip


def until(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


async def ask(server: Server, times: int) -> float:
    """Ask so often, and return how many tokens a second were decoded, prefill included."""
    shared = "You are a reviewer of code. " * 20
    async with EngineClient(server.start()) as client:
        began, tokens = time.monotonic(), 0
        for number in range(times):
            messages = [{"role": "user", "content": f"{shared} Question {number}?"}]
            answer = await client.chat(messages, max_tokens=24, extra={"ignore_eos": True})
            tokens += answer.completion_tokens
        return tokens / (time.monotonic() - began)


def shown(state: ServerState) -> dict[str, Any]:
    (found,) = json.loads(engine_status.as_json([state]))
    assert isinstance(found, dict)
    return found


def life_of(server: Server) -> Life:
    found = server.state(measure=False).life
    assert found is not None
    return found


def it_is_stopped_where_nothing_can_be_less(plain: ServerSpec, folder: Path) -> None:
    hopeless = Server(dataclasses.replace(plain, key="hopeless", memory_limit_bytes=900_000_000), folder)
    # Where it loads faster than it is weighed it answers for a moment.
    with contextlib.suppress(EngineStartError):
        hopeless.start()
    until(lambda: last_end(hopeless) is not None, 20)
    ended = last_end(hopeless)
    assert ended is not None
    assert ended.reason is Reason.MEMORY
    assert re.search(r"it used .* \(planned 4\.0 GB\), its limit is 900 MB", ended.message)
    assert "max_memory_gb" in ended.hint
    until(lambda: processes.marked(registry.Place.at(folder).marker) == [], 20)
    assert processes.marked(registry.Place.at(folder).marker) == []


def test_counted_idle_smaller_and_stopped(engine: EngineEnvironment, embedded_model: Path, folder: Path) -> None:
    before = set(Path("/dev/shm").iterdir()) if Path("/dev/shm").is_dir() else set()
    plain = spec(engine, embedded_model)
    idle = Server(dataclasses.replace(plain, watch=dataclasses.replace(_WATCH, idle_timeout=8.0)), folder)
    speed = asyncio.run(ask(idle, 3))
    until(lambda: life_of(idle).tokens_per_second, 30)
    state = idle.state()
    found = shown(state)
    assert (found["status"], found["requests"], found["requests_running"]) == ("ready", 3, 0)
    assert 0.3 < found["tokens_per_second"] / speed < 10, "it is seen every second or two"
    assert 0.2 < found["prefix_cache_hit_rate"] < 1
    assert 0 < found["idle_left"] <= 8
    assert found["supervisor"]["memory_bytes"] < 40_000_000
    weight = found["memory_bytes"]
    assert weight > 2_000_000_000
    print("\n" + "\n".join(engine_status.lines([state])))  # noqa: T201 - for the one who runs it with -s

    until(lambda: idle.state(measure=False).status is Status.STOPPED, 60)
    until(lambda: processes.marked(registry.Place.at(folder).marker) == [], 20)  # the supervisor goes last
    ended = last_end(idle)
    assert ended is not None
    assert ended.reason is Reason.IDLE
    assert "after 8 s without a request" in ended.message
    if before:
        left = {path for path in set(Path("/dev/shm").iterdir()) - before if path.stat().st_mtime > state.started_at}
        assert not [path for path in left if any(f"_{pid}_" in path.name for pid in state.processes)]

    limit = weight - 300_000_000
    tight = Server(dataclasses.replace(plain, key="tight", memory_limit_bytes=limit), folder)
    for _ in range(4):  # it may be at work when it grows over its limit, and joins again when it is back
        with contextlib.suppress(EngineDiedError, EngineUnreachableError):
            asyncio.run(ask(tight, 8))
            break
    assert life_of(tight).reductions, "it never came over its limit"
    smaller = tight.state()
    assert smaller.status is Status.READY
    assert smaller.memory_bytes is not None
    assert smaller.memory_bytes < limit
    assert "restarted with less memory" in life_of(tight).message
    facts = tight.running_facts()
    assert facts is not None
    assert 1 <= facts["max_num_seqs"] < 8
    print("\n" + "\n".join(engine_status.lines([smaller])))  # noqa: T201
    tight.stop()

    it_is_stopped_where_nothing_can_be_less(plain, folder)
