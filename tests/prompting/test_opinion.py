from __future__ import annotations

import json
import math

import pytest

from reviewer.engine.client.wire import Completion
from reviewer.prompting.opinion import Opinion, read_opinion, weigh
from reviewer.prompting.reply import InvalidReplyError


def said(*places: dict[str, float], text: str = "yes") -> Completion:
    """An answer whose tokens had these probabilities."""
    logprobs = tuple({token: math.log(p) for token, p in place.items()} for place in places)
    return Completion(text, "length", 10, len(places), 0, 0.1, logprobs)


def probability(completion: Completion) -> float:
    found: Opinion = read_opinion(weigh(completion), truncated=True)
    return found.probability


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        (said({"yes": 0.6, "no": 0.2}), 0.75),
        (said({"no": 0.6, "yes": 0.2}, text="no"), 0.25),
        (said({"Yes": 0.3, " yes": 0.2, "YES": 0.1, " No": 0.15, "\"no": 0.05, "The": 0.1}), 0.75),
        (said({"The": 0.5, "Yes": 0.2, "No": 0.2}, text="The"), 0.5),  # it has them in mind
        (said({"\n": 0.9, "Yes": 0.05, "No": 0.05}, {"No": 0.9, "Yes": 0.1}, text="\nNo"), 0.1),
        (said({"yes": 0.9, "maybe": 0.01}), 0.9 / 0.91),  # no is less likely than what is listed
        (said({"yes": 1.0}), 0.5),  # nothing is known of no
    ],
)  # fmt: skip
def test_the_probability_of_yes(completion: Completion, expected: float) -> None:
    assert probability(completion) == pytest.approx(expected, abs=1e-5)


def test_a_reasoning_model_answers_last() -> None:
    thinks = ({"no": 0.9, "yes": 0.1}, {"wait": 0.8, "yes": 0.1}, {"final": 1.0})
    assert probability(said(*thinks, {"yes": 0.98, "no": 0.02}, {"<|return|>": 1.0})) == pytest.approx(0.98)


def test_one_that_was_cut_while_it_thought_has_no_opinion() -> None:
    assert weigh(said({"no": 0.9, "yes": 0.1}, text="")) == ""


@pytest.mark.parametrize("places", [(), ({},), ({"Perhaps": 0.9, "notes": 0.1},)])
def test_neither_is_no_opinion(places: tuple[dict[str, float], ...]) -> None:
    with pytest.raises(InvalidReplyError, match="neither yes nor no"):
        probability(said(*places))


@pytest.mark.parametrize("logprob", [math.nan, math.inf, -math.inf, 5.0, -9999.0])
def test_numbers_that_are_no_probabilities_do_no_harm(logprob: float) -> None:
    completion = Completion("yes", "stop", 1, 1, 0, 0.1, ({"yes": logprob, "no": -0.5},))
    assert 0 <= probability(completion) <= 1


@pytest.mark.parametrize("text", ["", "yes", "[]", "{}", '{"yes": -1}', '{"yes": "x", "no": -1}', "NaN", "1"])
def test_a_cached_text_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidReplyError):
        read_opinion(text, truncated=False)


def test_what_is_kept_says_the_same_again() -> None:
    kept = weigh(said({"yes": 0.6, "no": 0.2}))
    assert json.loads(kept) == {"yes": round(math.log(0.6), 6), "no": round(math.log(0.2), 6)}
    with pytest.raises(InvalidReplyError):
        read_opinion('{"yes": NaN, "no": -1}', truncated=False)
