"""Reviews every case that is not in the log, and logs each result before the next review."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING

from reviewer import assets
from reviewer.config.repository import RepositoryFiles
from reviewer.engine.manager import AIModelManager
from reviewer.errors import EngineRequestError, InferenceTimeoutError, PromptTooLongError
from reviewer.evaluation.record import Record, append, read_log
from reviewer.evidence.analyzers import DEFAULTS
from reviewer.prompting.reply import FORMAT_VERSION
from reviewer.review import review_change
from reviewer.terminal.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from reviewer.config import Settings
    from reviewer.engine.config import ModelConfig
    from reviewer.evaluation.cases import Case
    from reviewer.terminal.progress import Progress

# Trouble with this one case. Any other ends the run, and a rerun continues it.
_THIS_CASE_ONLY = (EngineRequestError, InferenceTimeoutError, PromptTooLongError)

_Key = tuple[str, str, str, str, int]


def fair(settings: Settings) -> Settings:
    """Return the settings of an evaluation: every answer is asked for, of the whole change, and only about defects."""
    own = "on" if settings.model_findings == "auto" else settings.model_findings
    return dataclasses.replace(
        settings, cache=False, completions=False, summary="off", include=(), exclude=(), model_findings=own
    )


def explaining(settings: Settings) -> Settings:
    """Return the settings of an evaluation of nothing but explanations, summaries and commit messages."""
    return dataclasses.replace(
        fair(settings),
        model_findings="off",
        fixes=False,
        rules=False,
        analyzers={spec.name: False for spec in DEFAULTS},
        summary="on",
    )


async def evaluate(
    cases: Sequence[Case],
    settings: Settings,
    log: Path,
    *,
    overrides: Mapping[str, str] | None = None,
    repeat: int = 1,
    jobs: int = 1,
    progress: Progress = SILENT,
    make_manager: Callable[[ModelConfig], AIModelManager] = AIModelManager,
    explanations: bool = False,
) -> tuple[Record, ...]:
    """Review the cases.

    Args:
        cases: What to review.
        settings: The configuration in force; see ``fair`` and ``explaining``.
        log: Results are appended here as they come; cases that are in it are not reviewed again.
        overrides: The repository's own prompt templates by name.
        repeat: Times that each case is reviewed.
        jobs: Number of cases to review at once.
        progress: Receives the steps.
        explanations: Ask for nothing but explanations, summaries and commit messages.
        make_manager: Makes a manager for each case; replace it to measure another way to ask.

    Returns:
        All records of these cases that were made with this set-up, including those of other models.

    Raises:
        EngineError: No engine can answer; the results so far stay in the log.
        TemplateError: A prompt template is wrong.
    """
    settings = explaining(settings) if explanations else fair(settings)
    setup = _setup(settings, overrides or {})
    manager = make_manager(settings.model_config)
    try:
        profile = await manager.profile()
        weights = profile.digest
        wanted = [
            Record(case.id, case.digest, setup, profile.id, weights, turn, units=0, read=0)
            for turn in range(repeat)
            for case in cases
        ]
        known = {_key(record) for record in read_log(log) if not record.late}
        missing = [record for record in wanted if _key(record) not in known]
        if missing:
            await manager.load_model(progress=progress)  # once, so that no case's seconds include it
            by_id = {case.id: case for case in cases}

            async def review(blank: Record) -> Record:
                fresh = make_manager(settings.model_config)
                return await _review(blank, by_id[blank.case], settings, overrides, fresh)

            await _review_all(missing, review, log, jobs, progress)
    finally:
        await manager.detach()
    return select(read_log(log), cases, setup)


def select(records: Iterable[Record], cases: Sequence[Case], setup: str) -> tuple[Record, ...]:
    """The records of these cases, as they are now, with this set-up; the last one where two say the same."""
    digests = {case.id: case.digest for case in cases}
    chosen = [record for record in records if record.setup == setup and digests.get(record.case) == record.digest]
    return tuple({_key(record): record for record in chosen}.values())


async def _review_all(
    missing: Sequence[Record], review: Callable[[Record], Awaitable[Record]], log: Path, jobs: int, progress: Progress
) -> None:
    waiting = iter(missing)
    done = 0
    progress.step(f"reviewing {len(missing)} {'case' if len(missing) == 1 else 'cases'}")

    async def work() -> None:
        nonlocal done
        for blank in waiting:
            append(log, await review(blank))
            done += 1
            progress.advance(done, len(missing), "cases")

    workers = [asyncio.create_task(work()) for _ in range(min(jobs, len(missing)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()


async def _review(
    blank: Record, case: Case, settings: Settings, overrides: Mapping[str, str] | None, manager: AIModelManager
) -> Record:
    try:
        files = RepositoryFiles(prompts=overrides or {})
        review = await review_change(case.source, settings, files=files, manager=manager)
    except _THIS_CASE_ONLY as problem:
        hunks = sum(1 for file in case.change.files for hunk in file.hunks if hunk.anchors)
        return dataclasses.replace(blank, units=hunks, problem=problem.message)
    return blank.with_review(review)


def _setup(settings: Settings, overrides: Mapping[str, str]) -> str:
    """Digest of what shapes a reply besides the case and the model: our prompts, the user's, the settings."""
    folder = assets.prompts_dir()
    prompts = {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    how = [settings.model_findings, settings.fixes, settings.rules, settings.summary]
    shape = [settings.max_model_len, settings.quantization, settings.context]
    parts = [FORMAT_VERSION, prompts, dict(overrides), *shape, how]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _key(record: Record) -> _Key:
    return (record.case, record.digest, record.setup, f"{record.model}@{record.weights}", record.turn)
