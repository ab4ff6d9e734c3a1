"""The report as a table for a terminal or a pipe, and as JSON for programs."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import TYPE_CHECKING, Any

from reviewer.terminal.masking import mask, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.evaluation.report import EvaluationReport, ModelReport, Row
    from reviewer.evaluation.scoring import Figure

_COUNTED = 1000  # larger counts add nothing to the share
_MOST_ROWS = 20  # a longer breakdown is only in the page and in JSON


def value_text(figure: Figure, value: float | None) -> str:
    """One value for display: ``83%``, ``1.42``, or a dash where there is none."""
    if value is None:
        return "-"
    if figure.measure.percent:
        return f"{value:.0%}"
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"  # noqa: PLR2004


def interval_text(figure: Figure) -> str:
    """The interval for display: ``71% to 92%``.

    Empty where all draws agree: with nothing found in a few cases, the bootstrap would suggest certainty.
    """
    if figure.interval is None or figure.interval[0] == figure.interval[1]:
        return ""
    return " to ".join(value_text(figure, bound) for bound in figure.interval)


def count_text(figure: Figure) -> str:
    """What a share was counted from: ``25 of 30``."""
    if not figure.measure.percent or figure.measure.minus or not 0 < figure.whole < _COUNTED:
        return ""
    return f"{figure.part:g} of {figure.whole:g}"


def share_text(part: int, whole: int) -> str:
    """How many of how many, or a dash where there are none."""
    return f"{part} of {whole}" if whole else "-"


def text(report: EvaluationReport, *, width: int = 80, color: bool = False, ascii_only: bool = False) -> str:
    """Write the report as tables without a frame, which also read well in a log."""
    from rich.console import Console

    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        legacy_windows=False,
    )
    clean = sum(case.clean for case in report.cases)
    defects = len(report.cases) - clean
    console.print(f"{visible(report.title)}: {defects} changes with defects, {clean} clean", markup=False)
    for model in report.models:
        console.print()
        console.print(_headline(model, len(report.cases)), markup=False)
        console.print(_figures(model))
        if len(model.sources) > 1:
            console.print()
            console.print(_by_source(model))
        for title, rows in (("language", model.languages), ("kind", model.kinds)):
            if 1 < len(rows) <= _MOST_ROWS:
                console.print()
                console.print(_breakdown(title, rows))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    written = "\n".join(lines) + "\n"
    return written.encode("ascii", "replace").decode() if ascii_only else written


def _headline(model: ModelReport, cases: int) -> str:
    times = len(model.records) / max(1, model.reviewed)
    again = f", {times:.3g} times each" if times > 1 else ""
    return f"{visible(model.model)}: {model.reviewed} of {cases} cases reviewed{again}"


def _table(*columns: tuple[str, str]) -> Any:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
    for name, side in columns:
        table.add_column(name, justify="right" if side == "right" else "left")
    return table


def _figures(model: ModelReport) -> Any:
    table = _table(("", "left"), ("value", "right"), ("95% interval", "left"), ("counted", "left"))
    for figure in model.figures:
        table.add_row(figure.measure.title, value_text(figure, figure.value), interval_text(figure), count_text(figure))
    return table


def _by_source(model: ModelReport) -> Any:
    columns = ("recall", "precision", "false_alarms", "proven")
    heads = ("defects found", "right findings", "false alarms", "proven fixes")
    table = _table(("source", "left"), *((head, "right") for head in heads))
    for kind, figures in model.sources:
        by_key = {figure.measure.key: figure for figure in figures}
        table.add_row(kind, *(share_with_bounds(by_key[key]) for key in columns))
    return table


def share_with_bounds(figure: Figure) -> str:
    """A share for display with its counts and interval: ``51 of 83 (51% to 72%)``."""
    bounds = interval_text(figure)
    return share_text(int(figure.part), int(figure.whole)) + (f" ({bounds})" if bounds and figure.whole else "")


def _breakdown(title: str, rows: Sequence[Row]) -> Any:
    table = _table((title, "left"), ("defects found", "right"), ("false alarms", "right"))
    from rich.text import Text

    for row in rows:
        table.add_row(Text(visible(row.name)), share_text(row.hit, row.defects), share_text(row.alarmed, row.clean))
    return table


def as_json(report: EvaluationReport) -> str:
    """Write the report, with every record, as JSON."""
    return json.dumps(
        {
            "title": report.title,
            "cases": {
                "all": len(report.cases),
                "clean": sum(case.clean for case in report.cases),
            },
            "models": [_model_json(model) for model in report.models],
        },
        indent=2,
        ensure_ascii=True,
    )


def _model_json(model: ModelReport) -> dict[str, Any]:
    return {
        "model": model.model,
        "weights": model.weights,
        "reviewed": model.reviewed,
        "measures": _figures_json(model.figures),
        "sources": {kind: _figures_json(figures) for kind, figures in model.sources},
        "languages": [dataclasses.asdict(row) for row in model.languages],
        "kinds": [dataclasses.asdict(row) for row in model.kinds],
        "records": [_masked(dataclasses.asdict(record)) for record in model.records],
    }


def _figures_json(figures: Sequence[Figure]) -> dict[str, Any]:
    return {
        figure.measure.key: {
            "value": figure.value,
            "interval95": figure.interval,
            "part": figure.part,
            "whole": figure.whole,
        }
        for figure in figures
    }


def _masked(value: Any) -> Any:
    """A reply may quote a secret of the diff."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {name: _masked(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(part) for part in value]
    return value
