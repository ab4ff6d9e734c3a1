"""Asks about every unit and every piece of unfinished code of a change.

A unit whose prompt turns out too long is asked about again with less: without the code around it, then in halves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.selection import priority
from reviewer.selection.units import halve
from reviewer.unfinished import gaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.asking.answers import Answer, Answerer
    from reviewer.context import Piece, Surroundings
    from reviewer.prompting.prompts import Prompts
    from reviewer.selection.units import ReadText, ReviewUnit
    from reviewer.unfinished.gaps import Gap


@dataclass(frozen=True, slots=True)
class UnitReply:
    """The answer about one unit.

    Attributes:
        beside: The code that was shown beside the unit.
    """

    unit: ReviewUnit
    beside: tuple[Piece, ...]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Replies:
    """Everything the model answered about one change.

    Attributes:
        units: In order of path and line. A unit that was too long stands here in parts.
        completions: Each piece of unfinished code with the code that the model wrote for it; None where it wrote none.
    """

    units: tuple[UnitReply, ...]
    completions: tuple[tuple[Gap, str | None], ...] = ()


async def ask(
    units: Sequence[ReviewUnit],
    read: ReadText,
    prompts: Prompts,
    answerer: Answerer,
    around: Surroundings,
    *,
    completions: bool,
) -> Replies:
    """Send all requests at once, so that the engine batches them.

    Args:
        units: What is asked about; the most valuable are sent first, in case a deadline cuts the rest.
        read: Returns the new side's text of a path.
        prompts: Writes the requests.
        answerer: Answers them.
        around: Finds the code that is shown beside a unit.
        completions: Whether to ask for code where the change leaves some unfinished.

    Raises:
        EngineError: No request could be answered, because of the engine.
    """
    holes: tuple[Gap, ...] = ()
    if completions:
        holes = gaps.find(units, {path: read(path) or "" for path in {unit.path for unit in units}})
    beside = [around.of(unit, prompts.room_beside(unit)) for unit in units]
    order = priority.order(units)
    requests = [prompts.review(units[at], beside[at]) for at in order]
    answers = await answerer.ask([*requests, *(prompts.complete(hole) for hole in holes)])
    sent = {at: UnitReply(units[at], beside[at], answer) for at, answer in zip(order, answers, strict=False)}
    replies = [part for at in sorted(sent) for part in await _shortened(sent[at], prompts, answerer)]
    filled = [answer.value for answer in answers[len(requests) :]]
    return Replies(tuple(replies), tuple(zip(holes, filled, strict=True)))


async def _shortened(reply: UnitReply, prompts: Prompts, answerer: Answerer) -> tuple[UnitReply, ...]:
    """Ask again about a unit that was too long, down to a single line; others are returned as they are."""
    if not reply.answer.too_long:
        return (reply,)
    parts = (reply.unit,) if reply.beside else halve(reply.unit)
    if not reply.beside and parts == (reply.unit,):
        return (reply,)
    answers = await answerer.ask([prompts.review(part) for part in parts])
    again = [UnitReply(part, (), answer) for part, answer in zip(parts, answers, strict=True)]
    return tuple([short for one in again for short in await _shortened(one, prompts, answerer)])
