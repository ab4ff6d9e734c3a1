"""From records to figures: counts of each case, the measures that are ratios of their sums, and their uncertainty.

Ratios of sums weight a case by its size, and let one pass of the bootstrap serve all measures.
"""

from __future__ import annotations

import dataclasses
import random
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.checking.sentences import sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from reviewer.evaluation.cases import Case
    from reviewer.evaluation.record import Record

Counts = Counter[str]

_DRAWS = 1000
_SEED = 20_240_917
_TAILS = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of the report.

    Attributes:
        key: Its name in JSON.
        title: Its displayed name.
        part, whole: The counts of which it is the ratio.
        minus: A second such pair, whose ratio is subtracted.
        percent: Whether it is a share; else a mean.
    """

    key: str
    title: str
    part: str
    whole: str
    minus: tuple[str, str] | None = None
    percent: bool = True

    def of(self, counts: Counts) -> float | None:
        """Its value; None where the whole is zero."""
        pairs = [(self.part, self.whole), *([self.minus] if self.minus else [])]
        if not all(counts[whole] for _, whole in pairs):
            return None
        first, *rest = (counts[part] / counts[whole] for part, whole in pairs)
        return first - sum(rest)


MEASURES = (
    Measure("units_read", "units read", "read", "units"),
    Measure("valid_first", "valid replies at first try", "valid_first", "first_tries"),
    Measure("on_change", "findings on changed lines", "on_change", "findings"),
    Measure("shown", "findings shown (not marked)", "shown", "findings"),
    Measure("quoted", "quotes that are the text of their line", "quoted", "quotes"),
    Measure("usable_fixes", "fixes that apply, parse and change something", "usable_fixes", "fixes"),
    Measure("recall", "recall: defects with a finding on their lines", "hit", "defects"),
    Measure("precision", "precision: findings that stand on a defect", "true", "shown"),
    Measure("false_alarms", "false alarms: clean changes with a finding", "alarmed", "clean"),
    Measure("skill", "recall over false alarms (0: a guess)", "hit", "defects", minus=("alarmed", "clean")),
    Measure("explained", "units with an explanation that is shown", "explanations", "units"),
    Measure("long", "explanations of more than two sentences", "long", "explanations"),
    Measure("overlap", "words in common with the reference explanation", "overlap", "referenced", percent=False),
    Measure("chance", "the same with those of other cases (chance)", "chance", "referenced", percent=False),
    Measure("proven", "evidence with a proven fix", "proven", "evidence"),
    Measure("requests", "requests for each unit", "requests", "units", percent=False),
    Measure("prompt_tokens", "prompt tokens for each request", "prompt_tokens", "requests", percent=False),
    Measure("completion_tokens", "reply tokens for each request", "completion_tokens", "requests", percent=False),
    Measure("seconds", "seconds for each unit", "seconds", "units", percent=False),
)


EXPLANATION_MEASURES = (
    Measure("units_read", "units read", "read", "units"),
    Measure("explained", "units with an explanation that is shown", "explanations", "units"),
    Measure("long", "explanations of more than two sentences", "long", "explanations"),
    Measure("chrf", "chrF of the explanation with the reference", "chrf", "chrf_of", percent=False),
    Measure(
        "chrf_chance", "the same with the reference of another case (chance)", "chrf_chance", "chrf_of", percent=False
    ),
    Measure("summarised", "changes with a summary that is shown", "summaries", "cases"),
    Measure("chrf_summary", "chrF of the summary with the reference", "chrf_summary", "summaries", percent=False),
    Measure("messages", "changes with a commit message that is shown", "messages", "cases"),
    Measure("chrf_message", "chrF of the commit message with the reference", "chrf_message", "messages", percent=False),
    Measure(
        "message_gain",
        "chrF of commit messages over that of the same changes' first explanations",
        "chrf_message_of_both",
        "both",
        minus=("chrf_first_of_both", "both"),
        percent=False,
    ),
    Measure("prompt_tokens", "prompt tokens for each request", "prompt_tokens", "requests", percent=False),
    Measure("completion_tokens", "reply tokens for each request", "completion_tokens", "requests", percent=False),
    Measure("seconds", "seconds for each unit", "seconds", "units", percent=False),
)
"""What is measured where only explanations are asked for."""

SOURCE_MEASURES = tuple(
    measure for measure in MEASURES if measure.key in {"recall", "precision", "false_alarms", "skill", "proven"}
)
"""What is measured of the findings of one kind of source."""

_SENTENCES = 2


@dataclass(frozen=True, slots=True)
class Figure:
    """The value of one measure, what it was counted from, and its 95% interval."""

    measure: Measure
    value: float | None
    part: float
    whole: float
    interval: tuple[float, float] | None


def score(cases: Sequence[Case], records: Iterable[Record]) -> tuple[Figure, ...]:
    """Compute every measure of findings and explanations for one model's records."""
    references = {case.id: content_words(case.reference) for case in cases if case.reference}
    return _figures(cases, records, MEASURES, lambda case, record: count(case, record, references))


def score_source(cases: Sequence[Case], records: Iterable[Record], kind: str) -> tuple[Figure, ...]:
    """Compute what one kind of source found: ``"rule"``, ``"tool"`` or ``"model"``."""

    def of_source(case: Case, record: Record) -> Counts:
        own = tuple(finding for finding in record.findings if kind in finding.sources)
        return count(case, dataclasses.replace(record, findings=own), {})

    return _figures(cases, records, SOURCE_MEASURES, of_source)


def score_explanations(
    cases: Sequence[Case], records: Iterable[Record], metric: Callable[[str, str], float]
) -> tuple[Figure, ...]:
    """Compare explanations, summaries and commit messages with the references.

    Args:
        cases: What was explained.
        records: One model's.
        metric: Compares a text with a reference, as ``chrf.metric`` does.
    """
    referenced = [case for case in cases if case.reference]
    others = {
        case.id: other.reference for case, other in zip(referenced, [*referenced[1:], *referenced[:1]], strict=True)
    }

    def compared(case: Case, record: Record) -> Counts:
        counts = count(case, record, {})
        counts.update(cases=1)
        if case.id in others:
            counts.update(_compared(record, case.reference, others[case.id], metric))
        return counts

    return _figures(cases, records, EXPLANATION_MEASURES, compared)


def _compared(record: Record, reference: str, other: str, metric: Callable[[str, str], float]) -> Counts:
    counts: Counts = Counter()
    values = {}
    if record.explanations:
        said = " ".join(record.explanations)
        values["chrf"] = metric(said, reference)
        counts["chrf_of"] = 1
        _add(counts, "chrf_chance", metric(said, other))
    if record.summary:
        values["chrf_summary"] = metric(record.summary, reference)
        counts["summaries"] = 1
    if record.message:
        values["chrf_message"] = metric(record.message, reference)
        counts["messages"] = 1
    for name, value in values.items():
        _add(counts, name, value)
    if record.explanations and record.message:
        counts["both"] = 1
        _add(counts, "chrf_message_of_both", values["chrf_message"])
        # What a message without a request of its own could be.
        _add(counts, "chrf_first_of_both", metric(record.explanations[0], reference))
    return counts


def _figures(
    cases: Sequence[Case],
    records: Iterable[Record],
    measures: Sequence[Measure],
    counted: Callable[[Case, Record], Counts],
) -> tuple[Figure, ...]:
    by_id = {case.id: case for case in cases}
    groups: dict[str, Counts] = {}
    for record in records:
        case = by_id[record.case]
        groups.setdefault(case.group, Counter()).update(counted(case, record))
    totals: Counts = Counter()
    for counts in groups.values():
        totals.update(counts)
    bounds = intervals(list(groups.values()), {measure.key: measure.of for measure in measures})
    return tuple(
        Figure(measure, measure.of(totals), totals[measure.part], totals[measure.whole], bounds[measure.key])
        for measure in measures
    )


def count(case: Case, record: Record, references: Mapping[str, frozenset[str]]) -> Counts:
    """Count one record."""
    shown = {(finding.path, finding.line) for finding in record.shown}
    on_defect = [f for f in record.shown if any((f.path, f.line) in defect for defect in case.defects)]
    fixes = [finding.fix for finding in record.findings if finding.fix is not None]
    counts: Counts = Counter(
        units=record.units,
        read=record.read,
        requests=record.requests,
        first_tries=record.requests - record.retried,
        valid_first=record.requests - 2 * record.retried,
        findings=len(record.findings),
        on_change=sum((finding.path, finding.line) in case.anchors for finding in record.findings),
        quotes=sum(finding.quoted is not None for finding in record.findings),
        quoted=sum(finding.quoted is True for finding in record.findings),
        shown=len(record.shown),
        true=len(on_defect),
        fixes=len(fixes),
        usable_fixes=sum(not marks for marks in fixes),
        defects=len(case.defects),
        hit=sum(bool(shown & defect) for defect in case.defects),
        clean=int(case.clean),
        alarmed=int(case.clean and bool(shown)),
        evidence=sum(set(finding.sources) != {"model"} for finding in record.shown),
        proven=sum(finding.proven for finding in record.shown if set(finding.sources) != {"model"}),
        explanations=len(record.explanations),
        long=sum(sentences(text) > _SENTENCES for text in record.explanations),
        prompt_tokens=record.prompt_tokens,
        completion_tokens=record.completion_tokens,
    )
    _add(counts, "seconds", record.seconds)
    if case.id in references:
        said = content_words(" ".join((*record.explanations, *(finding.message for finding in record.shown))))
        others = [words for name, words in references.items() if name != case.id]
        _add(counts, "overlap", overlap(said, references[case.id]))
        _add(counts, "chance", sum(overlap(said, words) for words in others) / max(1, len(others)))
        counts["referenced"] = 1
    return counts


def intervals(
    groups: Sequence[Counter[str]],
    measures: Mapping[str, Callable[[Counter[str]], float | None]],
    *,
    draws: int = _DRAWS,
    seed: int = _SEED,
) -> dict[str, tuple[float, float] | None]:
    """The 95% interval of each measure: percentile bootstrap over groups of cases.

    A bug, its fix and all repetitions are one group, so they are drawn together. Efron and Tibshirani, An Introduction
    to the Bootstrap, chapter 13.

    Args:
        groups: The counts of each group; a measure is a function of sums of these.
        measures: Each returns None where its sums give no figure, such as the precision of no findings.
        draws: Number of draws, each of as many groups as there are, with replacement.
        seed: The same seed gives the same intervals.

    Returns:
        Lower and upper bound by measure; None where fewer than half of the draws give a figure.
    """
    random_ = random.Random(seed)  # noqa: S311 - statistics, not secrets
    values: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(draws if groups else 0):
        totals: Counter[str] = Counter()
        for index, times in Counter(random_.choices(range(len(groups)), k=len(groups))).items():
            for name, count in groups[index].items():
                totals[name] += count * times
        for name, measure in measures.items():
            value = measure(totals)
            if value is not None:
                values[name].append(value)
    return {name: _percentiles(sorted(found)) if 2 * len(found) > draws else None for name, found in values.items()}


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    low, high = (values[min(len(values) - 1, int(tail * len(values)))] for tail in _TAILS)
    return low, high


def _add(counts: Counts, name: str, value: float) -> None:
    """Add a fraction: counters hold them, although they are annotated with int."""
    counts.update({name: value})


_WORD = re.compile(r"[A-Za-z]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_STOP = frozenset(
    re.findall(
        r"\w+",
        """a an and are as at be been but by can does for from has have if in into is it its no not now of on or so
        than that the their them then there they this to was when where which while will with""",
    )
)


def content_words(text: str) -> frozenset[str]:
    """The content words in lower case; names are split at humps and underscores, plurals lose their s."""
    words = (part.lower() for word in _WORD.findall(text) for part in _HUMP.split(word))
    return frozenset(word.removesuffix("s") for word in words if word not in _STOP and len(word) > 1)


def overlap(said: frozenset[str], reference: frozenset[str]) -> float:
    """Share of words in common, the F1 of both directions (ROUGE-1 over sets; Lin 2004): 0 to 1."""
    if not said or not reference:
        return 0.0
    return 2 * len(said & reference) / (len(said) + len(reference))
