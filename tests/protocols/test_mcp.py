"""The MCP server as a real process, asked by the SDK's own client."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from mcp import Client, StdioServerParameters

from tests.command import reviewer
from tests.fake_engine import FakeEngine, Rule, Script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.repo import Repo

pytestmark = pytest.mark.anyio

BEFORE = "def load(path):\n    return open(path).read()\n"
AFTER = "def load(path, seen=[]):\n    seen.append(path)\n    return open(path).read()\n"
CHAT = "/v1/chat/completions"


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    rules = [
        Rule(match="explain one change", text="Adds the argument `seen` to `load`."),
        Rule(match="how many", text="Two."),
        Rule(match="take your time", text="late", delay=30),
        Rule(path=CHAT, text="It reads a file."),
    ]
    with FakeEngine(Script(rules=rules), tcp=True) as running:
        yield running


@pytest.fixture
def changed(repo: Repo) -> Repo:
    repo.commit("first", {"load.py": BEFORE})
    repo.stage({"load.py": AFTER})
    return repo


@asynccontextmanager
async def connected(repo: Repo, engine: FakeEngine | None = None) -> AsyncIterator[Client]:
    env = {**os.environ, "REVIEWER_MODEL_FINDINGS": "auto"}
    env["REVIEWER_ENGINE_URL"] = engine.endpoint.url if engine else "http://127.0.0.1:9"
    server = StdioServerParameters(command=sys.executable, args=["-m", "reviewer", "mcp"], env=env, cwd=str(repo.root))
    async with Client(server) as client:
        yield client


def text(result: Any) -> str:
    return "".join(part.text for part in result.content)


async def test_what_is_offered(changed: Repo) -> None:
    async with connected(changed) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        resources = {str(one.uri) for one in (await client.list_resources()).resources}
        prompts = {one.name for one in (await client.list_prompts()).prompts}
    assert set(tools) == {
        "review_diff", "apply_suggestion", "explain_code", "generate_code_completion", "generate_text", "engine_status"
    }  # fmt: skip
    assert all(tool.description for tool in tools.values())
    assert resources == {"reviewer://review/last", "reviewer://config"}
    assert prompts == {"review_and_fix"}


async def test_a_review_without_a_model_and_its_fix(changed: Repo) -> None:
    index = (changed.root / ".git" / "index").read_bytes()
    async with connected(changed) as client:
        review = (await client.call_tool("review_diff", {"use_model": False})).structured_content
        (found,) = review["findings"]
        assert (found["path"], found["line"]) == ("load.py", 1)
        assert found["suggestion"]["proof"].startswith("ruff no longer reports B006")
        (kept,) = (await client.read_resource("reviewer://review/last")).contents
        assert json.loads(kept.text)["findings"][0]["id"] == found["id"]
        tried = await client.call_tool("apply_suggestion", {"ids": [found["id"]], "dry_run": True})
        planned = tried.structured_content
        assert (planned["applied"], "+    if seen is None:" in planned["patch"]) == ([], True)
        assert (changed.root / "load.py").read_text() == AFTER
        done = (await client.call_tool("apply_suggestion", {"ids": [found["id"]]})).structured_content
        assert (done["applied"], done["refused"]) == ([found["id"]], [])
    assert "seen=None" in (changed.root / "load.py").read_text()
    assert (changed.root / ".git" / "index").read_bytes() == index
    assert reviewer("apply", "--undo", cwd=changed.root).returncode == 0
    assert (changed.root / "load.py").read_text() == AFTER


async def test_the_model_explains_with_progress(changed: Repo, engine: FakeEngine) -> None:
    async with connected(changed, engine) as client:
        review = (await client.call_tool("review_diff", {"revision": "HEAD"})).structured_content
        assert review["subject"]
        staged = (await client.call_tool("review_diff")).structured_content
        (unit,) = staged["units"]
        assert unit["explanation"]["text"] == "Adds the argument `seen` to `load`."
        assert text(await client.call_tool("explain_code", {"code": BEFORE})) == "It reads a file."
        assert text(await client.call_tool("generate_text", {"prompt": "how many?"})) == "Two."
        status = (await client.call_tool("engine_status")).structured_content
        assert status["health"]
        (configuration,) = (await client.read_resource("reviewer://config")).contents
        assert "api_key" not in configuration.text


async def test_a_cancelled_call_ends_and_the_server_goes_on(changed: Repo, engine: FakeEngine) -> None:
    seen: list[str] = []
    reported = asyncio.Event()

    async def report(_: float, __: float | None, message: str | None) -> None:
        seen.append(message or "")
        reported.set()

    async with connected(changed, engine) as client:
        began = time.monotonic()
        call = asyncio.create_task(
            client.call_tool("generate_text", {"prompt": "take your time"}, progress_callback=report)
        )
        await asyncio.wait_for(reported.wait(), 20)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert time.monotonic() - began < 25
        assert "writing" in seen
        assert text(await client.call_tool("generate_text", {"prompt": "how many?"})) == "Two."


async def test_over_http_on_loopback(changed: Repo) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [sys.executable, "-m", "reviewer", "mcp", "--http", str(port)]
    server = await asyncio.create_subprocess_exec(*argv, cwd=changed.root, stderr=asyncio.subprocess.PIPE)
    try:
        assert server.stderr is not None
        while b"running on" not in (line := await asyncio.wait_for(server.stderr.readline(), 60)):
            assert line, "the server ended"
        listening = {one.laddr.ip for one in psutil.Process(server.pid).net_connections() if one.status == "LISTEN"}
        assert listening == {"127.0.0.1"}
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            review = (await client.call_tool("review_diff", {"use_model": False})).structured_content
        assert [one["line"] for one in review["findings"]] == [1]
    finally:
        server.terminate()
        await server.wait()


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("review_diff", {"revision": "no-such-branch"}, "no-such-branch"),
        ("review_diff", {"revision": "HEAD", "patch": "x"}, "not both"),
        ("apply_suggestion", {"ids": ["fffff"]}, "reviewer review"),
        ("explain_code", {"code": "x"}, "127.0.0.1:9"),
        ("generate_code_completion", {"code_context": "x", "cursor_position": 7}, "127.0.0.1:9"),
    ],
)
async def test_what_goes_wrong_is_a_tool_error(changed: Repo, tool: str, arguments: dict[str, Any], said: str) -> None:
    async with connected(changed) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert said in text(result)
    assert "Traceback" not in text(result)


async def test_nothing_is_left_when_the_client_leaves(changed: Repo, engine: FakeEngine) -> None:
    others = set(psutil.Process().children(recursive=True))  # of fixtures that several tests share
    async with connected(changed, engine) as client:
        await client.call_tool("generate_text", {"prompt": "how many?"})
        children = set(psutil.Process().children(recursive=True)) - others
        assert any("mcp" in one.cmdline() for one in children)
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert gone
    assert not alive
