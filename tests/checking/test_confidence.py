"""Second opinions and votes against a fake engine: what is asked, what is made of it, and what stands without."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from reviewer.checking import calibration
from reviewer.checking.calibration import Calibration
from reviewer.checking.confidence import Policy, combined
from reviewer.config import Settings
from reviewer.finding import Mark, Review
from reviewer.prompting.opinion import Opinion
from tests.fake_engine import FakeEngine, Rule, Script
from tests.test_review import AFTER, BEFORE, CHAT, change_of, finding, reply, run

if TYPE_CHECKING:
    from tests.repo import Repo

pytestmark = pytest.mark.anyio
QUESTION = "answer with one word"
TEXTS = {"stats.py": AFTER}
OFF = Policy(second_opinion=False, calibration=None, min_confidence=0.5, votes=1)


def opinion(yes: float, **options: Any) -> Rule:
    return Rule(match=QUESTION, path=CHAT, text="yes", yes=yes, **options)


async def review(repo: Repo, *rules: Rule, **settings: Any) -> tuple[Review, list[dict[str, Any]]]:
    change = change_of(repo, {"stats.py": BEFORE}, TEXTS)
    with FakeEngine(Script(rules=list(rules)), tcp=True) as engine:
        return await run(engine, change, TEXTS, **settings), engine.requests(CHAT)


@pytest.mark.parametrize(("yes", "marks"), [(0.9, set()), (0.2, {Mark.LOW_CONFIDENCE})])
async def test_a_finding_is_asked_about_and_folded_by_the_answer(repo: Repo, yes: float, marks: set[Mark]) -> None:
    found, (first, second) = await review(repo, opinion(yes), reply(finding()), second_opinion=True)
    (one,) = found.findings
    assert one.confidence == pytest.approx(yes, abs=1e-3)
    assert one.marks == marks
    assert found.usage.requests == 2
    asked, question = first["body"]["messages"], second["body"]["messages"]
    assert question[:-1] == asked[:-1]
    assert question[-1]["content"].startswith(asked[-1]["content"]), "the prefix cache serves all up to the question"
    assert "error, bug, line 1: return total / len(values)\nThe division fails" in question[-1]["content"]
    assert second["body"]["max_tokens"] == 2
    assert second["body"]["logprobs"] is True
    assert "response_format" not in second["body"]


async def test_the_question_names_lines_as_the_unit_does(repo: Repo) -> None:
    said = finding(message="The division of line 1 fails when `values` is empty.")
    found, (_, question) = await review(repo, opinion(0.9), reply(said), second_opinion=True)
    assert "of line 3 fails" in found.shown[0].message
    assert "of line 1 fails" in question["body"]["messages"][-1]["content"]


async def test_it_is_not_asked_for_by_default(repo: Repo) -> None:
    found, requests = await review(repo, opinion(0.1), reply(finding()))
    assert len(requests) == 1
    assert found.shown[0].confidence is None


async def test_a_model_that_was_calibrated_is_asked(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Calibration(2.0, 0.0, "findings", 40, 20, 0.9, 0.3)
    monkeypatch.setattr(calibration, "load", lambda *of: line)
    found, requests = await review(repo, opinion(0.75), reply(finding()))
    assert len(requests) == 2
    assert found.findings[0].confidence == pytest.approx(0.9, abs=1e-3)  # odds of 3 to 1, squared
    assert (await review(repo, opinion(0.75), reply(finding()), second_opinion=False))[0].shown[0].confidence is None


async def test_only_what_would_be_shown_is_asked_about(repo: Repo) -> None:
    nit = finding(message="The line is too long.")
    found, requests = await review(repo, opinion(0.9), reply(finding(), nit, finding(line=9)), second_opinion=True)
    assert len(requests) == 2
    assert len(found.findings) == 3


async def test_the_answer_is_kept(repo: Repo) -> None:
    change = change_of(repo, {"stats.py": BEFORE}, TEXTS)
    with FakeEngine(Script(rules=[opinion(0.8), reply(finding())]), tcp=True) as engine:
        first = await run(engine, change, TEXTS, second_opinion=True)
        again = await run(engine, change, TEXTS, second_opinion=True)
        assert len(engine.requests(CHAT)) == 2
    assert again.findings == first.findings
    assert again.usage.cached == 2


def answered(logprobs: object) -> str:
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": "yes"}, "logprobs": logprobs}
    return json.dumps({"choices": [choice], "usage": {}})


@pytest.mark.parametrize(
    "rule",
    [
        Rule(match=QUESTION, path=CHAT, status=400, text="logprobs are not supported"),
        Rule(match=QUESTION, path=CHAT, status=500, text="boom"),
        Rule(match=QUESTION, path=CHAT, text="perhaps"),
        Rule(match=QUESTION, path=CHAT, raw="<html>"),
        *(
            Rule(match=QUESTION, path=CHAT, raw=answered(logprobs))
            for logprobs in (
                None,
                [],
                {"content": None},
                {"content": ["yes"]},
                {"content": [{"token": 7, "logprob": -1}]},
                {"content": [{"token": "yes", "logprob": "high"}]},
                {"content": [{"token": "maybe", "logprob": -1, "top_logprobs": {"yes": -1}}]},
            )
        ),
    ],
)
async def test_without_an_opinion_a_finding_stands_and_the_report_says_so(repo: Repo, rule: Rule) -> None:
    found, _ = await review(repo, rule, reply(finding()), second_opinion=True)
    (one,) = found.shown
    assert one.confidence is None
    assert any("1 of 1 findings have no second opinion" in note for note in found.notes)


async def test_an_engine_that_dies_at_the_question_costs_the_review_nothing(repo: Repo) -> None:
    found, _ = await review(repo, Rule(match=QUESTION, path=CHAT, die=True), reply(finding()), second_opinion=True)
    assert len(found.shown) == 1
    assert not found.not_read


async def test_votes_are_counted(repo: Repo) -> None:
    rules = [
        Rule(path=CHAT, json={"explanation": "Drops the guard for values.", "findings": [finding()]}, times=1),
        Rule(path=CHAT, json={"explanation": "Another explanation of values.", "findings": []}),
    ]
    found, requests = await review(repo, *rules, votes=3)
    bodies = [request["body"] for request in requests]
    assert sorted(body["temperature"] for body in bodies) == [0.0, 0.7, 0.7]
    (one,) = found.findings
    assert (one.agreement, one.confidence, one.marks) == (1 / 3, 1 / 3, {Mark.LOW_CONFIDENCE})


async def test_samples_are_cached_apart_and_a_bad_one_is_no_vote(repo: Repo) -> None:
    change = change_of(repo, {"stats.py": BEFORE}, TEXTS)
    with FakeEngine(Script(rules=[Rule(path=CHAT, text="I approve.", times=2), reply(finding())]), tcp=True) as engine:
        first = await run(engine, change, TEXTS, votes=3)
        asked = len(engine.requests(CHAT))
        again = await run(engine, change, TEXTS, votes=3)
        assert len(engine.requests(CHAT)) >= asked
    assert first.shown[0].agreement == 1.0
    assert again.findings == first.findings


async def test_min_confidence_nought_shows_everything(repo: Repo) -> None:
    found, _ = await review(repo, opinion(0.01), reply(finding()), second_opinion=True, min_confidence=0.0)
    assert len(found.shown) == 1


def test_both_kinds_of_evidence_are_pooled() -> None:
    policy = dataclasses.replace(OFF, votes=3)
    assert combined(None, None, policy) is None
    assert combined(None, 2 / 3, policy) == pytest.approx(2 / 3)
    sure = Opinion(2.0)
    assert combined(sure, None, policy) == pytest.approx(sure.probability)
    # 3 of 3 is 3.5 of 4: odds of 7; the pool's odds are the root of both odds' product.
    odds = (sure.probability / (1 - sure.probability) * 7) ** 0.5
    assert combined(sure, 1.0, policy) == pytest.approx(odds / (1 + odds))
    split = combined(Opinion(0.0), 0.5, policy)
    assert split == pytest.approx(0.5)


def test_settings_decide_and_auto_follows_the_calibration() -> None:
    from reviewer.engine.profile import ModelProfile

    profile = ModelProfile("m", "d", 4096)
    assert not Policy.of(Settings(), profile).second_opinion
    assert Policy.of(Settings(second_opinion=True), profile).second_opinion
    calibration.store("m", "d", Calibration(2.0, 0.0, "claims", 40, 20, 0.9, 0.3))
    assert Policy.of(Settings(), profile).second_opinion
    assert Policy.of(Settings(second_opinion=False), profile).calibration is None
    assert not Policy.of(Settings(), profile, {"base/opinion.j2": "Is it so?"}).second_opinion, "another question"
