"""The report of an evaluation as values, for every renderer: each model's figures, also by kind of case."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.asking import skill
from reviewer.evaluation.scoring import Figure, count, score, score_explanations, score_source
from reviewer.finding import SourceKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reviewer.evaluation.cases import Case
    from reviewer.evaluation.record import Record

MIN_CASES = 40
"""Fewer cases say too little about a model's skill."""


@dataclass(frozen=True, slots=True)
class Row:
    """The main counts of one language, or one kind of case."""

    name: str
    defects: int
    hit: int
    clean: int
    alarmed: int


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One model's results.

    Attributes:
        figures: Of all findings and explanations together.
        sources: The figures of each kind of source, of the model itself also where it found nothing.
    """

    model: str
    weights: str
    records: tuple[Record, ...]
    figures: tuple[Figure, ...]
    sources: tuple[tuple[str, tuple[Figure, ...]], ...]
    languages: tuple[Row, ...]
    kinds: tuple[Row, ...]

    @property
    def reviewed(self) -> int:
        """How many of the cases it has reviewed."""
        return len({record.case for record in self.records})

    def record_skill(self) -> None:
        """Record what was measured of the model's own findings, so that reviews know whether to report them.

        Nothing is recorded for fewer than ``MIN_CASES`` cases, or where either kind of case is missing.
        """
        figures = {figure.measure.key: figure for figure in dict(self.sources)[SourceKind.MODEL]}
        measured, alarms = figures["skill"], figures["false_alarms"]
        if self.reviewed >= MIN_CASES and measured.interval is not None and alarms.value is not None:
            skill.record(self.model, self.weights, skill_low=measured.interval[0], false_alarms=alarms.value)


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """The results of all models on one set of cases."""

    title: str
    cases: tuple[Case, ...]
    models: tuple[ModelReport, ...]


def make_report(
    title: str,
    cases: Sequence[Case],
    records: Iterable[Record],
    *,
    metric: Callable[[str, str], float] | None = None,
) -> EvaluationReport:
    """Score each model, in the order of their first records.

    Args:
        title: The name of the cases.
        cases: What was reviewed.
        records: The results.
        metric: Compares explanations with their references; with it, nothing but explanations is scored.
    """
    by_model: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        by_model.setdefault((record.model, record.weights), []).append(record)
    models = tuple(_model_report(name, weights, cases, own, metric) for (name, weights), own in by_model.items())
    return EvaluationReport(title, tuple(cases), models)


def _model_report(
    model: str,
    weights: str,
    cases: Sequence[Case],
    records: Sequence[Record],
    metric: Callable[[str, str], float] | None,
) -> ModelReport:
    by_id = {case.id: case for case in cases}
    found = {kind for record in records for finding in record.findings for kind in finding.sources}
    kinds = () if metric else [kind for kind in SourceKind if kind in found or kind is SourceKind.MODEL]
    return ModelReport(
        model,
        weights,
        tuple(records),
        score(cases, records) if metric is None else score_explanations(cases, records, metric),
        tuple((str(kind), score_source(cases, records, kind)) for kind in kinds),
        () if metric else _rows(by_id, records, lambda case: case.language),
        () if metric else _rows(by_id, records, lambda case: case.kind),
    )


def _rows(by_id: dict[str, Case], records: Sequence[Record], name: Callable[[Case], str]) -> tuple[Row, ...]:
    sums: dict[str, Counter[str]] = {}
    for record in records:
        case = by_id[record.case]
        if name(case):
            sums.setdefault(name(case), Counter()).update(count(case, record, {}))
    return tuple(
        Row(key, found["defects"], found["hit"], found["clean"], found["alarmed"])
        for key, found in sorted(sums.items())
    )
