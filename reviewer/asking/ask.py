"""Asks about every unit and every piece of unfinished code of a change.

A unit whose prompt turns out too long is asked about again with less: without the code around it, then in halves.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from reviewer.languages import detect
from reviewer.prompting import fix
from reviewer.selection import priority
from reviewer.selection.units import halve
from reviewer.unfinished import gaps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reviewer.asking.answers import Answer, Answerer
    from reviewer.context import Piece, Surroundings
    from reviewer.finding import Finding
    from reviewer.prompting.fix import Fix
    from reviewer.prompting.prompts import Prompts
    from reviewer.prompting.request import Request
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
        fixes: The usable samples of a fix for each finding that was asked about, in the order of the findings.
    """

    units: tuple[UnitReply, ...]
    completions: tuple[tuple[Gap, str | None], ...] = ()
    fixes: tuple[tuple[Fix, ...], ...] = ()


async def ask(
    units: Sequence[ReviewUnit],
    read: ReadText,
    prompts: Prompts,
    answerer: Answerer,
    around: Surroundings,
    *,
    completions: bool,
    faults: Sequence[Finding] = (),
) -> Replies:
    """Send all requests at once, so that the engine batches them.

    Args:
        units: What is asked about; the most valuable are sent first, in case a deadline cuts the rest.
        read: Returns the new side's text of a path.
        prompts: Writes the requests.
        answerer: Answers them.
        around: Finds the code that is shown beside a unit.
        completions: Whether to ask for code where the change leaves some unfinished.
        faults: What rules and analyzers report, to be explained and fixed.

    Raises:
        EngineError: No request could be answered, because of the engine.
    """
    holes: tuple[Gap, ...] = ()
    if completions:
        holes = gaps.find(units, {path: read(path) or "" for path in {unit.path for unit in units}})
    beside = [around.of(unit, prompts.room_beside(unit)) for unit in units]
    order = priority.order(units)
    requests = [prompts.review(units[at], beside[at]) for at in order]
    fixes = [list(_fix_requests(prompts, fault, read)) for fault in faults]
    fills = [prompts.complete(hole) for hole in holes]
    answers = await answerer.ask([*requests, *fills, *(one for samples in fixes for one in samples)])
    sent = {at: UnitReply(units[at], beside[at], answer) for at, answer in zip(order, answers, strict=False)}
    replies = [part for at in sorted(sent) for part in await _shortened(sent[at], prompts, answerer)]
    rest = iter(answers[len(requests) :])
    filled = tuple((hole, next(rest).value) for hole in holes)
    sampled = tuple(
        tuple(one.value for one in islice(rest, len(samples)) if one.value is not None) for samples in fixes
    )
    return Replies(tuple(replies), filled, sampled)


def _fix_requests(prompts: Prompts, fault: Finding, read: ReadText) -> Iterator[Request]:
    text = read(fault.path)
    if text is not None:
        yield from fix.requests(prompts, fault, text, detect(fault.path, text).name)


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
