"""The report as one HTML file that loads nothing: for browsers, CI artefacts, ``reviewer serve``, and paper.

Without its script the page is complete; the script adds filters, keys, the side-by-side view and copying.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reviewer import __version__
from reviewer.diff import LineKind, SourceLine
from reviewer.finding import Severity, SourceKind, UnitStatus
from reviewer.report import excerpt, summary, view
from reviewer.report.document import document
from reviewer.report.highlight import Highlighter
from reviewer.terminal import output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reviewer.finding import Finding, Review, Source
    from reviewer.report import RenderOptions
    from reviewer.report.view import FindingView, UnitView

_CHUNK = 60  # rows that the browser lays out together, when they come into view
_CLASSES = {LineKind.CONTEXT: "ctx", LineKind.ADDED: "add", LineKind.REMOVED: "del"}
_KEYS = (
    ("j", "next finding"),
    ("k", "previous finding"),
    ("n", "next file"),
    ("p", "previous file"),
    ("c", "copy the fix of the finding"),
    ("o", "only hunks with findings, or all"),
    ("s", "side by side, or unified"),
    ("d", "dark, or light"),
    ("?", "this help"),
)


@dataclass(frozen=True, slots=True)
class RowView:
    """One line of code; ``html`` is safe."""

    kind: LineKind
    old: int | None
    new: int | None
    html: Markup

    @property
    def style(self) -> str:
        """Its class."""
        return _CLASSES[self.kind]


@dataclass(frozen=True, slots=True)
class RowsView:
    """Lines that follow each other: runs of context, and runs of changes to set side by side."""

    runs: tuple[tuple[str, tuple[RowView, ...]], ...]
    count: int


def render(review: Review, options: RenderOptions) -> str:
    """Render a review as a page; ends with a newline."""
    return page(review, options)


def page(review: Review, options: RenderOptions, *, home: str = "", made: str = "") -> str:
    """Render a review, with a link to ``home`` if it is one page of several, and with the time when it was made."""
    units = view.units(review)
    origins = _origins(units)
    files = _files(units, origins, options)
    whole = view.change_summary(review)
    return document(
        "review",
        subject=view.safe(review.subject),
        home=home,
        made=made,
        review=review,
        totals=summary.counts(review),
        read_share=summary.read_share(review),
        extent=summary.extent(review).partition(" in ")[2],
        timing=summary.timing(review, options),
        verdict=summary.verdict_sentence(review, options),
        counts=counted(finding for unit in units for finding in unit.findings),
        origins=list(origins.items()),
        notes=[view.safe(note) for note in review.notes],
        whole=whole,
        start=_start(files, review) if whole is not None else "",
        files=files,
        sizes=_sizes(files),
        nodes=_tree(files),
        not_read=summary.not_read(review),
        skipped=summary.skipped_paths(review),
        hidden=summary.hidden(review),
        facts=list(_facts(review, options)),
        keys=_KEYS,
        version=__version__,
    )


def _files(units: Iterable[UnitView], origins: Iterable[str], options: RenderOptions) -> list[dict[str, Any]]:
    """The units by file, in order, each with the parts of its body."""
    parts = _Parts(origins)
    numbers = itertools.count(1)
    grouped: dict[str, list[UnitView]] = {}
    for unit in units:
        grouped.setdefault(unit.path, []).append(unit)
    return [
        {
            "path": path,
            "anchor": f"f{number}",
            "counts": counted(finding for unit in own for finding in unit.findings),
            "units": [
                {
                    "view": unit,
                    "anchor": f"h{next(numbers)}",
                    "place": f"line {unit.start}" if unit.start == unit.end else f"lines {unit.start}–{unit.end}",  # noqa: RUF001
                    "tag": _tag(unit),
                    "explanation": unit.explanation if options.show_explanations else "",
                    "parts": list(parts.of(unit)),
                }
                for unit in own
            ],
        }
        for number, (path, own) in enumerate(grouped.items(), 1)
    ]


def _tag(unit: UnitView) -> str:
    if unit.status is UnitStatus.NOT_ASKED:
        return "rules and analyzers only"
    return "from cache" if unit.cached else ""


def _start(files: Iterable[dict[str, Any]], review: Review) -> str:
    """The anchor of the hunk where the summary suggests to start; empty where it is not in the report."""
    if review.summary is None:
        return ""
    path, line = view.safe_path(review.summary.path), review.summary.line
    hunks = (unit for file in files if file["path"] == path for unit in file["units"])
    return next((unit["anchor"] for unit in hunks if unit["view"].start <= line <= unit["view"].end), "")


def _tree(files: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The files as nested folders; a folder that only has one other folder is joined with it."""
    top: dict[str, Any] = {}
    for file in files:
        *folders, name = file["path"].split("/")
        inner = top
        for folder in folders:
            inner = inner.setdefault(folder + "/", {})
        inner[name] = file
    return _nodes(top)


def _nodes(folder: Mapping[str, Any]) -> list[dict[str, Any]]:
    nodes = []
    for name, value in folder.items():
        if not name.endswith("/"):
            nodes.append({"name": name, "anchor": value["anchor"], "counts": value["counts"]})
            continue
        while len(value) == 1 and next(iter(value)).endswith("/"):
            ((below, value),) = value.items()  # noqa: PLW2901
            name += below  # noqa: PLW2901
        nodes.append({"name": name.rstrip("/"), "children": _nodes(value)})
    return nodes


class _Parts:
    """Makes the bodies of units.

    Args:
        origins: What reported findings, in the order of the page's filter.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._numbers = {name: number for number, name in enumerate(origins)}
        self._highlighter = Highlighter()

    def of(self, unit: UnitView) -> Iterator[RowsView | dict[str, Any]]:
        """Rows, each finding below its line, and at the end the findings whose line is not shown."""
        left = list(unit.findings)
        rows: list[RowView] = []
        for row in self._rows(unit.language, unit.lines):
            rows.append(row)
            here = [finding for finding in left if finding.line == row.new]
            if here or len(rows) >= _CHUNK:
                yield _runs(rows)
                rows = []
            for finding in here:
                left.remove(finding)
                yield self._finding(finding, unit.language)
        if rows:
            yield _runs(rows)
        for finding in left:
            yield self._finding(finding, unit.language)

    def _rows(self, language: str, lines: Sequence[SourceLine]) -> Iterator[RowView]:
        for line, text in zip(lines, self._highlighter.lines(language, lines), strict=True):
            yield RowView(line.kind, line.old, line.new, Markup(text))  # noqa: S704 - escaped there

    def _finding(self, finding: FindingView, language: str) -> dict[str, Any]:
        suggestion = finding.suggestion
        found = excerpt.suggestion_rows(suggestion) if suggestion is not None else ()
        rows = self._rows(language, [row for row in found if isinstance(row, SourceLine)])
        return {
            "view": finding,
            "numbers": sorted(self._numbers[name] for name in _origins_of(finding)),
            "sources": [{"name": view.named(source), "url": source.url} for source in finding.sources],
            "rows": [next(rows) if isinstance(row, SourceLine) else row for row in found],
            "noun": suggestion.kind.value if suggestion is not None else "",
        }


def _runs(rows: Sequence[RowView]) -> RowsView:
    runs = itertools.groupby(rows, key=lambda row: "same" if row.kind is LineKind.CONTEXT else "change")
    return RowsView(tuple((kind, tuple(run)) for kind, run in runs), len(rows))


def _origins_of(finding: FindingView) -> frozenset[str]:
    return frozenset(_origin(source) for source in finding.sources) or frozenset((finding.source,))


def _origin(source: Source) -> str:
    return "built-in rules" if source.kind is SourceKind.RULE else view.safe(source.name)


def _origins(units: Iterable[UnitView]) -> Mapping[str, int]:
    """What reported the findings, and how many; the most frequent first."""
    counted = Counter(name for unit in units for finding in unit.findings for name in _origins_of(finding))
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def counted(findings: Iterable[FindingView | Finding]) -> list[tuple[str, int]]:
    """The severities that occur, and how often."""
    numbers = Counter(finding.severity for finding in findings)
    return [(severity.value, numbers[severity]) for severity in Severity if numbers[severity]]


def _facts(review: Review, options: RenderOptions) -> Iterator[tuple[str, str]]:
    """How the review was made: names and values for display."""
    usage = review.usage
    yield "Time", summary.timing(review, options)
    if usage.model:
        yield "Model", view.safe(usage.model)
    if usage.engine:
        yield "Engine", view.safe(usage.engine)
    if usage.memory:
        limit = f" of {output.byte_size(usage.memory_limit)} allowed" if usage.memory_limit else ""
        yield "Engine's memory", f"{output.byte_size(usage.memory)}{limit}"
    if usage.requests or usage.cached:
        yield "Answers", f"{usage.requests} from the engine, {usage.cached} from the cache"
    if usage.prompt_tokens or usage.completion_tokens:
        yield "Tokens", f"{usage.prompt_tokens:,} read, {usage.completion_tokens:,} written"
    if review.unavailable is not None:
        yield "Model unavailable", view.safe(review.unavailable.one_line)


def _sizes(files: Iterable[Mapping[str, Any]]) -> tuple[int, ...]:
    """The numbers of rows in the blocks of rows, each once."""
    parts = (part for file in files for unit in file["units"] for part in unit["parts"])
    return tuple(sorted({part.count for part in parts if isinstance(part, RowsView)}))
