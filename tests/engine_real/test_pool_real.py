"""Two real servers on loopback share a review, and one of them is killed in the middle of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from reviewer import diff
from reviewer.config import Settings
from reviewer.engine.client.client import EngineClient
from reviewer.engine.client.endpoint import Endpoint
from reviewer.errors import EngineUnreachableError, InferenceTimeoutError
from reviewer.finding import Review, UnitStatus
from reviewer.review import review_change
from reviewer.selection.source import ChangeSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.repo import Repo

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.real_engine,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.name == "nt", reason="vLLM does not run on Windows"),
]

_UNITS = 12
_NAME = "smollm2-135m-instruct"
_ENV = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_API_KEY": "a key of this test",
}


@dataclass
class Served:
    """One server, as somebody would start it by hand."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> EngineClient:
        return EngineClient(Endpoint(self.url, api_key=_ENV["VLLM_API_KEY"], served_name=_NAME))

    def kill(self) -> None:
        """End the server and its workers at once, as a loss of power would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _start(python: Path, model: Path, folder: Path, core: int) -> Served:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = folder / f"server-{core}.log"
    argv = [
        str(python), "-m", "vllm.entrypoints.openai.api_server", "--model", str(model), "--served-model-name", _NAME,
        "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--enforce-eager",
        "--max-model-len", "4096", "--max-num-seqs", "8",
    ]  # fmt: skip
    # A core for each: two servers whose threads wait busily for the same cores would hardly get on.
    env = os.environ | _ENV | ({"VLLM_CPU_OMP_THREADS_BIND": str(core)} if (os.cpu_count() or 1) > 1 else {})
    with log.open("wb") as output:
        process = subprocess.Popen(argv, env=env, stdout=output, stderr=output, start_new_session=True)
    return Served(process, port, log)


@pytest.fixture
def servers(engine_python: Path, embedded_model: Path, tmp_path: Path) -> Iterator[list[Served]]:
    found = [_start(engine_python, embedded_model, tmp_path, core) for core in (0, 1)]
    yield found
    for server in found:
        if server.process.poll() is None:
            server.kill()


async def _ready(server: Served) -> None:
    async with server.client() as client:
        while not await client.health():
            assert server.process.poll() is None, server.log.read_text(errors="replace")[-3000:]
            await asyncio.sleep(0.5)


async def _figure(server: Served, name: str) -> int:
    async with server.client() as client:
        for _ in range(20):  # two servers on two cores can be too busy to say how busy they are
            with contextlib.suppress(EngineUnreachableError, InferenceTimeoutError):
                return int((await client.metrics()).get(f"vllm:{name}", 0))
        raise AssertionError(f"{server.url} tells no figures")


async def _review(repo: Repo, servers: list[Served]) -> Review:
    before = "".join(f"value_{number} = {number}\n" for number in range(20 * _UNITS))
    after = "".join(f"value_{number} = {number + (number % 20 == 0)}\n" for number in range(20 * _UNITS))
    repo.commit(files={"values.py": before})
    repo.stage({"values.py": after})
    change = diff.parse(repo.git("diff", "--cached", "--no-color"), "staged changes")
    settings = Settings(
        url=", ".join(server.url for server in servers), api_key=_ENV["VLLM_API_KEY"], timeout=300.0, completions=False,
        summary="off",
    )  # fmt: skip
    return await review_change(ChangeSource(change, {"values.py": after}.get), settings)


async def test_one_of_two_is_killed_in_the_middle_of_a_review(servers: list[Served], repo: Repo) -> None:
    began = time.monotonic()
    await asyncio.gather(*(_ready(server) for server in servers))
    loaded = time.monotonic()
    stays, goes = servers
    reviewing = asyncio.create_task(_review(repo, servers))
    while await _figure(goes, "num_requests_running") < 3:
        assert not reviewing.done(), "the review did not reach the second server"
        await asyncio.sleep(0.1)
    lost = await _figure(goes, "num_requests_running") + await _figure(goes, "num_requests_waiting")
    goes.kill()
    killed = time.monotonic()
    review = await reviewing
    print(  # noqa: T201 - figures for the one who runs it with -s
        f"\nboth ready after {loaded - began:.0f} s, one killed {killed - loaded:.1f} s later with {lost} requests, "
        f"all {len(review.units)} units read {time.monotonic() - killed:.1f} s after that"
    )
    assert [unit.status for unit in review.units] == [UnitStatus.READ] * _UNITS, [u.reason for u in review.not_read]
    told = [note for note in review.notes if goes.url in note]
    assert any("take its requests" in note for note in told), review.notes
    assert not [note for note in review.notes if stays.url in note and "take its requests" in note]
    # Every unit once at the server that stayed, but for what the other one had answered before, and replies that were
    # no JSON and asked for again.
    answered = await _figure(stays, "request_success_total")
    assert _UNITS // 2 <= answered <= review.usage.requests <= 2 * _UNITS
