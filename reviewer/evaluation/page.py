"""The report as one self-contained HTML page: no script, no font, no network.

Cases and replies are untrusted; everything that is not written here goes through ``_safe``.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from reviewer.diff import LineKind
from reviewer.evaluation.render import count_text, interval_text, share_text, share_with_bounds, value_text
from reviewer.terminal.masking import mask, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reviewer.diff import FileChange
    from reviewer.evaluation.cases import Case
    from reviewer.evaluation.record import Found, Record
    from reviewer.evaluation.report import EvaluationReport, ModelReport
    from reviewer.evaluation.scoring import Figure

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }
td.n { text-align: right; font-variant-numeric: tabular-nums }
tr + tr td { border-top: 1px solid #8884 }
pre { overflow-x: auto; padding: .5rem; border: 1px solid #8884; line-height: 1.35 }
pre span { display: block }
.add { background: #2a72 } .del { background: #c332 } .label { box-shadow: inset 3px 0 #e80 }
.say { white-space: normal; padding-left: 2rem; font-family: system-ui, sans-serif }
.hidden, .gap { opacity: .55 }
summary { cursor: pointer }
"""


def page(report: EvaluationReport) -> str:
    """Write the whole page."""
    clean = sum(case.clean for case in report.cases)
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # So that no reply can load anything.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{_safe(report.title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Evaluation on {_safe(report.title)}</h1>",
        f"<p>{len(report.cases) - clean} changes with defects, {clean} clean.</p>",
        *(_model(model, report.cases) for model in report.models),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _safe(text: str) -> str:
    return html.escape(visible(mask(text)))


def _shares(figures: Sequence[Figure]) -> list[str]:
    by_key = {figure.measure.key: figure for figure in figures}
    return [share_with_bounds(by_key[key]) for key in ("recall", "precision", "false_alarms", "proven")]


def _model(model: ModelReport, cases: Sequence[Case]) -> str:
    figures = _rows((f.measure.title, value_text(f, f.value), interval_text(f), count_text(f)) for f in model.figures)
    parts = [
        f"<h2>{_safe(model.model)}</h2><p>{model.reviewed} of {len(cases)} cases reviewed.</p>",
        f"<table><tr><th></th><th>value</th><th>95% interval</th><th>counted</th></tr>{figures}</table>",
    ]
    if len(model.sources) > 1:
        body = "".join(
            f"<tr><td>{_safe(kind)}</td>" + "".join(f"<td>{_safe(cell)}</td>" for cell in _shares(figures)) + "</tr>"
            for kind, figures in model.sources
        )
        titles = ("source", "defects found", "right findings", "false alarms", "proven fixes")
        heads = "<tr>" + "".join(f"<th>{title}</th>" for title in titles) + "</tr>"
        parts.append(f"<table>{heads}{body}</table>")
    for title, rows in (("language", model.languages), ("kind", model.kinds)):
        body = _rows(
            (row.name, share_text(row.hit, row.defects), share_text(row.alarmed, row.clean), "") for row in rows
        )
        heads = f"<tr><th>{title}</th><th>defects found</th><th>false alarms</th></tr>"
        table = f"<details><summary>By {title}</summary><table>{heads}{body}</table></details>"
        parts.append(table if len(rows) > 1 else "")
    by_case: dict[str, list[Record]] = {}
    for record in model.records:
        by_case.setdefault(record.case, []).append(record)
    parts.append("<h3>Cases</h3><p>A bar on the left marks the lines that are labelled as a defect.</p>")
    parts += [_case(case, by_case[case.id]) for case in cases if case.id in by_case]
    return "\n".join(parts)


def _rows(rows: Iterable[tuple[str, str, str, str]]) -> str:
    return "".join(
        f'<tr><td>{_safe(name)}</td><td class="n">{_safe(value)}</td><td>{_safe(more)}</td><td>{_safe(last)}</td></tr>'
        for name, value, more, last in rows
    )


def _case(case: Case, records: Sequence[Record]) -> str:
    verdicts = ", ".join(dict.fromkeys(verdict(case, record) for record in records))
    said = "".join(
        f"<p><b>The model:</b> {_safe(text)}</p>" for text in dict.fromkeys(t for r in records for t in r.explanations)
    )
    problems = "".join(f"<p>Not read: {_safe(r.problem)}</p>" for r in records if r.problem)
    reference = f"<p><b>Reference:</b> {_safe(case.reference)}</p>" if case.reference else ""
    found = list(dict.fromkeys(finding for record in records for finding in record.findings))
    files = "".join(_file(case, file, found) for file in case.change.files)
    title = f"{_safe(case.id)} <small>{_safe(case.language)} {_safe(case.kind)}</small>"
    return f"<details><summary>{title}: {verdicts}</summary>{said}{reference}{problems}{files}</details>"


def verdict(case: Case, record: Record) -> str:
    """One case in a few words."""
    shown = {(finding.path, finding.line) for finding in record.shown}
    if not record.read:
        return "not read"
    if case.clean:
        return "false alarm" if shown else "rightly silent"
    hits = sum(bool(shown & defect) for defect in case.defects)
    if hits:
        return "found" if hits == len(case.defects) else f"{hits} of {len(case.defects)} found"
    return "missed, another line named" if shown else "missed"


def _file(case: Case, file: FileChange, found: Sequence[Found]) -> str:
    lines = "".join(_lines(case, file, found))
    return f"<p><code>{_safe(file.path)}</code></p><pre>{lines}</pre>" if lines else ""


def _lines(case: Case, file: FileChange, found: Sequence[Found]) -> Iterator[str]:
    classes = {LineKind.ADDED: "add", LineKind.REMOVED: "del", LineKind.CONTEXT: ""}
    for number, hunk in enumerate(file.hunks):
        if number:
            yield '<span class="gap">    \u22ee</span>'
        for line in hunk.lines:
            place = (file.path, line.new or 0)
            labelled = any(place in defect for defect in case.defects)
            names = f"{classes[line.kind]}{' label' if labelled else ''}".strip()
            gutter = f"{line.new or '':>5} {line.kind.value}"
            yield f'<span class="{names}">{gutter}{_safe(line.text)}</span>'
            for finding in found:
                if (finding.path, finding.line) == place and line.kind is not LineKind.REMOVED:
                    marks = f" ({', '.join(finding.marks)})" if finding.marks else ""
                    hidden = " hidden" if finding.marks else ""
                    words = f"{finding.severity} · {finding.category}: {finding.message}{marks}"
                    yield f'<span class="say{hidden}">{_safe(words)}</span>'
