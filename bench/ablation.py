"""What each habit of the prompt is worth: the shipped cases, reviewed with one thing changed at a time.

    python bench/ablation.py --results ablation.jsonl [--cases bench/cases] [--html ablation.html] [VARIANT…]

Results are kept as they come, so a run that was stopped goes on. Needs the engine and the embedded model.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from reviewer import assets
from reviewer.config import Settings
from reviewer.engine.manager import AIModelManager
from reviewer.evaluation import cases as sets
from reviewer.evaluation.page import page
from reviewer.evaluation.record import Record, read_log
from reviewer.evaluation.render import interval_text, value_text
from reviewer.evaluation.report import ModelReport, make_report
from reviewer.evaluation.run import evaluate
from reviewer.prompting import prompts
from reviewer.prompting.reply import review_schema
from reviewer.terminal import output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reviewer.engine.profile import ModelProfile

SHOWN = ("valid_first", "quoted", "recall", "precision", "false_alarms", "skill", "explained", "overlap", "chance")
COSTS = ("completion_tokens", "seconds")

DEFECT, CLEAN, OTHER_DEFECT, OTHER_CLEAN = range(4)


@dataclass(frozen=True)
class Variant:
    """One thing that is asked for in another way.

    Attributes:
        profile: Fields of the model's profile that are changed.
        bounds: Fields of its reply bounds that are changed.
        shots: Which worked examples are given, in order; None gives those that are shipped.
        first: The field that the reply begins with.
        templates: Templates that stand in for the shipped ones.
        settings: Settings that are changed.
    """

    profile: Mapping[str, Any] = field(default_factory=dict)
    bounds: Mapping[str, int] = field(default_factory=dict)
    shots: tuple[int, ...] | None = None
    first: str = "explanation"
    templates: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def changed(self, profile: ModelProfile) -> ModelProfile:
        """The profile as this variant has it."""
        bounds = dataclasses.replace(profile.bounds, **self.bounds)
        return dataclasses.replace(profile, **{"bounds": bounds, **self.profile})


_PLAIN = """\
You read a change to {{ language.title }} code. The - lines were taken out, the + lines were put in. You answer in JSON.
explanation: one sentence on what the new lines do now that the old ones did not.
findings: mistakes in the + lines, [] when there are none.
"""

VARIANTS: dict[str, Variant] = {
    "as shipped": Variant(),
    "no examples": Variant(profile={"few_shot": False}),
    "one example, clean": Variant(shots=(CLEAN,)),
    "one example, defect": Variant(shots=(DEFECT,)),
    "two examples, defect last": Variant(shots=(CLEAN, DEFECT)),
    "three examples, clean last": Variant(shots=(DEFECT, OTHER_DEFECT, CLEAN)),
    "four examples, clean last": Variant(shots=(DEFECT, CLEAN, OTHER_DEFECT, OTHER_CLEAN)),
    "four examples, defect last": Variant(shots=(CLEAN, DEFECT, OTHER_CLEAN, OTHER_DEFECT)),
    "findings first": Variant(first="findings"),
    "no repetition penalty": Variant(profile={"sampling": {}}),
    "shorter explanations": Variant(bounds={"explanation_chars": 100}),
    "longer explanations": Variant(bounds={"explanation_chars": 400}),
    "three findings": Variant(bounds={"max_findings": 3}),
    "no fix": Variant(bounds={"fix_chars": 0}),
    "plain words, no language notes": Variant(templates={"base/review.j2": _PLAIN}),
    "quotes": Variant(bounds={"quote_chars": 80}),
    "scopes and imports beside it": Variant(settings={"context": "scope"}),
    "the file's definitions, too": Variant(settings={"context": "file"}),
}


def manager_for(name: str) -> type[AIModelManager]:
    """A manager whose model is described otherwise, and named so that it stands for itself in the report."""
    variant = VARIANTS[name]

    class Varied(AIModelManager):
        async def profile(self) -> ModelProfile:
            return dataclasses.replace(variant.changed(await super().profile()), id=name)

        def _extra(self) -> dict[str, Any]:
            return dict(variant.changed(self._held.loaded().profile).sampling)

    return Varied


@contextlib.contextmanager
def asking(variant: Variant) -> Iterator[None]:
    """Give other worked examples, and put the reply's fields in another order."""
    with contextlib.ExitStack() as patches:
        if variant.shots is not None or variant.first != "explanation":
            chosen = [_in_order(_all_shots()[index], variant.first) for index in variant.shots or (DEFECT, CLEAN)]
            patches.enter_context(mock.patch.object(prompts.Prompts, "_shot_data", chosen))
        if variant.first != "explanation":
            patches.enter_context(mock.patch.object(prompts, "review_schema", _schema_beginning_with(variant.first)))
        yield


def _all_shots() -> list[dict[str, Any]]:
    further = Path(__file__).with_name("shots.toml").read_text(encoding="utf-8")
    return [shot for text in (assets.read(prompts.SHOTS), further) for shot in tomllib.loads(text)["shot"]]


def _in_order(shot: dict[str, Any], first: str) -> dict[str, Any]:
    return {**shot, "reply": _beginning_with(shot["reply"], first)}


def _beginning_with(fields: dict[str, Any], first: str) -> dict[str, Any]:
    return {first: fields[first], **fields}


def _schema_beginning_with(first: str) -> Any:
    def schema(*args: Any) -> dict[str, Any]:
        made = review_schema(*args)
        return {**made, "properties": _beginning_with(made["properties"], first)}

    return schema


async def run(
    names: list[str], cases: tuple[sets.Case, ...], settings: Settings, log: Path, jobs: int
) -> tuple[Record, ...]:
    """Review all cases in every variant; one after another, so that the engine is as busy for each."""
    with output.progress() as progress:
        for name in names:
            progress.step(name)
            variant = VARIANTS[name]
            with asking(variant):
                await evaluate(
                    cases,
                    dataclasses.replace(settings, **variant.settings),
                    log,
                    overrides=variant.templates,
                    jobs=jobs,
                    progress=progress,
                    make_manager=manager_for(name),
                )
    known = {case.id: case.digest for case in cases}
    return tuple(r for r in read_log(log) if r.model in names and known.get(r.case) == r.digest)


def row(model: ModelReport) -> str:
    """One variant as a row of a Markdown table."""
    figures = {figure.measure.key: figure for figure in model.figures}
    cells = []
    for key in (*SHOWN, *COSTS):
        figure = figures[key]
        bounds = interval_text(figure) if key in ("recall", "false_alarms", "skill", "overlap") else ""
        cells.append(value_text(figure, figure.value) + (f" ({bounds})" if bounds else ""))
    return " | ".join(["", model.model, *cells, ""]).strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=", ".join(VARIANTS))
    parser.add_argument("--cases", type=Path, default=Path(__file__).parent / "cases")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--jobs", type=int, default=1, help="cases at once; seconds then overlap")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--html", type=Path)
    parser.add_argument("--url", help="an endpoint instead of the embedded model")
    options = parser.parse_args()
    names = options.variants or list(VARIANTS)
    if unknown := set(names) - set(VARIANTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    cases = sets.load(options.cases)
    if options.sample:
        cases = sets.sample(cases, options.sample)
    # Under load an answer takes long; one that is given up would be counted as unread.
    settings = Settings(embedded=options.url is None, url=options.url, timeout=900.0)
    records = asyncio.run(run(names, cases, settings, options.results, options.jobs))
    report = make_report("ablation", cases, records)
    print(" | ".join(["|", *SHOWN, *COSTS, ""]).strip())
    print("|" + " --- |" * (1 + len(SHOWN) + len(COSTS)))
    for model in report.models:
        print(row(model))
    if options.html:
        options.html.write_text(page(report), encoding="utf-8")


if __name__ == "__main__":
    main()
