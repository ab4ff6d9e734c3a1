"""Calibration by findings, by claims and by what was dismissed; what is stored, and what is not."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from reviewer.checking import calibration
from reviewer.checking.calibration import Calibration
from reviewer.config import Settings
from reviewer.engine.manager import AIModelManager
from reviewer.evaluation.calibrate import CLAIM, assess, calibrate, of_dismissed, of_records
from reviewer.evaluation.platt import Example
from reviewer.terminal.progress import SILENT
from tests.command import reviewer
from tests.evaluation.samples import AFTER, BEFORE, PATH, bug, fix, found, patch, record
from tests.fake_engine import SERVED_NAME, FakeEngine, Rule, Script

if TYPE_CHECKING:
    from pathlib import Path

CHAT = "/v1/chat/completions"
BUG_SHOWN = r"^ -    return total / len\(values\) if values else 0$"


def examples(right: int, wrong: int, *, tells: bool) -> list[Example]:
    sides = [(True, n) for n in range(right)] + [(False, n) for n in range(wrong)]
    return [Example((1 if side is tells else -1) * (n % 3 + 0.5), side, f"{side}{n}") for side, n in sides]


def test_a_model_that_can_tell_gets_a_line() -> None:
    outcome = assess("findings", examples(15, 25, tells=True))
    assert outcome.calibration is not None
    assert outcome.calibration.probability(1.0) > 0.7
    assert outcome.calibration.probability(-1.0) < 0.3
    assert (outcome.auc, outcome.reason) == (1.0, "")
    assert outcome.before is not None
    assert outcome.after is not None
    assert "stored" in outcome.text()
    assert "40 findings, 15 of them right" in outcome.text()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (examples(15, 9, tells=True), "10 right and 10 wrong"),
        (examples(9, 15, tells=True), "10 right and 10 wrong"),
        ([], "10 right and 10 wrong"),
        (examples(15, 15, tells=False), "not connected"),  # it says no where yes is right
        ([Example(n % 2, n % 4 < 2, str(n)) for n in range(40)], "not connected"),
    ],
)
def test_one_that_cannot_gets_none(given: list[Example], why: str) -> None:
    outcome = assess("findings", given)
    assert outcome.calibration is None
    assert why in outcome.text()


def test_claims_are_right_as_often_as_we_choose_so_their_share_is_left_out() -> None:
    told = examples(40, 10, tells=True)
    by_findings, by_claims = assess("findings", told).calibration, assess("claims", told).calibration
    assert by_findings is not None
    assert by_claims is not None
    assert by_claims.intercept == pytest.approx(by_findings.intercept - math.log(4))


def test_findings_count_as_right_on_a_defects_line_folded_or_not() -> None:
    judged = dataclasses.replace(found(), logit=1.0, marks=("low-confidence",))
    elsewhere = dataclasses.replace(found(line=2), logit=-1.0)
    got = of_records([bug(), fix()], [record(bug(), judged, elsewhere, found()), record(fix(), judged)])
    assert got == [Example(1.0, True, "average"), Example(-1.0, False, "average"), Example(1.0, False, "guard")]


def test_what_was_dismissed_was_wrong(tmp_path: Path) -> None:
    file = tmp_path / "dismissed.jsonl"
    lines: list[Any] = [
        {"model": "m", "fingerprint": "a", "logit": 1.5, "category": "bug"},
        {"model": "m", "fingerprint": "b", "confidence": 0.9},
        {"model": "m", "fingerprint": "a", "logit": 2.5},  # dismissed again
        {"model": "other", "fingerprint": "c", "logit": 1.5},
        {"model": "m", "fingerprint": "d", "confidence": None},
        {"model": "m", "fingerprint": "e", "confidence": True, "logit": "high"},
        {"model": "m", "logit": 1.0},
        {"model": "m", "fingerprint": "f", "logit": 1.0},
        {"fingerprint": "f", "undone": True},
        ["fingerprint"],
        7,
        None,
    ]
    file.write_text("\n".join(["no JSON", *map(json.dumps, lines)]) + '\n{"model": "m", "fing', encoding="utf-8")
    got = of_dismissed(file, "m", None)
    assert [(one.logit, one.right) for one in got] == [(2.5, False), (pytest.approx(math.log(9)), False)]
    line = Calibration(2.0, 1.0, "findings", 40, 20, 0.9, 0.3)
    assert of_dismissed(file, "m", line)[1].logit == pytest.approx((math.log(9) - 1) / 2)
    assert of_dismissed(tmp_path / "none", "m", None) == []
    assert of_dismissed(tmp_path, "m", None) == []


def many(count: int) -> tuple[list[Any], list[Any]]:
    return [bug(f"b{n}", group=f"b{n}") for n in range(count)], [fix(f"f{n}", group=f"f{n}") for n in range(count)]


async def claimed(engine: FakeEngine, cases: list[Any], records: tuple[Any, ...] = ()) -> Any:
    async with AIModelManager(Settings(url=engine.endpoint.url).model_config) as manager:
        return await calibrate(cases, records, manager, progress=SILENT)


@pytest.mark.anyio
async def test_without_findings_claims_are_asked_about() -> None:
    bugs, fixes = many(12)
    rules = [Rule(match=BUG_SHOWN, path=CHAT, text="yes", yes=0.8), Rule(path=CHAT, text="yes", yes=0.6)]
    with FakeEngine(Script(rules=rules), tcp=True) as engine:
        outcome = await claimed(engine, [*bugs, *fixes])
        prompts = [request["prompt"] for request in engine.requests(CHAT)]
    assert (outcome.source, outcome.examples, outcome.right, outcome.auc) == ("claims", 24, 12, 1.0)
    assert all(CLAIM in prompt for prompt in prompts)
    assert len(prompts) == 24
    folder = next(calibration.path_of("x", "y").parent.iterdir())
    assert json.loads(folder.read_text(encoding="utf-8"))["model"] == SERVED_NAME


@pytest.mark.anyio
async def test_a_model_that_says_yes_to_everything_gets_nothing() -> None:
    bugs, fixes = many(12)
    with FakeEngine(Script(rules=[Rule(path=CHAT, text="yes", yes=0.9)]), tcp=True) as engine:
        outcome = await claimed(engine, [*bugs, *fixes])
    assert outcome.auc == 0.5
    assert "nothing is stored" in outcome.text()
    assert not calibration.path_of("x", "y").parent.exists()


def test_from_the_command_line_and_then_reviews_ask_by_themselves(tmp_path: Path) -> None:
    pairs = [{"id": f"p{n}", "bug_introducing_diff": patch(), "fix_diff": patch(AFTER, BEFORE)} for n in range(12)]
    file = tmp_path / "cases.jsonl"
    file.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    finding = {
        "quote": "return total", "line": 1, "severity": "error", "category": "bug",
        "message": "Divides by zero when values is empty.", "fix": "",
    }  # fmt: skip
    rules = [
        Rule(match=rf"(?s){BUG_SHOWN}.*one word", path=CHAT, text="yes", yes=0.9),
        Rule(match="one word", path=CHAT, text="yes", yes=0.4),
        Rule(path=CHAT, json={"explanation": "Averages the values.", "findings": [finding]}),
    ]
    with FakeEngine(Script(rules=rules), tcp=True) as engine:
        flags = ("eval", str(file), "--url", engine.endpoint.url)
        done = reviewer(*flags, "--calibrate", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "calibration on 24 findings, 12 of them right" in done.stdout
        assert "stored: auto asks" in done.stdout
        plain = json.loads(reviewer(*flags, "--json", cwd=tmp_path).stdout)
    by_weights = {model["weights"]: model["measures"] for model in plain["models"]}
    (calibrated,) = (measures for weights, measures in by_weights.items() if "calibrated" in weights)
    assert calibrated["auc"]["value"] == 1.0
    assert calibrated["quoted"]["value"] == 1.0
    assert calibrated["error"]["value"] < 0.1
    assert calibrated["false_alarms"]["value"] == 0
    assert calibrated["recall"]["value"] == 1
    assert {one["path"] for record in plain["models"][0]["records"] for one in record["findings"]} == {PATH}
