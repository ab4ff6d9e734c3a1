"""Real vLLM by our launcher under ``max_memory_gb``: what is planned holds, and the supervisor has nothing to do."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from reviewer import processes
from reviewer.engine.client.client import EngineClient
from reviewer.engine.config import ModelConfig
from reviewer.engine.models import convert, shape
from reviewer.engine.planning import hardware, launch
from reviewer.engine.planning.plan import make_plan
from reviewer.engine.server import registry
from reviewer.engine.server.job import Watch
from reviewer.engine.server.server import Server, ServerSpec
from reviewer.terminal.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.engine.install.environment import EngineEnvironment
    from reviewer.engine.planning.memory_plan import MemoryPlan

pytestmark = [
    pytest.mark.real_engine,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(sys.platform != "linux", reason="the launcher forks, and is used on Linux only"),
]

_LIMIT_GB = 2.3


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="real-"))
    yield path
    registry.stop_all(path)
    assert processes.marked(registry.Place.at(path).marker) == []
    shutil.rmtree(path)


def spec(engine: EngineEnvironment, model: Path, plan: MemoryPlan) -> ServerSpec:
    assert launch.forks(engine.vllm_version, plan.device, "Linux"), "the engine is no vLLM that the launcher knows"
    return ServerSpec(
        argv=(
            *launch.server_command(engine.python, engine.vllm_version, plan.device),
            *launch.server_args(plan, model, "m"),
        ),
        env=launch.server_env(plan, engine.prefix), model="smollm2-135m-instruct", served_name="m", key="planned",
        planned_bytes=plan.total_bytes, memory_limit_bytes=plan.limit_bytes,
        watch=Watch(idle_timeout=None, low_memory_bytes=0),
    )  # fmt: skip


async def ask(server: Server, times: int) -> None:
    async with EngineClient(server.start()) as client:
        questions = [[{"role": "user", "content": f"{number}: {'word ' * 300}"}] for number in range(times)]
        await asyncio.gather(*(client.chat(question, max_tokens=8) for question in questions))


def test_a_planned_limit_holds(engine: EngineEnvironment, embedded_model: Path, folder: Path) -> None:
    config = ModelConfig(embedded="135m", max_memory_gb=_LIMIT_GB, device="cpu")
    plan = make_plan(hardware.detect(), shape.from_folder(embedded_model), config, vllm_version=engine.vllm_version)
    planned = spec(engine, embedded_model, plan)
    server = Server(planned, folder)
    asyncio.run(ask(server, 2 * plan.max_num_seqs))
    state = server.state()
    assert state.memory_bytes is not None
    assert 0.7 * plan.total_bytes < state.memory_bytes < plan.limit_bytes == _LIMIT_GB * 10**9
    assert state.life is not None
    assert state.life.reductions == 0, "the plan keeps the limit by itself"
    assert len(state.processes) == 3, "the supervisor, the API server and the scheduler"


def test_the_embedding_of_a_quantized_model_stays_in_its_file(
    engine: EngineEnvironment, embedded_model: Path, folder: Path
) -> None:
    model = folder / "int8"
    convert.run(embedded_model, model, "int8", SILENT)
    config = ModelConfig(model=str(model), max_model_len=2048, device="cpu")
    plan = make_plan(hardware.detect(), shape.from_folder(model), config, vllm_version=engine.vllm_version)
    server = Server(spec(engine, model, plan), folder)
    asyncio.run(ask(server, 2))
    scheduler = max((psutil.Process(pid) for pid in server.state().processes), key=lambda one: one.memory_info().rss)
    mapped = {Path(region.path).name for region in scheduler.memory_maps()}
    assert (convert.WEIGHTS in mapped) == (plan.dtype == "bfloat16"), "mapped in the dtype of the file, else copied"
