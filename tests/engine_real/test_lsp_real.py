"""The language server with real vLLM: it joins the engine that runs, and the model's words reach the editor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from reviewer.engine.server import registry
from tests.editor import editor

if TYPE_CHECKING:
    from reviewer.engine.server.state import ServerState
    from tests.repo import Repo

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.real_engine,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.name == "nt", reason="vLLM does not run on Windows"),
]


async def test_the_model_reads_the_change_of_an_open_file(repo: Repo, warm: ServerState) -> None:
    repo.commit("first", {"load.py": "def load(path):\n    return open(path).read()\n"})
    repo.write({"load.py": "def load(path, seen=[]):\n    seen.append(path)\n    return open(path).read()\n"})
    async with editor(repo.root) as session:
        uri = session.open(repo.root / "load.py")
        await session.diagnostics(uri, len)
        await session.until(lambda: session.kinds() >= {"begin", "end"}, seconds=300)
        answer = await session.run((await session.actions(uri, 0))["Explain this finding of ruff B006"])
        assert len(answer.split()) > 2
        assert f"reviewer: {answer}" in session.messages
        assert session.shown(uri)
    (state,) = registry.running()
    assert state.pid == warm.pid
