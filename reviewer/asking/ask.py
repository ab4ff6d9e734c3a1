"""Asks about every unit and every piece of unfinished code of a change.

A unit whose prompt turns out too long is asked about again with less: without the code around it, then in halves.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

from reviewer.asking.answers import Answer
from reviewer.errors import TemplateError
from reviewer.languages import detect
from reviewer.prompting import fix
from reviewer.prompting.reply import Reply
from reviewer.selection import priority
from reviewer.selection.evident import says_itself
from reviewer.selection.units import halve
from reviewer.unfinished import gaps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reviewer.asking.answers import Answerer
    from reviewer.context import Piece, Surroundings
    from reviewer.finding import Finding
    from reviewer.prompting.fix import Fix
    from reviewer.prompting.prompts import Prompts
    from reviewer.prompting.request import Request
    from reviewer.selection.units import ReadText, ReviewUnit
    from reviewer.unfinished.gaps import Gap

# No model's context holds more. Only a single line can be so long: longer units were cut before.
_MAX_UNIT_CHARS = 1_000_000
_NOTHING_TO_ADD = Reply("", ())
_TOO_LONG = f"a line is longer than {_MAX_UNIT_CHARS:,} characters"


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
        units: In order of path and line; a unit that was too long is here in parts.
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
        units: What to ask about; the most valuable are sent first, in case a deadline cuts the rest.
        read: Returns the new side's text of a path.
        prompts: Writes the requests.
        answerer: Answers them.
        around: Finds the code that is shown beside a unit.
        completions: Whether to ask for code where the change leaves some unfinished.
        faults: What rules and analyzers report, to be explained and fixed.

    Raises:
        EngineError: No request could be answered, because of the engine.
        TemplateError: No request could be written, because of a template.
    """
    holes: tuple[Gap, ...] = ()
    if completions:
        holes = gaps.find(units, {path: read(path) or "" for path in {unit.path for unit in units}})
    order = priority.order(units)
    beside = {at: around.of(units[at], prompts.room_beside(units[at])) for at in order}
    written = [_write(units[at], beside[at], prompts) for at in order]
    _raise_if_none_written(written)
    fillings = [_tried(partial(prompts.complete, hole)) for hole in holes]
    samples = [_fix_requests(prompts, fault, read) for fault in faults]
    answers = await _answers([*written, *fillings, *chain.from_iterable(samples)], answerer)
    sent = {at: UnitReply(units[at], beside[at], answer) for at, answer in zip(order, answers, strict=False)}
    replies = [part for at in sorted(sent) for part in await _shortened(sent[at], prompts, answerer)]
    rest = iter(answers[len(order) :])
    filled = tuple((hole, next(rest).value) for hole in holes)
    fixes = tuple(tuple(one.value for one in islice(rest, len(some)) if one.value is not None) for some in samples)
    return Replies(tuple(replies), filled, fixes)


def _write(unit: ReviewUnit, beside: Sequence[Piece], prompts: Prompts) -> Request | Answer:
    if unit.chars > _MAX_UNIT_CHARS:
        return Answer(reason=_TOO_LONG)
    if not prompts.finds and says_itself(unit):
        return Answer(_NOTHING_TO_ADD)
    return _tried(partial(prompts.review, unit, beside))


def _tried(write: Callable[[], Request]) -> Request | Answer:
    """Write a request; where a template fails, return the answer that says why, so that others are asked."""
    try:
        return write()
    except TemplateError as error:
        return Answer(reason=error.message, error=error)


def _fix_requests(prompts: Prompts, fault: Finding, read: ReadText) -> list[Request]:
    text = read(fault.path)
    if text is None:
        return []
    with suppress(TemplateError):  # the finding stays, without a fix
        return list(fix.requests(prompts, fault, text, detect(fault.path, text).name))
    return []


def _raise_if_none_written(written: Sequence[Request | Answer]) -> None:
    errors = [one.error for one in written if isinstance(one, Answer) and one.error is not None]
    if errors and all(isinstance(one, Answer) for one in written):
        raise errors[0]


async def _answers(written: Sequence[Request | Answer], answerer: Answerer) -> list[Answer]:
    """Ask what could be written, in the order given."""
    asked = iter(await answerer.ask([one for one in written if not isinstance(one, Answer)]))
    return [one if isinstance(one, Answer) else next(asked) for one in written]


async def _shortened(reply: UnitReply, prompts: Prompts, answerer: Answerer) -> tuple[UnitReply, ...]:
    """Ask again about a unit that was too long, down to a single line; others are returned as they are."""
    if not reply.answer.too_long:
        return (reply,)
    parts = (reply.unit,) if reply.beside else halve(reply.unit)
    if not reply.beside and parts == (reply.unit,):
        return (reply,)
    answers = await _answers([_write(part, (), prompts) for part in parts], answerer)
    again = [UnitReply(part, (), answer) for part, answer in zip(parts, answers, strict=True)]
    return tuple([short for one in again for short in await _shortened(one, prompts, answerer)])
