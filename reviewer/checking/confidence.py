"""How sure each finding is, and which are set aside for that: a second opinion, votes, or both.

The confidence of a finding is the probability that it is right, as far as we know it:

* from the second opinion, through the model's calibration where there is one (``opinion.py``, ``calibration.py``);
* from votes, the share of samples that found it (``votes.py``);
* from both, the mean of the two logits. They come from one model and one text, so they are anything but independent,
  and to multiply their odds would count the same evidence twice; the mean is the logarithmic pool with equal weights
  (Genest and Zidek 1986). A share of k in n enters it as (k + 1/2) / (n + 1): a few samples are never certain.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.checking import calibration
from reviewer.errors import EngineError
from reviewer.finding import Category, Mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewer.asking.answers import Answerer
    from reviewer.asking.reading import Reading
    from reviewer.checking.calibration import Calibration
    from reviewer.config import Settings
    from reviewer.engine.profile import ModelProfile
    from reviewer.finding import Finding, UnitReview
    from reviewer.prompting.opinion import Opinion
    from reviewer.prompting.prompts import Prompts
    from reviewer.prompting.request import Request


@dataclass(frozen=True, slots=True)
class Policy:
    """What is asked of each finding, and what is made of it.

    Attributes:
        second_opinion: Whether to ask.
        calibration: Of the model; None takes its own probabilities as they are.
        min_confidence: A finding below it is marked; one of unknown confidence is not.
        votes: Samples that agreement was counted in.
    """

    second_opinion: bool
    calibration: Calibration | None
    min_confidence: float
    votes: int

    @classmethod
    def of(cls, settings: Settings, profile: ModelProfile, overrides: Mapping[str, str] | None = None) -> Policy:
        """What the settings ask for; left to itself, a model is asked where it was shown that its answers tell."""
        known = calibration.load(profile.id, profile.digest, (overrides or {}).get(calibration.QUESTION))
        wanted = known is not None if settings.second_opinion is None else settings.second_opinion
        return cls(wanted, known if wanted else None, settings.min_confidence, settings.votes)


async def settle(
    readings: Sequence[Reading], reviews: Sequence[UnitReview], policy: Policy, prompts: Prompts, answerer: Answerer
) -> tuple[tuple[UnitReview, ...], tuple[str, ...]]:
    """Give every finding that is shown its confidence, and mark those that are too unlikely.

    Args:
        readings: Each unit with what was shown beside it.
        reviews: Their reviews as they stand now, in the same order.
        policy: What is asked for.
        prompts: Writes the questions.
        answerer: Answers them, all at once.

    Returns:
        The reviews in the same order, and what a reader must know: that some findings got no second opinion, and why.
    """
    asked: dict[int, Request] = {}
    if policy.second_opinion:
        asked = {
            id(finding): prompts.opinion(reading.unit, finding, reading.beside)
            for reading, review in zip(readings, reviews, strict=True)
            for finding in review.findings
            if finding.shown and finding.category is not Category.UNFINISHED
        }
    opinions, problem = await _opinions(asked, answerer)
    settled = tuple(
        dataclasses.replace(
            review, findings=tuple(_settled(finding, opinions.get(id(finding)), policy) for finding in review.findings)
        )
        for review in reviews
    )
    missing = f"{len(asked) - len(opinions)} of {len(asked)} findings have no second opinion: {problem}"
    return settled, (missing,) if problem else ()


async def _opinions(asked: dict[int, Request], answerer: Answerer) -> tuple[dict[int, Opinion], str]:
    """The opinions by finding, and why some are missing; a review stands without them."""
    if not asked:
        return {}, ""
    try:
        answers = await answerer.ask(list(asked.values()), doing="asking for second opinions")
    except EngineError as error:
        return {}, error.message
    given = {key: answer.value for key, answer in zip(asked, answers, strict=True) if answer.value is not None}
    return given, next((answer.reason for answer in answers if answer.reason), "")


def _settled(finding: Finding, opinion: Opinion | None, policy: Policy) -> Finding:
    confidence = combined(opinion, finding.agreement, policy)
    if confidence is None:
        return finding
    logit = None if opinion is None else opinion.logit
    settled = dataclasses.replace(finding, confidence=confidence, logit=logit)
    return settled.marked(Mark.LOW_CONFIDENCE) if settled.shown and confidence < policy.min_confidence else settled


def combined(opinion: Opinion | None, agreement: float | None, policy: Policy) -> float | None:
    """The confidence from whatever there is; None where there is nothing."""
    if opinion is None:
        return agreement
    own = opinion.probability if policy.calibration is None else policy.calibration.probability(opinion.logit)
    if agreement is None:
        return own
    voted = (agreement * policy.votes + 0.5) / (policy.votes + 1)
    return calibration.sigmoid((calibration.logit(own) + calibration.logit(voted)) / 2)
