"""``reviewer eval``: measure how well a model reviews changes with known defects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import options

if TYPE_CHECKING:
    from reviewer.config import Settings
    from reviewer.evaluation.cases import Case
    from reviewer.evaluation.record import Record

_EPILOG = """\b
Examples:
  reviewer eval bench/cases --embedded                    the cases of this project
  reviewer eval my-cases.jsonl --html report.html         your own cases, with an HTML report
  reviewer eval cases.jsonl --sample 20 --repeat 3        part of a large set, three times
  reviewer eval hunks.jsonl --explanations                explanations against the commits' subjects

Results are saved as they arrive. Run the same command again to resume; other models are added to the same report.
A model that finds defects reliably on at least 40 cases is asked for defects of its own in later reviews.
"""

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(name="eval", epilog=_EPILOG)
@click.argument("cases", type=click.Path(path_type=Path), metavar="CASES")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="Use only N cases, the same ones each time.")
@click.option("--repeat", type=click.IntRange(1), default=1, metavar="N", help="Review each case N times.")
@click.option(
    "--jobs", type=click.IntRange(1), default=1, metavar="N", help="Review N cases at once; their times then overlap."
)
@click.option("--results", type=_FILE, help="Results file. [default: CASES.results.jsonl in the current folder]")
@click.option("--html", "page", type=_FILE, help="Also write a self-contained HTML report.")
@click.option("--json", "as_json", is_flag=True, help="Output JSON instead of a table.")
@click.option(
    "--explanations",
    is_flag=True,
    help="Measure only explanations, summaries and messages, by chrF with the reference.",
)
@options.context_option
@options.model_options
@options.install_option
def evaluate(
    cases: Path,
    *,
    sample: int | None,
    repeat: int,
    jobs: int,
    results: Path | None,
    page: Path | None,
    as_json: bool,
    explanations: bool,
    install: bool,
    **flags: Any,
) -> None:
    """Measure how well a model reviews.

    CASES is a folder of TOML cases or a JSONL file of labelled diffs; docs/evaluation.md describes the format.
    """
    from reviewer.cli import common
    from reviewer.config.repository import from_worktree
    from reviewer.evaluation import cases as sets
    from reviewer.evaluation import chrf, render
    from reviewer.evaluation.report import make_report
    from reviewer.report.emit import write_file
    from reviewer.terminal import output

    chosen = sets.load(cases)
    if sample is not None:
        chosen = sets.sample(chosen, sample)
    repository = common.here()
    settings = common.load_settings(repository, options.as_flags(flags))
    templates = from_worktree(repository).prompts
    log = results or _log_beside(page, cases)
    metric = chrf.metric() if explanations else None
    records = _run(
        chosen, settings, log, overrides=templates, repeat=repeat, jobs=jobs, install=install, explanations=explanations
    )
    report = make_report(cases.name, chosen, records, metric=metric)
    for model in report.models if not explanations else ():
        model.record_skill()
    if page is not None:
        from reviewer.evaluation.page import page as html_page

        write_file(page, html_page(report), root=repository.root if repository else None)
    if as_json:
        output.say(render.as_json(report))
        return
    shown = render.text(report, width=output.width(), color=output.colour_wanted(), ascii_only=not output.can_draw())
    output.say(shown.rstrip("\n"))


def _log_beside(page: Path | None, cases: Path) -> Path:
    name = Path(cases.resolve().name)
    return (page or Path(name)).with_suffix(".results.jsonl")


def _run(cases: tuple[Case, ...], settings: Settings, log: Path, *, install: bool, **how: Any) -> tuple[Record, ...]:
    import asyncio

    from reviewer.engine.provision import provision
    from reviewer.evaluation.run import evaluate as run
    from reviewer.terminal import live, output

    with live.progress() as progress:
        if install:
            provision(settings.model_config, progress)
        try:
            return asyncio.run(run(cases, settings, log, progress=progress, **how))
        except KeyboardInterrupt:
            output.note(f"results are saved in {log}; run the same command again to resume")
            raise
