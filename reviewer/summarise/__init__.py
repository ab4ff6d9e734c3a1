"""The whole change in a few sentences: what it does, its risk, what to look at first, and a commit message.

One request after the pieces are answered, over what is shown of them. It costs a review nothing: where there is no
time left, or no usable answer, the review stands and a note says so.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer import assets
from reviewer.errors import ReviewerError
from reviewer.prompting.fence import marker
from reviewer.prompting.request import Request
from reviewer.summarise import check, points, reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.asking.answers import Answer, Answerer
    from reviewer.engine.client.wire import Message
    from reviewer.engine.profile import ModelProfile
    from reviewer.finding import ChangeSummary, Skipped, UnitReview
    from reviewer.prompting.prompts import Prompts
    from reviewer.summarise.points import Points

_SHOTS = "prompts/base/summary_shots.toml"
# Longer lists would fit many models and be read worse.
_MOST_CHARS = 12_000
_MOST_CHARS_SMALL = 2_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """A summary, or a note that says why there is none; neither where none was wanted."""

    summary: ChangeSummary | None = None
    notes: tuple[str, ...] = ()


NOTHING = Outcome()


def wanted(setting: str, profile: ModelProfile, units: Sequence[UnitReview], *, message: bool) -> bool:
    """Whether to ask.

    One piece is told by its own explanation, so that only a commit message is still of use there.

    Args:
        setting: ``Settings.summary``.
        profile: The model.
        units: What came back for the pieces.
        message: Whether a commit message is wanted.
    """
    if setting == "off" or not any(says_something(unit) for unit in units):
        return False
    return setting == "on" or (profile.summaries and (message or len(units) > 1))


async def summarise(
    units: Sequence[UnitReview],
    skimmed: Sequence[Skipped],
    prompts: Prompts,
    answerer: Answerer,
    *,
    only_known: bool = False,
) -> Outcome:
    """Sum a change up.

    Args:
        units: What came back for its pieces.
        skimmed: The files that were not sent.
        prompts: Renders the request.
        answerer: Answers it.
        only_known: Take an answer from the cache and ask nobody.
    """
    everything = points.collect(units, skimmed)
    room = _room(prompts)
    try:
        while True:
            listed = points.within(everything, room)
            answer = await _answer(_request(listed, prompts), answerer, only_known=only_known)
            if answer is None:
                return NOTHING
            if not answer.too_long or len(listed.listed) == 1:
                break
            room //= 2
    except ReviewerError as problem:
        return Outcome(notes=(_sorry(problem.message),))
    if answer.value is None:
        return Outcome(notes=(_sorry(answer.reason),))
    shown, profile = _printed(listed, prompts), prompts.profile
    return Outcome(check.checked(answer.value, listed, shown, _examples(profile), profile.bounds, cached=answer.cached))


async def _answer(request: Request, answerer: Answerer, *, only_known: bool) -> Answer | None:
    known = answerer.known(request)
    if known is not None or only_known:
        return known
    if not answerer.left:
        raise ReviewerError("the time budget was exceeded")
    (answer,) = await answerer.ask([request], doing="summing up the change")
    return answer


def _request(listed: Points, prompts: Prompts) -> Request:
    profile = prompts.profile
    return Request(
        messages=(
            {"role": "system", "content": prompts.render("base/summary.j2")},
            *(turn for shot in _shots(profile) for turn in _turns(shot)),
            {"role": "user", "content": _printed(listed, prompts)},
        ),
        schema=reply.schema(len(listed.listed), profile.bounds),
        max_tokens=profile.summary_reply_tokens,
        read=reply.read,
    )


def _printed(listed: Points, prompts: Prompts) -> str:
    key = marker(*(f"{point.place} {point.explanation}" for point in listed.listed))
    return prompts.render("base/points.j2", points=listed, marker=key)


def _room(prompts: Prompts) -> int:
    """Longest list, in characters."""
    profile = prompts.profile
    fixed = sum(len(turn["content"]) for shot in _shots(profile) for turn in _turns(shot)) + 1_500
    most = _MOST_CHARS_SMALL if profile.few_shot else _MOST_CHARS
    return max(400, min(most, profile.chars_beside(profile.summary_reply_tokens) - fixed))


def _shots(profile: ModelProfile) -> list[dict[str, Any]]:
    return list(tomllib.loads(assets.read(_SHOTS))["shot"]) if profile.few_shot else []


def _turns(shot: dict[str, Any]) -> tuple[Message, Message]:
    said = json.dumps(shot["reply"], separators=(",", ":"))
    return {"role": "user", "content": "\n".join(shot["parts"])}, {"role": "assistant", "content": said}


def _examples(profile: ModelProfile) -> tuple[str, ...]:
    """Every sentence that a reply could have copied from the prompt."""
    names = ("summary", "risk_reason", "commit_subject", "commit_body")
    return tuple(shot["reply"][name] for shot in _shots(profile) for name in names)


def says_something(unit: UnitReview) -> bool:
    """Whether there is anything to go by: an explanation or a finding that is shown."""
    return bool(unit.explanation and unit.explanation.shown) or any(finding.shown for finding in unit.findings)


def _sorry(reason: str) -> str:
    return f"no summary of the whole change: {' '.join(reason.split())}"
