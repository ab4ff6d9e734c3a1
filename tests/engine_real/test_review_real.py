"""Reviews on real vLLM: whatever the small model says, it is said of changed lines, in the report's format, once."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import re
import sqlite3
from typing import TYPE_CHECKING, Any

import jsonschema
import psutil
import pytest

from reviewer import AIModelManager, ModelConfig, diff, processes
from reviewer.checking import claims
from reviewer.config import Settings
from reviewer.engine.client.client import EngineClient
from reviewer.engine.server import registry
from reviewer.engine.server.state import Status
from reviewer.errors import ModelNotLoadedError
from reviewer.finding import Mark, UnitStatus
from reviewer.git import Repository
from reviewer.prompting.prompts import Prompts
from reviewer.report.json_report import schema
from reviewer.review import review_change
from reviewer.selection.source import from_repository
from reviewer.selection.units import select
from tests.command import reviewer_anew as reviewer
from tests.engine_real.samples import BEFORE, CHANGED, STAGED, UNFINISHED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reviewer.engine.client.wire import Completion, Message
    from reviewer.engine.server.state import ServerState
    from reviewer.finding import Finding
    from reviewer.selection.units import ReviewUnit
    from tests.repo import Repo

pytestmark = [
    pytest.mark.real_engine,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.name == "nt", reason="vLLM does not run on Windows"),
]

_JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


@pytest.fixture
def changed(repo: Repo) -> Repo:
    repo.commit("first", BEFORE)
    repo.stage(STAGED)
    return repo


@pytest.fixture
def cache(shared: Path) -> Path:
    """The answers of the shared folder, none of them known yet."""
    assert reviewer("cache", "clear", cwd=shared).returncode == 0
    return shared / "cache" / "answers.sqlite3"


def report(repo: Repo, *flags: str) -> dict[str, Any]:
    done = reviewer("review", "--format", "json", *flags, cwd=repo.root)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    jsonschema.Draft202012Validator(json.loads(schema())).validate(found)
    return found


def served(engine: ServerState) -> dict[str, float]:
    """What the engine itself has counted."""

    async def read() -> dict[str, float]:
        assert engine.endpoint is not None
        async with EngineClient(engine.endpoint) as client:
            return await client.metrics()

    names = ("vllm:request_success_total", "vllm:prompt_tokens_total", "vllm:generation_tokens_total")
    metrics = asyncio.run(read())
    return {name: metrics[name] for name in names}


def raw_replies(cache: Path) -> list[str]:
    with sqlite3.connect(cache) as database:
        rows = database.execute("SELECT value FROM answers").fetchall()
    database.close()
    return [row[0].decode() for row in rows]


def test_every_hunk_is_read_and_every_finding_is_on_a_changed_line(
    warm: ServerState, cache: Path, changed: Repo
) -> None:
    found = report(changed)
    assert {unit["path"] for unit in found["units"]} == set(CHANGED)
    for unit in found["units"]:
        assert (unit["status"], unit["reason"], unit["cached"]) == ("read", "", False)
        assert unit["explanation"]["text"].strip()
    for finding in found["findings"]:
        assert finding["line"] in CHANGED[finding["path"]], finding
    # Two hunks and one completion; each is asked for a second time at most.
    assert 3 <= found["usage"]["requests"] <= 6
    assert found["usage"]["completion_tokens"] > 0

    (unfinished,) = [one for one in found["findings"] if one["category"] == "unfinished"]
    assert (unfinished["path"], unfinished["line"]) == UNFINISHED
    suggestion = unfinished["suggestion"]
    if suggestion is not None:  # none where the model had no usable answer twice
        assert suggestion["kind"] == "completion"
        assert suggestion["shown"] == (not suggestion["marks"])
        if suggestion["shown"]:
            lines = str(STAGED["stats.py"]).split("\n")
            lines[suggestion["start_line"] - 1 : suggestion["end_line"]] = suggestion["replacement"].split("\n")
            compile("\n".join(lines), "stats.py", "exec")

    replies = [reply for reply in raw_replies(cache) if reply.startswith("{")]
    assert len(replies) == len(found["units"])
    for reply in replies:
        assert json.loads(reply)
        assert not re.search(r"\s", _JSON_TEXT.sub("", reply)), reply


def test_a_repeated_review_asks_nothing(warm: ServerState, cache: Path, changed: Repo) -> None:
    first = report(changed)
    before = served(warm)
    again = report(changed)
    assert served(warm) == before
    assert again["usage"]["requests"] == 0
    assert all(unit["cached"] for unit in again["units"])
    assert again["findings"] == first["findings"]
    assert [unit["explanation"] for unit in again["units"]] == [unit["explanation"] for unit in first["units"]]


def test_a_summary_begins_at_a_changed_line_and_serves_the_commit_message_too(
    warm: ServerState, cache: Path, changed: Repo
) -> None:
    assert report(changed)["summary"] is None  # auto leaves the small model out
    summary = report(changed, "--summary")["summary"]
    assert summary is not None
    place = summary["look_first"]
    assert place["line"] in CHANGED[place["path"]]
    message = summary["commit_message"]
    assert 0 < len(message["subject"]) <= 72
    before = served(warm)
    done = reviewer("message", cwd=changed.root)
    assert served(warm) == before
    assert done.returncode == (0 if message["shown"] else 5), done.stderr
    assert done.stdout.startswith(message["subject"]) if message["shown"] else done.stdout == ""


def units_of(repo: Repo) -> tuple[ReviewUnit, ...]:
    change = diff.parse(repo.git("diff", "--cached"), "staged changes")
    return select(change, lambda path: str(STAGED[path]), max_chars=4000).units


@pytest.mark.anyio
async def test_a_model_that_must_find_something_cannot_name_another_line(warm: ServerState, changed: Repo) -> None:
    """The small model mostly finds nothing, so here it has to, at a temperature at which it says anything."""
    units = units_of(changed)

    async def ask(manager: AIModelManager, prompts: Prompts, unit: ReviewUnit) -> tuple[Finding, ...]:
        request = prompts.review(unit)
        forced = copy.deepcopy(request.schema)
        assert forced is not None
        forced["properties"]["findings"]["minItems"] = 1
        said = await manager.chat(request.messages, max_tokens=600, temperature=1.0, schema=forced, timeout=300)
        reply = request.read(said.text, truncated=said.finish_reason == "length")
        return claims.Claims(unit, str(STAGED[unit.path]), (), prompts.examples, prompts.profile.bounds).findings(reply)

    async with AIModelManager(embedded="135m", keep_warm=True) as manager:
        prompts = Prompts(await manager.profile(), {})
        asked = [unit for unit in units for _ in range(4)]
        answers = await asyncio.gather(*(ask(manager, prompts, unit) for unit in asked))
    for unit, findings in zip(asked, answers, strict=True):
        assert findings
        for finding in findings:
            assert finding.line in CHANGED[unit.path]
            assert Mark.OFF_CHANGE not in finding.marks, "no other line could be decoded"


@pytest.mark.anyio
async def test_a_definition_beside_the_unit_is_sent_and_the_reply_is_read(warm: ServerState, repo: Repo) -> None:
    rate = 'def rate(country):\n    """Percent, not a share."""\n    return RATES[country]\n'
    till = rate + "\n" * 12 + "def total(net, country):\n    return net\n"
    repo.commit("first", {"till.py": till})
    repo.stage({"till.py": till.replace("return net", "return net * rate(country)")})
    sent: list[str] = []

    class Told(AIModelManager):
        """The real manager, which keeps what it is asked."""

        async def chat(self, messages: Sequence[Message], **how: Any) -> Completion:
            sent.append(messages[-1]["content"])
            return await super().chat(messages, **how)

    repository = Repository.discover(repo.root)
    source = from_repository(repository, repository.target(None, staged=True))
    settings = Settings(embedded="135m", context="file", cache=False)
    manager = Told(settings.model_config)
    review = await review_change(source, settings, manager=manager)
    assert all("| def rate(country):" in content for content in sent)
    (unit,) = review.units
    assert unit.status is UnitStatus.READ, unit.reason
    assert unit.explanation is not None
    assert {found.line for found in unit.findings} <= {17}


@pytest.mark.anyio
async def test_a_review_leaves_the_engine_warm_and_unloading_leaves_no_process(
    last_warm: ServerState, changed: Repo
) -> None:
    await asyncio.to_thread(report, changed, "--no-cache")
    (engine,) = registry.running()
    assert (engine.status, engine.pid) == (Status.READY, last_warm.pid)

    manager = AIModelManager(ModelConfig(embedded="135m"))
    await manager.load_model()
    assert manager.get_model_status()["engine"]["pid"] == last_warm.pid, "it joins the engine that is there"
    running = [psutil.Process(pid) for pid in engine.processes]
    await manager.unload_model()
    assert processes.marked(registry.Place.at().marker) == []
    assert psutil.wait_procs(running, timeout=10)[1] == []
    with pytest.raises(ModelNotLoadedError, match="not loaded") as caught:
        await manager.generate_text("Are you there?")
    assert caught.value.hint is not None
    assert "load_model" in caught.value.hint
