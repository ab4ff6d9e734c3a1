"""Asks about every unit of a change and reads what comes back, until each is read or known to be unreadable.

A unit whose prompt turns out too long is asked about again with less: without what is around it, then in halves.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.asking import votes
from reviewer.checking import check
from reviewer.diff import LineKind
from reviewer.finding import UnitReview, UnitStatus
from reviewer.selection import priority
from reviewer.selection.units import halve
from reviewer.unfinished import gaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.asking.answers import Answer, Answerer
    from reviewer.context import Piece, Surroundings
    from reviewer.finding import Finding
    from reviewer.prompting.prompts import Prompts
    from reviewer.prompting.request import Request
    from reviewer.selection.units import ReadText, ReviewUnit


@dataclass(frozen=True, slots=True)
class Reading:
    """One unit, what was shown beside it, and what came back."""

    unit: ReviewUnit
    beside: tuple[Piece, ...]
    review: UnitReview


@dataclass(frozen=True, slots=True)
class _Asked:
    """One unit as it was asked about, with the answers of all its samples."""

    unit: ReviewUnit
    beside: tuple[Piece, ...]
    answers: tuple[Answer, ...]

    @property
    def too_long(self) -> bool:
        return self.answers[0].too_long


class Reader:
    """Reads the units of one review.

    Args:
        prompts: Writes the requests.
        answerer: Answers them.
        around: Finds what is shown beside a unit.
        votes: Samples of each answer.
        completions: Whether unfinished code is asked about, too.
    """

    def __init__(
        self, prompts: Prompts, answerer: Answerer, around: Surroundings, *, votes: int, completions: bool
    ) -> None:
        self._prompts = prompts
        self._answerer = answerer
        self._around = around
        self._votes = votes
        self._completions = completions

    async def read(self, units: Sequence[ReviewUnit], text_of: ReadText) -> tuple[Reading, ...]:
        """Ask about every unit, and about every piece of unfinished code, all at once: the engine batches them.

        Returns:
            What became of each unit, in the order given; they are asked about in the order of their value.
        """
        texts = {path: text_of(path) or "" for path in {unit.path for unit in units}}
        holes = gaps.find(units, texts) if self._completions else ()
        beside = [self._around.of(unit, self._prompts.room_beside(unit)) for unit in units]
        order = priority.order(units)
        requests = [one for index in order for one in self._samples(units[index], beside[index])]
        answers = await self._answerer.ask([*requests, *(self._prompts.complete(gap) for gap in holes)])
        filled = answers[len(requests) :]
        completed = [
            check.completion(gap, said.value, texts[gap.path]) for gap, said in zip(holes, filled, strict=True)
        ]
        found: list[Reading] = []
        by_value = self._grouped([units[at] for at in order], [beside[at] for at in order], answers[: len(requests)])
        for _, asked in sorted(zip(order, by_value, strict=True), key=lambda pair: pair[0]):
            for part in [asked] if not asked.too_long else await self._shorter(asked):
                review = _with_completions(self._review(part, texts[part.unit.path]), completed)
                found.append(Reading(part.unit, part.beside, review))
        return tuple(found)

    def _samples(self, unit: ReviewUnit, beside: Sequence[Piece] = ()) -> list[Request]:
        request = self._prompts.review(unit, beside)
        return [request.sample(number) for number in range(self._votes)]

    def _grouped(
        self, units: Sequence[ReviewUnit], beside: Sequence[tuple[Piece, ...]], answers: Sequence[Answer]
    ) -> list[_Asked]:
        """Put the answers of one unit's samples together; ``_samples`` asked for them in this order."""
        count = self._votes
        return [
            _Asked(unit, pieces, tuple(answers[number * count : (number + 1) * count]))
            for number, (unit, pieces) in enumerate(zip(units, beside, strict=True))
        ]

    async def _again(self, units: Sequence[ReviewUnit]) -> list[_Asked]:
        answers = await self._answerer.ask([one for unit in units for one in self._samples(unit)])
        return self._grouped(units, [()] * len(units), answers)

    async def _shorter(self, asked: _Asked) -> list[_Asked]:
        """Ask again about a unit that was too long, down to a single line."""
        if asked.beside:
            (bare,) = await self._again([asked.unit])
            return [bare] if not bare.too_long else await self._shorter(bare)
        halves = halve(asked.unit)
        if halves == (asked.unit,):
            return [asked]
        found: list[_Asked] = []
        for half in await self._again(halves):
            found.extend([half] if not half.too_long else await self._shorter(half))
        return found

    def _review(self, asked: _Asked, text: str) -> UnitReview:
        """What the samples of one unit say together: the first one explains, all of them vote on the findings."""
        unit, answers = asked.unit, asked.answers
        valid = [answer for answer in answers if answer.value is not None]
        review = UnitReview(
            path=unit.path,
            start=unit.start,
            end=unit.end,
            scope=unit.scope,
            language=unit.language.name,
            lines=unit.lines,
            status=UnitStatus.READ if valid else UnitStatus.NOT_READ,
            cached=all(answer.cached for answer in answers),
            reason="" if valid else answers[0].reason,
        )
        if not valid:
            return review
        examples = self._prompts.examples
        return dataclasses.replace(
            review,
            explanation=check.explanation(valid[0].value, unit, examples, asked.beside),
            findings=votes.merge(
                [check.findings(answer.value, unit, text, examples, asked.beside) for answer in valid]
            ),
        )


def _with_completions(review: UnitReview, completed: list[Finding]) -> UnitReview:
    """Add the completions whose gap stands on a line that this unit adds."""
    added = {line.new for line in review.lines if line.kind is LineKind.ADDED}
    own = tuple(finding for finding in completed if finding.path == review.path and finding.line in added)
    return dataclasses.replace(review, findings=(*review.findings, *own)) if own else review
