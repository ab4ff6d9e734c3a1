"""Summarises the whole change: what it does, its risk, where to start reading, and a commit message.

One request after the units are answered, made from their shown explanations and findings. Without time left, or
without a usable answer, the review is complete all the same and a note gives the reason.
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
from reviewer.summarise import points, reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.asking.answers import Answer, Answerer
    from reviewer.engine.client.wire import Message
    from reviewer.engine.profile import ModelProfile
    from reviewer.finding import ChangeSummary, Skipped, UnitReview
    from reviewer.prompting.prompts import Prompts
    from reviewer.summarise.points import Points

_SHOTS = "prompts/base/summary_shots.toml"
# Longer lists would fit many models, but are answered worse.
_MAX_CHARS = 12_000
_MAX_CHARS_SMALL = 2_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """A summary, or a note why there is none; neither where none was requested."""

    summary: ChangeSummary | None = None
    notes: tuple[str, ...] = ()


NOTHING = Outcome()


def wanted(setting: str, profile: ModelProfile, units: Sequence[UnitReview], *, message: bool) -> bool:
    """Whether to request a summary.

    A change of one unit has its explanation, so only a commit message is still useful there.

    Args:
        setting: ``Settings.summary``.
        profile: The model.
        units: The reviewed units.
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
    """Summarise a change.

    Args:
        units: The reviewed units.
        skimmed: The files that were not sent.
        prompts: Renders the request.
        answerer: Answers it.
        only_known: Use only the cache.
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
        return Outcome(notes=(_no_summary(problem.message),))
    if answer.value is None:
        return Outcome(notes=(_no_summary(answer.reason),))
    shown, profile = _printed(listed, prompts), prompts.profile
    from reviewer.summarise import check  # its patterns take a tenth of a second to compile

    return Outcome(check.checked(answer.value, listed, shown, _examples(profile), profile.bounds, cached=answer.cached))


async def _answer(request: Request, answerer: Answerer, *, only_known: bool) -> Answer | None:
    known = answerer.known(request)
    if known is not None or only_known:
        return known
    if not answerer.left:
        raise ReviewerError("the time budget was exceeded")
    (answer,) = await answerer.ask([request], doing="summarising the change")
    return answer


def _request(listed: Points, prompts: Prompts) -> Request:
    profile = prompts.profile
    return Request(
        messages=(
            {"role": "system", "content": _system(prompts)},
            *(turn for shot in _shots(profile) for turn in _turns(shot)),
            {"role": "user", "content": _printed(listed, prompts)},
        ),
        schema=reply.schema(len(listed.listed), profile.bounds),
        max_tokens=profile.summary_reply_tokens,
        read=reply.read,
    )


def _system(prompts: Prompts) -> str:
    bounds = prompts.profile.bounds
    return prompts.render("base/summary.j2", risk=bool(bounds.reason_chars), body=bool(bounds.body_chars))


def _printed(listed: Points, prompts: Prompts) -> str:
    key = marker(*(f"{point.place} {point.explanation}" for point in listed.listed))
    return prompts.render("base/points.j2", points=listed, marker=key)


def _room(prompts: Prompts) -> int:
    """Longest list, in characters."""
    profile = prompts.profile
    fixed = sum(len(turn["content"]) for shot in _shots(profile) for turn in _turns(shot)) + 1_500
    most = _MAX_CHARS_SMALL if profile.few_shot else _MAX_CHARS
    return max(400, min(most, profile.chars_beside(profile.summary_reply_tokens) - fixed))


def _shots(profile: ModelProfile) -> list[dict[str, Any]]:
    return list(tomllib.loads(assets.read(_SHOTS))["shot"]) if profile.few_shot else []


def _turns(shot: dict[str, Any]) -> tuple[Message, Message]:
    reply_text = json.dumps(shot["reply"], separators=(",", ":"))
    return {"role": "user", "content": "\n".join(shot["parts"])}, {"role": "assistant", "content": reply_text}


def _examples(profile: ModelProfile) -> tuple[str, ...]:
    """The sentences that a reply could have copied from the prompt."""
    names = ("summary", "risk_reason", "commit_subject", "commit_body")
    return tuple(shot["reply"][name] for shot in _shots(profile) for name in names)


def says_something(unit: UnitReview) -> bool:
    """Whether a unit has an explanation or a finding that is shown."""
    return bool(unit.explanation and unit.explanation.shown) or any(finding.shown for finding in unit.findings)


def _no_summary(reason: str) -> str:
    return f"no summary of the whole change: {' '.join(reason.split())}"
