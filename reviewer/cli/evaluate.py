"""``reviewer eval``: measure how well a model reviews, on changes whose defects are known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import options
from reviewer.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.config import Settings
    from reviewer.evaluation.cases import Case
    from reviewer.evaluation.record import Record
    from reviewer.terminal.progress import Progress

_EPILOG = """\b
Examples:
  reviewer eval bench/cases --embedded                    the set that this project ships
  reviewer eval my-cases.jsonl --html report.html         your own, with a page to read
  reviewer eval cases.jsonl --sample 20 --repeat 3        a part of a large set, three times
  reviewer eval my-cases --calibrate                      then second opinions are asked for, if they are worth it

Results are kept as they come; the same command goes on where it was stopped, and other models join the same report.
"""

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(name="eval", epilog=_EPILOG)
@click.argument("cases", type=click.Path(path_type=Path), metavar="CASES")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="Only N changes, always the same ones.")
@click.option("--repeat", type=click.IntRange(1), default=1, metavar="N", help="Review each case N times.")
@click.option("--jobs", type=click.IntRange(1), default=1, metavar="N", help="Cases at once; seconds then overlap.")
@click.option("--results", type=_FILE, help="Where results are kept [CASES.results.jsonl in this folder].")
@click.option("--html", "page", type=_FILE, help="Also write a page that stands alone.")
@click.option("--calibrate", is_flag=True, help="Learn how far this model's second opinion can be trusted.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@options.context_option
@options.model_options
@options.confidence_options
@options.install_option
def evaluate(
    cases: Path,
    *,
    sample: int | None,
    repeat: int,
    jobs: int,
    results: Path | None,
    page: Path | None,
    calibrate: bool,
    as_json: bool,
    install: bool,
    **flags: Any,
) -> None:
    """Measure how well a model reviews.

    CASES is a folder of TOML cases or a JSONL file of labelled diffs; docs/evaluation.md says how they are written.
    """
    from reviewer.cli import common, customs
    from reviewer.evaluation import cases as sets
    from reviewer.evaluation import render
    from reviewer.evaluation.report import make_report
    from reviewer.terminal import output

    chosen = sets.load(cases)
    if sample is not None:
        chosen = sets.sample(chosen, sample)
    repository = common.here()
    settings = common.load_settings(
        repository, options.as_flags(flags | ({"second_opinion": True} if calibrate else {}))
    )
    templates = customs.local(repository).templates
    log = results or _log_beside(page, cases)
    records = _run(chosen, settings, log, overrides=templates, repeat=repeat, jobs=jobs, install=install)
    learned = None
    if calibrate:
        dismissed = repository.common_dir / "reviewer" / "dismissed.jsonl" if repository else None
        learned = _calibrate(chosen, records, settings, dismissed=dismissed, overrides=templates)
    report = make_report(cases.name, chosen, records)
    if page is not None:
        from reviewer.evaluation.page import page as html_page

        common.write_file(page, html_page(report))
    if as_json:
        output.say(render.as_json(report))
        if learned:
            output.note(learned)
        return
    shown = render.text(report, width=output.width(), color=output.colour_wanted(), ascii_only=not output.can_draw())
    output.say(shown.rstrip("\n"))
    if learned:
        output.say(f"\n{learned}")


def _log_beside(page: Path | None, cases: Path) -> Path:
    name = Path(cases.resolve().name)
    return (page or Path(name)).with_suffix(".results.jsonl")


def _run(cases: tuple[Case, ...], settings: Settings, log: Path, *, install: bool, **how: Any) -> tuple[Record, ...]:
    import asyncio

    from reviewer.cli import common
    from reviewer.evaluation.run import evaluate as run
    from reviewer.terminal import output

    with output.progress() as progress:
        if install:
            common.provision(settings, progress)
        try:
            return asyncio.run(run(cases, settings, log, progress=progress, **how))
        except KeyboardInterrupt:
            output.note(f"what was done is kept in {log}; the same command goes on from there")
            raise


def _calibrate(
    cases: tuple[Case, ...], records: tuple[Record, ...], settings: Settings, *, dismissed: Path | None,
    overrides: Mapping[str, str],
) -> str:  # fmt: skip
    """Calibrate the model that was just reviewed with; what came of it, for people."""
    import asyncio

    from reviewer.engine.manager import AIModelManager
    from reviewer.evaluation.calibrate import calibrate
    from reviewer.terminal import output

    async def run(progress: Progress) -> str:
        manager = AIModelManager(settings.model_config)
        try:
            outcome = await calibrate(
                cases, records, manager, dismissed=dismissed, overrides=overrides, progress=progress
            )
        finally:
            await manager.detach()
        return outcome.text()

    with output.progress() as progress:
        try:
            return asyncio.run(run(progress))
        except OSError as problem:
            raise ConfigError(f"the calibration cannot be stored: {problem}") from problem
