"""Evaluations against a fake engine: what is asked, kept, and not asked again."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from reviewer.config import Settings
from reviewer.engine.manager import AIModelManager
from reviewer.errors import EngineUnreachableError, ExitCode, UsageError
from reviewer.evaluation.record import append, read_log
from reviewer.evaluation.run import evaluate
from tests.command import reviewer
from tests.evaluation.samples import AFTER, BEFORE, PATH, bug, fix, found, patch, record
from tests.fake_engine import FakeEngine, Rule, Script

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.profile import ModelProfile

CHAT = "/v1/chat/completions"
# The guard is dropped in the bug, so its removed line stands there with a minus.
IS_BUG = r"^ -    return total / len\(values\) if values else 0$"


def reply(*lines: int, match: str = "", **options: Any) -> Rule:
    findings = [
        {"line": n, "severity": "error", "category": "bug", "message": "Divides by zero when values is empty.",
         "fix": "    return total / max(1, len(values))"}
        for n in lines
    ]  # fmt: skip
    return Rule(
        match=match,
        path=CHAT,
        json={"explanation": "Drops the guard for an empty list of values.", "findings": findings},
        **options,
    )


def row(name: str) -> str:
    pair = {"id": name, "bug_introducing_diff": patch(), "fix_diff": patch(AFTER, BEFORE)}
    return json.dumps(pair) + "\n"


@pytest.mark.anyio
async def test_records_hold_what_the_review_gave(tmp_path: Path) -> None:
    script = Script(rules=[reply(3, match=IS_BUG), reply()])
    with FakeEngine(script, tcp=True) as engine:
        records = await evaluate([bug(), fix()], Settings(url=engine.endpoint.url), tmp_path / "log.jsonl")
    first, second = records
    assert [(one.line, one.fix) for one in first.shown] == [(3, ())]
    assert second.findings == ()
    assert (first.units, first.read, first.requests, first.retried) == (1, 1, 1, 0)
    assert first.explanations == ("Drops the guard for an empty list of values.",)
    assert first.prompt_tokens > 0
    assert records == read_log(tmp_path / "log.jsonl")


@pytest.mark.anyio
async def test_a_second_try_is_told_from_a_first(tmp_path: Path) -> None:
    bad = Rule(path=CHAT, text="I approve this change.", times=1)
    with FakeEngine(Script(rules=[bad, reply()]), tcp=True) as engine:
        (one,) = await evaluate([bug()], Settings(url=engine.endpoint.url), tmp_path / "log.jsonl")
    assert (one.requests, one.retried, one.read) == (2, 1, 1)


@pytest.mark.anyio
async def test_only_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with FakeEngine(Script(rules=[reply()]), tcp=True) as engine:
        settings = Settings(url=engine.endpoint.url)

        async def asked(*cases: Any, **options: Any) -> int:
            before = len(engine.requests(CHAT))
            await evaluate(cases, settings, log, **options)
            return len(engine.requests(CHAT)) - before

        assert await asked(bug("a"), bug("b")) == 2
        assert await asked(bug("a"), bug("b")) == 0
        assert await asked(bug("a"), bug("b"), bug("c")) == 1
        assert await asked(bug("a", defects=()), bug("b")) == 0  # labels are no part of what is asked
        assert await asked(bug("a", patch=fix().patch)) == 1
        assert await asked(bug("a"), repeat=3) == 2
        assert await asked(bug("a"), overrides={"base/review.j2": "Review this. {{ language.title }}"}) == 1


@pytest.mark.anyio
async def test_what_is_shown_beside_a_change_is_part_of_the_set_up(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    before = "import os\n" + "\n" * 9 + "def remove(x):\n    return 1\n"
    after = before.replace("return 1", "return os.remove(x)")
    case = bug("a", patch=patch(before, after), texts={PATH: after}, defects=())
    with FakeEngine(Script(rules=[reply()]), tcp=True) as engine:
        for extent in ("none", "scope", "scope"):
            await evaluate([case], Settings(url=engine.endpoint.url, context=extent), log)
        plain, around = (request["body"]["messages"][-1]["content"] for request in engine.requests(CHAT))
    assert "| import os" in around
    assert "| import os" not in plain


@pytest.mark.anyio
async def test_a_refused_case_is_recorded_and_the_others_go_on(tmp_path: Path) -> None:
    script = Script(rules=[Rule(match=IS_BUG, path=CHAT, status=400, text="no such thing"), reply()])
    with FakeEngine(script, tcp=True) as engine:
        first, second = await evaluate([bug(), fix()], Settings(url=engine.endpoint.url), tmp_path / "log.jsonl")
    assert (first.units, first.read) == (1, 0)
    assert "no such thing" in first.problem
    assert second.read == 1


@pytest.mark.anyio
async def test_a_case_that_the_engine_fell_silent_over_is_asked_again(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with FakeEngine(Script(rules=[reply(delay=3.0)]), tcp=True) as engine:
        settings = Settings(url=engine.endpoint.url, timeout=0.5)
        (first,) = await evaluate([bug()], settings, log)
        engine.update(reply())
        (second,) = await evaluate([bug()], settings, log)
        asked = len(engine.requests(CHAT))
        await evaluate([bug()], settings, log)
        assert len(engine.requests(CHAT)) == asked
    assert (first.read, first.late) == (0, True)
    assert (second.read, second.late) == (1, False)


@pytest.mark.anyio
async def test_without_an_engine_nothing_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachableError):
        await evaluate([bug()], Settings(url="http://127.0.0.1:9"), tmp_path / "log.jsonl")
    assert not (tmp_path / "log.jsonl").exists()


@pytest.mark.anyio
async def test_cases_run_side_by_side_when_asked_to(tmp_path: Path) -> None:
    cases = [bug(f"c{n}", group=f"c{n}") for n in range(4)]
    with FakeEngine(Script(rules=[reply(delay=2)]), tcp=True) as engine:
        began = time.perf_counter()
        records = await evaluate(cases, Settings(url=engine.endpoint.url), tmp_path / "log.jsonl", jobs=4)
        assert time.perf_counter() - began < 4 * 2
    assert len(records) == 4


@pytest.mark.anyio
async def test_another_way_to_ask_stands_for_itself(tmp_path: Path) -> None:
    class Renamed(AIModelManager):
        async def profile(self) -> ModelProfile:
            profile = await super().profile()
            return dataclasses.replace(profile, id="terse", bounds=dataclasses.replace(profile.bounds, max_findings=1))

    with FakeEngine(Script(rules=[reply()]), tcp=True) as engine:
        settings = Settings(url=engine.endpoint.url)
        await evaluate([bug()], settings, tmp_path / "log.jsonl")
        records = await evaluate([bug()], settings, tmp_path / "log.jsonl", make_manager=Renamed)
        requests = engine.requests(CHAT)
    limits = [
        request["body"]["response_format"]["json_schema"]["schema"]["properties"]["findings"]["maxItems"]
        for request in requests
    ]
    assert [one.model for one in records][1:] == ["terse"]
    assert limits[0] > limits[1] == 1


def test_a_line_that_was_cut_short_costs_only_itself(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    append(log, record(bug("a"), found(fixed=("no-change",))))
    append(log, record(bug("b")))
    log.write_bytes(log.read_bytes()[:-20])
    append(log, record(bug("c")))
    assert [one.case for one in read_log(log)] == ["a", "c"]
    assert read_log(log)[0] == record(bug("a"), found(fixed=("no-change",)))


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text("".join(row(f"p{n}") for n in range(3)), encoding="utf-8")
    log = tmp_path / "pairs.results.jsonl"
    with FakeEngine(Script(rules=[reply(delay=0.5)]), tcp=True) as engine:
        env = {"REVIEWER_ENGINE_URL": engine.endpoint.url}
        argv = [sys.executable, "-P", "-m", "reviewer", "eval", "pairs.jsonl"]
        process = subprocess.Popen(argv, cwd=tmp_path, env={**os.environ, **env}, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while len(read_log(log)) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
        process.wait()
        kept = read_log(log)
        assert 2 <= len(kept) < 6
        asked = len(engine.requests(CHAT))
        result = reviewer("eval", "pairs.jsonl", cwd=tmp_path, env=env)
        assert len(engine.requests(CHAT)) - asked == 6 - len(kept)
    assert result.returncode == 0, result.stderr
    assert "6 of 6 cases reviewed" in result.stdout
    assert read_log(log)[: len(kept)] == kept


def test_the_command_writes_a_table_json_and_a_page(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text(row("p0"), encoding="utf-8")
    with FakeEngine(Script(rules=[reply(3)]), tcp=True) as engine:
        env = {"REVIEWER_ENGINE_URL": engine.endpoint.url}
        args = ("eval", "pairs.jsonl", "--html", "out/page.html")
        table = reviewer(*args, cwd=tmp_path, env=env)
        as_json = reviewer(*args, "--json", cwd=tmp_path, env=env)
        assert len(engine.requests(CHAT)) == 2
    assert table.returncode == 0, table.stderr
    assert "\x1b" not in table.stdout
    assert max(map(len, table.stdout.splitlines())) <= 80
    assert "1 of 1" in table.stdout
    (model,) = json.loads(as_json.stdout)["models"]
    assert model["measures"]["recall"]["value"] == 1
    assert model["measures"]["false_alarms"]["value"] == 1
    assert model["measures"]["skill"]["value"] == 0
    assert "<h1>Evaluation on pairs.jsonl</h1>" in (tmp_path / "out" / "page.html").read_text(encoding="utf-8")
    assert (tmp_path / "out" / "page.results.jsonl").is_file()


@pytest.mark.parametrize("args", [("eval", "nowhere"), ("eval",), ("eval", "bad.jsonl")])
def test_bad_input_is_a_usage_error(tmp_path: Path, args: tuple[str, ...]) -> None:
    (tmp_path / "bad.jsonl").write_text("{}", encoding="utf-8")
    result = reviewer(*args, cwd=tmp_path)
    assert result.returncode == ExitCode.USAGE
    assert "Traceback" not in result.stderr


def test_models_of_one_log_stand_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text(row("p0"), encoding="utf-8")
    outputs = []
    for name, lines in (("silent", ()), ("loud", (3,))):
        with FakeEngine(Script(rules=[reply(*lines)]), tcp=True, name=name) as engine:
            outputs.append(reviewer("eval", "pairs.jsonl", "--json", "--model", name, cwd=tmp_path,
                                    env={"REVIEWER_ENGINE_URL": engine.endpoint.url}))  # fmt: skip
    models = json.loads(outputs[-1].stdout)["models"]
    assert [model["measures"]["recall"]["value"] for model in models] == [0, 1]
    assert PATH in outputs[-1].stdout


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_the_log_is_not_written_through_a_link(tmp_path: Path) -> None:
    victim, log = tmp_path / "victim", tmp_path / "log.jsonl"
    victim.write_text("as it was\n", encoding="utf-8")
    log.symlink_to(victim)
    with pytest.raises(UsageError, match="cannot write"):
        append(log, record(bug()))
    assert victim.read_text(encoding="utf-8") == "as it was\n"
