"""One review, from a change to its report, by calling the steps in order.

``change → units → requests → answers → checked findings → Review``; the command line renders and gates what comes out.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import TYPE_CHECKING

from reviewer import context, gaps, paths, suppression, verify
from reviewer.answers import Answer, Answerer
from reviewer.cache import AnswerCache
from reviewer.diff import LineKind
from reviewer.finding import Review, UnitReview, UnitStatus
from reviewer.progress import SILENT, Progress
from reviewer.prompt import Prompts
from reviewer.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.config import Settings
    from reviewer.context import ReadText, ReviewUnit
    from reviewer.diff import Change
    from reviewer.engine.manager import AIModelManager
    from reviewer.finding import Finding, Silence
    from reviewer.index import DefinitionIndex
    from reviewer.surroundings import Extent, Piece

# For reading the definitions of a repository that is not known yet. What is left is read by the next reviews.
_INDEX_SECONDS = 20.0
_HOOK_SECONDS = 2.0
_EMBEDDED_NOTE = (
    "The embedded model shows that everything works offline. It is far too small to judge code: "
    "read its words as a demonstration."
)


async def review_change(
    change: Change,
    read: ReadText,
    settings: Settings,
    *,
    overrides: Mapping[str, str] | None = None,
    known: Mapping[str, Silence] | None = None,
    progress: Progress = SILENT,
    wait: float | None = None,
    deadline: float | None = None,
    manager: AIModelManager | None = None,
    index: DefinitionIndex | None = None,
) -> Review:
    """Review one change.

    Args:
        change: What to review.
        read: Gives the new side's text of a path; None where there is none.
        settings: The configuration in force.
        overrides: The repository's own prompt templates by name.
        known: Findings that nobody wants to hear of again (a baseline, dismissals), by fingerprint.
        progress: Hears of the steps.
        wait: Longest time to wait for a cold engine, in seconds; it is left warming after that.
        deadline: Longest time for all answers together, in seconds; units without one by then are reported as not read.
        manager: The model to ask; None makes one from the settings, and leaves its engine warm.
        index: Finds definitions in files that the change leaves alone; None where there are none to be had.

    Raises:
        EngineError: Answers are needed and no engine can give any.
        TemplateError: A prompt template is wrong.
    """
    from reviewer.engine.manager import AIModelManager

    whole = _select(change, read, settings, sys.maxsize)
    if not whole.units:
        return Review(change.subject, skimmed=whole.skimmed)
    manager = manager or AIModelManager(settings.model_config)
    try:
        profile = await manager.profile()
        prompts = Prompts(profile, overrides or {})
        selection = _select(change, read, settings, prompts.unit_chars)
        cache = AnswerCache(paths.cache_dir() / "answers.sqlite3") if settings.cache else None
        answerer = Answerer(
            manager,
            profile,
            cache=cache,
            progress=progress,
            wait=wait,
            deadline=deadline,
            timeout=settings.timeout,
        )
        began = time.perf_counter()
        around = Surroundings(_extent(settings, prompts), read, index)
        around.prepare(selection.units, seconds=_INDEX_SECONDS if wait is None else _HOOK_SECONDS, progress=progress)
        units = await _read_units(selection.units, read, prompts, answerer, around, completions=settings.completions)
        usage = dataclasses.replace(answerer.usage, seconds=time.perf_counter() - began, model=profile.id)
        units, remarks = suppression.apply(units, read, known or {})
        notes = (*((_EMBEDDED_NOTE,) if profile.embedded and selection.units else ()), *manager.notes, *remarks)
    finally:
        await manager.detach()
    return Review(
        subject=change.subject,
        units=verify.mark_duplicates(units),
        skimmed=selection.skimmed,
        usage=usage,
        notes=notes,
    )


def _select(change: Change, read: ReadText, settings: Settings, max_chars: int) -> context.Selection:
    return context.select(change, read, max_chars=max_chars, include=settings.include, exclude=settings.exclude)


def _extent(settings: Settings, prompts: Prompts) -> Extent:
    return prompts.extent if settings.context == "auto" else settings.context


async def _read_units(
    units: tuple[ReviewUnit, ...],
    read: ReadText,
    prompts: Prompts,
    answerer: Answerer,
    around: Surroundings,
    *,
    completions: bool,
) -> tuple[UnitReview, ...]:
    """Ask about every unit, and about every piece of unfinished code, all at once: the engine batches them."""
    texts = {path: read(path) or "" for path in {unit.path for unit in units}}
    holes = gaps.find(units, texts) if completions else ()
    beside = [around.of(unit, prompts.room_beside(unit)) for unit in units]
    reviewing = [prompts.review(unit, pieces) for unit, pieces in zip(units, beside, strict=True)]
    answers = await answerer.ask([*reviewing, *(prompts.complete(gap) for gap in holes)])
    asked, filled = answers[: len(units)], answers[len(units) :]
    completed = [verify.completion(gap, said.value, texts[gap.path]) for gap, said in zip(holes, filled, strict=True)]
    reviews: list[UnitReview] = []
    for unit, answer, pieces in zip(units, asked, beside, strict=True):
        parts = [(unit, answer, pieces)]
        if answer.too_long:
            parts = [(part, said, ()) for part, said in await _shorter(unit, answer, prompts, answerer, bool(pieces))]
        found = [_unit_review(part, said, texts[part.path], prompts.examples, seen) for part, said, seen in parts]
        reviews.extend(_with_completions(review, completed) for review in found)
    return tuple(reviews)


async def _shorter(
    unit: ReviewUnit, answer: Answer, prompts: Prompts, answerer: Answerer, had_pieces: bool
) -> list[tuple[ReviewUnit, Answer]]:
    """Ask again about a unit that was too long: without what is around it, then in halves."""
    if had_pieces:
        (answer,) = await answerer.ask([prompts.review(unit)])
    return [(unit, answer)] if not answer.too_long else await _in_halves(unit, answer, prompts, answerer)


async def _in_halves(
    unit: ReviewUnit, answer: Answer, prompts: Prompts, answerer: Answerer
) -> list[tuple[ReviewUnit, Answer]]:
    """Ask again about the halves of a unit that was too long, down to a single line."""
    halves = context.halve(unit)
    if halves == (unit,):
        return [(unit, answer)]
    answers = await answerer.ask([prompts.review(half) for half in halves])
    result = []
    for half, said in zip(halves, answers, strict=True):
        result.extend([(half, said)] if not said.too_long else await _in_halves(half, said, prompts, answerer))
    return result


def _unit_review(
    unit: ReviewUnit, answer: Answer, text: str, examples: tuple[str, ...], pieces: tuple[Piece, ...]
) -> UnitReview:
    review = UnitReview(
        path=unit.path,
        start=unit.start,
        end=unit.end,
        scope=unit.scope,
        language=unit.language.name,
        lines=unit.lines,
        status=UnitStatus.READ if answer.value is not None else UnitStatus.NOT_READ,
        cached=answer.cached,
        reason=answer.reason,
    )
    if answer.value is None:
        return review
    return dataclasses.replace(
        review,
        explanation=verify.explanation(answer.value, unit, examples, pieces),
        findings=verify.findings(answer.value, unit, text, examples, pieces),
    )


def _with_completions(review: UnitReview, completed: list[Finding]) -> UnitReview:
    """Add the completions whose gap stands on a line that this unit adds."""
    added = {line.new for line in review.lines if line.kind is LineKind.ADDED}
    own = tuple(finding for finding in completed if finding.path == review.path and finding.line in added)
    return dataclasses.replace(review, findings=(*review.findings, *own)) if own else review
