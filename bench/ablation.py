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
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from reviewer import assets, output
from reviewer.config import Settings
from reviewer.engine.manager import AIModelManager
from reviewer.evaluation import cases as sets
from reviewer.evaluation.page import page
from reviewer.evaluation.record import Record, read_log
from reviewer.evaluation.render import interval_text, value_text
from reviewer.evaluation.report import ModelReport, make_report
from reviewer.evaluation.run import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reviewer.engine.profile import ModelProfile

SHOTS = "prompts/base/shots.toml"
SHOWN = ("valid_first", "recall", "precision", "false_alarms", "skill", "explained", "overlap", "chance")
COSTS = ("completion_tokens", "seconds")


def _bounds(**changes: int) -> Callable[[ModelProfile], ModelProfile]:
    return lambda profile: dataclasses.replace(profile, bounds=dataclasses.replace(profile.bounds, **changes))


# name -> (what the profile becomes, in which order the worked examples stand)
VARIANTS: dict[str, tuple[Callable[[ModelProfile], ModelProfile], tuple[int, ...] | None]] = {
    "as shipped": (lambda profile: profile, None),
    "no examples": (lambda profile: dataclasses.replace(profile, few_shot=False), None),
    "only the clean example": (lambda profile: profile, (1,)),
    "defect example last": (lambda profile: profile, (1, 0)),
    "no repetition penalty": (lambda profile: dataclasses.replace(profile, sampling={}), None),
    "longer explanations": (_bounds(explanation_chars=400), None),
    "three findings": (_bounds(max_findings=3), None),
}


def manager_for(variant: str) -> type[AIModelManager]:
    """A manager whose model is described otherwise, and named so that it stands for itself in the report."""
    change, _ = VARIANTS[variant]

    class Varied(AIModelManager):
        async def profile(self) -> ModelProfile:
            profile = change(await super().profile())
            return dataclasses.replace(profile, id=variant)

        def _extra(self) -> dict[str, Any]:
            return dict(change(self._loaded_engine().profile).sampling)

    return Varied


@contextlib.contextmanager
def examples(order: tuple[int, ...] | None) -> Iterator[None]:
    """Give the worked examples in another order."""
    read = assets.read
    if order is None:
        yield
        return
    parts = read(SHOTS).split("[[shot]]\n")
    changed = parts[0] + "".join("[[shot]]\n" + parts[1 + index] for index in order)
    assert [shot["path"] for shot in tomllib.loads(changed)["shot"]]
    with mock.patch.object(assets, "read", lambda name: changed if name == SHOTS else read(name)):
        yield


async def run(names: list[str], cases: tuple[sets.Case, ...], settings: Settings, log: Path) -> tuple[Record, ...]:
    """Review all cases in every variant; one after another, so that the engine is as busy for each."""
    with output.progress() as progress:
        for name in names:
            progress.step(name)
            with examples(VARIANTS[name][1]):
                await evaluate(cases, settings, log, progress=progress, make_manager=manager_for(name))
    known = {case.id: case.digest for case in cases}
    return tuple(r for r in read_log(log) if r.model in names and known.get(r.case) == r.digest)


def row(model: ModelReport) -> str:
    """One variant as a row of a Markdown table."""
    figures = {figure.measure.key: figure for figure in model.figures}
    cells = []
    for key in (*SHOWN, *COSTS):
        figure = figures[key]
        bounds = f" ({interval_text(figure)})" if key in ("recall", "false_alarms", "skill") else ""
        cells.append(value_text(figure, figure.value) + bounds)
    return " | ".join(["", model.model, *cells, ""]).strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=", ".join(VARIANTS))
    parser.add_argument("--cases", type=Path, default=Path(__file__).parent / "cases")
    parser.add_argument("--sample", type=int)
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
    settings = Settings(embedded=options.url is None, url=options.url)
    records = asyncio.run(run(names, cases, settings, options.results))
    report = make_report("ablation", cases, records)
    print(" | ".join(["|", *SHOWN, *COSTS, ""]).strip())
    print("|" + " --- |" * (1 + len(SHOWN) + len(COSTS)))
    for model in report.models:
        print(row(model))
    if options.html:
        options.html.write_text(page(report), encoding="utf-8")


if __name__ == "__main__":
    main()
