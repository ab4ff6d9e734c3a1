"""One review, from a change to its report, by calling the steps in order.

``change → units → requests → answers → checked findings → Review``; the command line renders and gates what comes out.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import TYPE_CHECKING

from reviewer import paths, summarise
from reviewer.asking.answers import Answerer
from reviewer.asking.reading import Reader
from reviewer.cache import AnswerCache
from reviewer.checking import confidence, duplicates, thresholds
from reviewer.config.customs import NONE, Customs
from reviewer.context import Surroundings
from reviewer.finding import Review, Severity, UnitReview
from reviewer.prompting.prompts import Prompts
from reviewer.selection import skipping
from reviewer.selection.units import Selection, fitted, select
from reviewer.silencing import suppression
from reviewer.terminal.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewer.asking.reading import Reading
    from reviewer.config import Settings
    from reviewer.context import Extent
    from reviewer.context.index import DefinitionIndex
    from reviewer.diff import Change
    from reviewer.engine.manager import AIModelManager
    from reviewer.selection.units import ReadText

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
    customs: Customs = NONE,
    attributes: Mapping[str, Mapping[str, str]] | None = None,
    index: DefinitionIndex | None = None,
    progress: Progress = SILENT,
    wait: float | None = None,
    deadline: float | None = None,
    manager: AIModelManager | None = None,
    message: bool = False,
) -> Review:
    """Review one change.

    Args:
        change: What to review.
        read: Gives the new side's text of a path; None where there is none.
        settings: The configuration in force.
        customs: What the repository asks of its reviews.
        attributes: Git attributes (``skipping.ATTRIBUTES``) by path, where there are some.
        index: Finds definitions in files that the change leaves alone; None where there are none to be had.
        progress: Hears of the steps.
        wait: Longest time to wait for a cold engine, in seconds; it is left warming after that.
        deadline: Longest time for all answers together, in seconds; units without one by then are reported as not read.
        manager: The model to ask; None makes one from the settings, and leaves its engine warm.
        message: A commit message is wanted, so that a change of one piece is summed up, too.

    Raises:
        EngineError: Answers are needed and no engine can give any.
        ConfigError: The rules for one file are too long together.
        TemplateError: A prompt template is wrong.
    """
    from reviewer.engine.manager import AIModelManager

    whole = _select(change, read, settings, attributes or {})
    if not whole.units:
        return Review(change.subject, skimmed=whole.skimmed)
    manager = manager or AIModelManager(settings.model_config)
    try:
        profile = await manager.profile()
        prompts = Prompts(profile, customs.templates, customs.rules)
        selection = fitted(whole, prompts.unit_chars)
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
        reader = Reader(prompts, answerer, around, votes=settings.votes, completions=settings.completions)
        readings = await reader.read(selection.units, read)
        reviews, remarks = _settle_marks(readings, read, settings, customs)
        policy = confidence.Policy.of(settings, profile, customs.templates)
        reviews, unsure = await confidence.settle(readings, reviews, policy, prompts, answerer)
        units = thresholds.mark_rest(reviews, settings.max_findings_per_file)
        whole_change = summarise.Outcome()
        if summarise.wanted(settings.summary, profile, units, message=message):
            # A hook that has all its answers in the cache does not wait for an engine for this alone.
            idle = wait is not None and not answerer.usage.requests and not message
            whole_change = await summarise.summarise(units, selection.skimmed, prompts, answerer, only_known=idle)
        usage = dataclasses.replace(answerer.usage, seconds=time.perf_counter() - began, model=profile.id)
        about_model = (_EMBEDDED_NOTE,) if profile.embedded and selection.units else ()
        unsummed = (whole_change.note,) if whole_change.note else ()
        notes = (*about_model, *unsure, *unsummed, *manager.notes, *remarks)
    finally:
        await manager.detach()
    return Review(
        subject=change.subject,
        units=units,
        skimmed=selection.skimmed,
        usage=usage,
        notes=notes,
        summary=whole_change.summary,
    )


def _select(
    change: Change, read: ReadText, settings: Settings, attributes: Mapping[str, Mapping[str, str]]
) -> Selection:
    """The units of a change, each as long as it is."""
    return select(
        change,
        read,
        max_chars=sys.maxsize,
        include=settings.include,
        exclude=settings.exclude,
        skip=lambda file: skipping.why(file, read, attributes.get(file.path, {})) if settings.skip_generated else "",
    )


def _extent(settings: Settings, prompts: Prompts) -> Extent:
    return prompts.extent if settings.context == "auto" else settings.context


def _settle_marks(
    readings: Sequence[Reading], read: ReadText, settings: Settings, customs: Customs
) -> tuple[tuple[UnitReview, ...], tuple[str, ...]]:
    """Mark what is silenced, too slight or told twice, so that nobody is asked about a finding that is not shown."""
    reviews, remarks = suppression.apply([reading.review for reading in readings], read, customs.silences)
    reviews = thresholds.mark_slight(reviews, Severity(settings.min_severity))
    return duplicates.mark(reviews), remarks
