"""One review, from a change to the reviewed units, by calling the steps in order.

select → evidence → prompt → ask → prove → check and silence → summarise. ``reviewer.report`` renders the result and
computes the verdict.
"""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from reviewer import evidence, silencing, summarise
from reviewer.asking import ask, skill
from reviewer.asking.answers import Answerer
from reviewer.cache import AnswerCache, default_path
from reviewer.checking import check, check_evidence
from reviewer.config.repository import RepositoryFiles
from reviewer.context import Surroundings
from reviewer.errors import EngineError
from reviewer.finding import Review, Usage
from reviewer.prompting import borrowed, rules
from reviewer.prompting.prompts import Prompts
from reviewer.selection import select
from reviewer.selection.units import fitted
from reviewer.terminal.masking import remembering, secrets
from reviewer.terminal.progress import SILENT, Both, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from reviewer.config import Settings
    from reviewer.engine.manager import AIModelManager
    from reviewer.finding import Finding
    from reviewer.selection.source import ChangeSource
    from reviewer.selection.units import ReviewUnit

_TOO_SMALL_NOTE = "{model} is too small to review code (for testing only)"
_NO_FILES = RepositoryFiles()

_P = ParamSpec("_P")
_R = TypeVar("_R")


async def review_change(
    source: ChangeSource,
    settings: Settings,
    *,
    files: RepositoryFiles = _NO_FILES,
    progress: Progress = SILENT,
    wait: float | None = None,
    deadline: float | None = None,
    manager: AIModelManager | None = None,
    message: bool = False,
    sarif: tuple[Path, ...] = (),
    early: Callable[[Review], None] | None = None,
) -> Review:
    """Review one change.

    What rules and analyzers report stands whatever the model says. Where no engine answers, the review holds that
    alone and ``Review.unavailable`` says why.

    Args:
        source: What to review.
        settings: The configuration in force.
        files: The prompts, rules and silences that the repository brings.
        progress: Receives the steps.
        wait: Longest time to wait for a cold engine, in seconds. The engine keeps loading after that.
        deadline: Longest time for all answers together, in seconds; units without one by then are reported as not read.
        manager: The model to ask; None makes one from the settings, and leaves its engine warm.
        message: Whether a commit message is wanted, so that a change of a single unit is summarised too.
        sarif: Results of other tools, as SARIF 2.1.0 files.
        early: Receives the review as rules and analyzers leave it, before the model is asked.

    Raises:
        EngineError: No engine can give the answers that are needed, and there is no evidence either.
        UsageError: A SARIF file cannot be read.
        ConfigError: A rule or the baseline is damaged, or the rules for one file are too long together.
        TemplateError: A prompt template is wrong.
    """
    from reviewer.engine.manager import AIModelManager

    whole = select(source, settings)
    if not whole.units:
        return Review(source.change.subject, skimmed=whole.skimmed)
    others, left_out = borrowed.read(files.borrowed)
    own_rules = (*rules.read(files.rules), *others)
    silences, unread = silencing.known(files)
    unread = (*left_out, *unread)
    began = time.perf_counter()
    cancelled = threading.Event()
    facts = await _in_thread(cancelled, evidence.gather, source, whole, settings, sarif, cancelled)

    def evidence_alone(unavailable: EngineError | None = None) -> Review:
        units, remarks = check_evidence(whole.units, facts.findings, source.read, settings, silences)
        usage = Usage(seconds=time.perf_counter() - began)
        notes = (*facts.notes, *unread, *remarks)
        return Review(source.change.subject, units, whole.skimmed, usage, notes, unavailable=unavailable)

    if not settings.use_model:
        return evidence_alone()
    if early is not None:
        early(evidence_alone())
    manager = manager or AIModelManager(settings.model_config)
    try:
        profile = await manager.profile()
        prompts = Prompts(profile, files.prompts, own_rules, finds=skill.finds(settings.model_findings, profile))
        selection = fitted(whole, prompts.unit_chars)
        cache = AnswerCache(default_path()) if settings.cache else None
        answerer = Answerer(manager, profile, cache=cache, progress=progress, wait=wait, deadline=deadline)
        around = Surroundings(prompts.extent if settings.context == "auto" else settings.context, source.read)
        faults = facts.unfixed if settings.fixes else ()
        with remembering(_secrets(whole.units, facts.findings)):
            replies = await ask(
                selection.units,
                source.read,
                prompts,
                answerer,
                around,
                completions=settings.completions,
                faults=faults,
            )
            findings = await _in_thread(cancelled, facts.with_fixes, faults, replies.fixes)
            units, remarks = check(
                replies,
                findings,
                source.read,
                examples=prompts.examples,
                bounds=profile.bounds,
                settings=settings,
                silences=silences,
            )
            summary = summarise.NOTHING
            if summarise.wanted(settings.summary, profile, units, message=message):
                # A hook whose answers all come from the cache does not start an engine for the summary alone.
                only_known = wait is not None and not answerer.usage.requests and not message
                summary = await summarise.summarise(units, selection.skimmed, prompts, answerer, only_known=only_known)
        usage = dataclasses.replace(answerer.usage, seconds=time.perf_counter() - began, model=profile.id)
        if usage.requests:
            usage = await asyncio.to_thread(_with_memory, usage, manager)
        notes = (*summary.notes, *manager.notes, *facts.notes, *unread, *remarks)
        if profile.embedded and profile.few_shot:
            notes = (_TOO_SMALL_NOTE.format(model=profile.id), *notes)
    except EngineError as problem:
        if not facts.findings:
            raise
        return evidence_alone(problem)
    finally:
        await manager.detach()
    return Review(
        subject=source.change.subject,
        units=units,
        skimmed=selection.skimmed,
        usage=usage,
        notes=notes,
        summary=summary.summary,
    )


async def _in_thread(cancelled: threading.Event, work: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
    """Run analyzers in a thread, and stop them if the review is cancelled."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except asyncio.CancelledError:
        cancelled.set()
        raise


def _secrets(units: Sequence[ReviewUnit], findings: Sequence[Finding]) -> frozenset[str]:
    """The secrets in a change; what recognises one in its place keeps it out of every request."""
    found = {one.secret for one in findings}.union(
        *(secrets("\n".join(line.text for line in unit.lines)) for unit in units)
    )
    return frozenset(found)


def _with_memory(usage: Usage, manager: AIModelManager) -> Usage:
    """Add the engine's memory, where it runs on this machine."""
    memory = manager.get_model_status()["memory"]
    return dataclasses.replace(usage, memory=memory["measured_bytes"] or 0, memory_limit=memory["limit_bytes"] or 0)


def review(
    source: ChangeSource,
    settings: Settings,
    files: RepositoryFiles,
    *,
    wait: float | None = None,
    deadline: float | None = None,
    install: bool = False,
    message: bool = False,
    sarif: tuple[Path, ...] = (),
    observer: Progress = SILENT,
) -> Review:
    """Review a change with progress on standard error; ``review_change`` describes the arguments.

    ``install`` first installs the engine and the model where they are missing. ``observer`` receives the steps, too.

    Raises:
        EngineError: Answers are needed and no engine can give any.
        TemplateError: A prompt template is wrong.
    """
    from reviewer.terminal import live, output

    with live.progress() as progress:
        if install:
            from reviewer.engine.provision import provision

            chosen = provision(settings.model_config, progress)
            if chosen:
                output.note(chosen)
        return asyncio.run(
            review_change(
                source,
                settings,
                files=files,
                progress=Both(progress, observer),
                wait=wait,
                deadline=deadline,
                message=message,
                sarif=sarif,
            )
        )
