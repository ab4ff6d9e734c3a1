"""A warm engine of the benchmarks' own, and a change to review with it.

The engine runs beside the user's: it has its own run folder and answer cache, and shares only the installed models and
the engine's environment. It is started with vLLM's development mode, whose ``/reset_prefix_cache`` makes every measured
review meet an engine that is loaded and has read none of the prompts.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from common import git

from reviewer import cache, paths
from reviewer.engine.install import environment
from reviewer.engine.server import registry
from reviewer.errors import EngineNotInstalledError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.engine.client.endpoint import Endpoint

# -P: the folder under review must not be imported from.
REVIEWER = [sys.executable, "-P", "-m", "reviewer"]
MAX_REVIEW_SECONDS = 3600


@dataclass(frozen=True)
class Engine:
    """A running engine and where it answers."""

    endpoint: Endpoint

    def client(self) -> httpx.Client:
        """A bare client for it."""
        headers = {"Authorization": f"Bearer {self.endpoint.api_key}"} if self.endpoint.api_key else {}
        uds = str(self.endpoint.uds) if self.endpoint.uds else None
        return httpx.Client(
            base_url=self.endpoint.url, transport=httpx.HTTPTransport(uds=uds), headers=headers, timeout=60
        )

    def forget_prompts(self) -> None:
        """Empty the engine's prefix cache."""
        with self.client() as client:
            client.post("/reset_prefix_cache").raise_for_status()


@contextmanager
def warm_engine(model: str = "135m") -> Iterator[Engine]:
    """Start an embedded model (a name for ``--embedded``) on real vLLM, and stop it afterwards."""
    data = paths.data_dir()
    data.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="rb-"))  # short: a socket's path has little room
    (home / "data").mkdir(mode=0o700)  # a link would not count as private: each run would have its own fence markers
    for part in data.iterdir():
        if part.is_dir():
            (home / "data" / part.name).symlink_to(part)
    os.environ.update(REVIEWER_HOME=str(home), REVIEWER_EMBEDDED=model, VLLM_SERVER_DEV_MODE="1")
    os.environ["REVIEWER_TIMEOUT"] = str(MAX_REVIEW_SECONDS)  # a busy machine may be long about the first answer
    try:
        _provision()
        subprocess.run([*REVIEWER, "model", "install", f"--embedded={model}"], check=True)
        subprocess.run([*REVIEWER, "engine", "start"], check=True)
        (state,) = registry.running()
        assert state.endpoint is not None
        yield Engine(state.endpoint)
    except BaseException:
        subprocess.run([*REVIEWER, "engine", "logs"], check=False)  # its folder is about to go
        raise
    finally:
        subprocess.run([*REVIEWER, "engine", "stop"], check=False)
        shutil.rmtree(home, ignore_errors=True)


def _provision() -> None:
    try:
        environment.find()
    except EngineNotInstalledError:
        subprocess.run([*REVIEWER, "engine", "install", "--yes"], check=True, stdin=subprocess.DEVNULL)


def forget_answers() -> None:
    """Remove our answer cache."""
    shutil.rmtree(cache.default_path().parent, ignore_errors=True)


def review(repo: Path) -> dict[str, Any]:
    """Review what is staged, as a person would, and return the JSON report.

    Raises:
        RuntimeError: It failed; the message is what it said.
    """
    done = subprocess.run(
        [*REVIEWER, "review", "--staged", "--format", "json"],
        cwd=repo,
        check=False,
        capture_output=True,
        text=True,
        timeout=MAX_REVIEW_SECONDS,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the review ended with {done.returncode}: {done.stderr}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def captured_requests(repo: Path) -> list[dict[str, Any]]:
    """Review once in this process and return every request that went to the engine: ``{"path": …, "body": …}``."""
    from reviewer.cli import run

    seen: list[dict[str, Any]] = []
    send = httpx.AsyncHTTPTransport.handle_async_request

    async def recording(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.startswith("/v1/"):
            seen.append({"path": request.url.path, "body": (await request.aread()).decode()})
        return await send(self, request)

    before = Path.cwd()
    os.chdir(repo)
    httpx.AsyncHTTPTransport.handle_async_request = recording  # type: ignore[method-assign]
    try:
        code = run(["review", "--staged", "--format", "json", "--output", os.devnull])
    finally:
        httpx.AsyncHTTPTransport.handle_async_request = send  # type: ignore[method-assign]
        os.chdir(before)
    if code != 0 or not seen:
        raise RuntimeError(f"the review to capture ended with {code} after {len(seen)} requests")
    return seen


def send_bare(engine: Engine, requests: list[dict[str, Any]]) -> dict[str, float]:
    """Send captured requests all at once with bare httpx, in a process of its own, and wait for every reply.

    Returns:
        ``tokens`` of the replies, and ``seconds`` without the start of the process.
    """
    endpoint = engine.endpoint
    env = {**os.environ, "URL": endpoint.url, "UDS": str(endpoint.uds or ""), "KEY": endpoint.api_key or ""}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requests.json"
        file.write_text(json.dumps(requests))
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("bare.py")), str(file)],
            env=env,
            check=True,
            stdout=subprocess.PIPE,
            timeout=MAX_REVIEW_SECONDS,
        )
    seen: dict[str, float] = json.loads(done.stdout)
    return seen


@contextmanager
def change_of(source: Path | None, commit: str | None, units: int) -> Iterator[Path]:
    """A scratch repository in which a change is staged: a commit of a local clone on its parent, or a made-up one."""
    with tempfile.TemporaryDirectory(prefix="rb-repo-") as folder:
        repo = Path(folder) / "repo"
        if source is not None:
            subprocess.run(["git", "clone", "-q", "--no-checkout", str(source), str(repo)], check=True)
            git(repo, "checkout", "-q", "--detach", commit or "HEAD")
        else:
            _made_up(repo, units)
        git(repo, "reset", "-q", "--soft", "HEAD^")
        yield repo


def _made_up(repo: Path, units: int) -> None:
    """Two commits of plain Python: the second changes a line in each of ``units`` functions, four to a file."""
    repo.mkdir()
    git(repo, "init", "-q")
    for good in (True, False):
        for number in range(0, units, 4):
            functions = [_function(index, good=good) for index in range(number, min(number + 4, units))]
            (repo / f"module_{number // 4}.py").write_text("import math\n\n\n" + "\n\n".join(functions))
        git(repo, "add", "-A")
        git(repo, "commit", "-q", "-m", "first" if good else "second")


def _function(number: int, *, good: bool) -> str:
    test = "if not values:\n        return 0.0" if good else f"if len(values) < {number % 3}:\n        return None"
    padding = "\n".join(f"    total += weights[{step}] * math.sqrt({step + number})" for step in range(12))
    return (
        f"def weigh_{number}(values, weights):\n"
        f'    """Sum up what number {number} weighs."""\n'
        f"    {test}\n    total = sum(values)\n{padding}\n    return total / len(values)\n"
    )


@contextmanager
def tcp_relay(endpoint: Endpoint) -> Iterator[str]:
    """Let a tool that knows no Unix sockets reach the engine; yields a base URL on loopback."""
    import threading

    if endpoint.uds is None:
        yield endpoint.url
        return
    loop = asyncio.new_event_loop()
    started: list[asyncio.Server] = []
    ready = threading.Event()

    async def serve() -> None:
        started.append(await asyncio.start_server(lambda r, w: _join(r, w, str(endpoint.uds)), "127.0.0.1", 0))
        ready.set()

    starting = loop.create_task(serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    if not ready.wait(10):
        raise RuntimeError(f"the relay does not listen: {starting}")
    yield f"http://127.0.0.1:{started[0].sockets[0].getsockname()[1]}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, uds: str) -> None:
    inner_reader, inner_writer = await asyncio.open_unix_connection(uds)
    await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer), return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
