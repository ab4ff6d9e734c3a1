"""What ``reviewer eval --explanations`` measures, and the figures by source."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from reviewer.errors import UsageError
from reviewer.evaluation import chrf
from reviewer.evaluation.report import make_report
from reviewer.evaluation.scoring import score_explanations, score_source
from tests.evaluation.samples import bug, fix, found, record

if TYPE_CHECKING:
    from reviewer.evaluation.record import Found
    from reviewer.evaluation.scoring import Figure

ONE = bug("one", group="one", reference="Return 0 for an empty list")
TWO = bug("two", group="two", reference="Read the port from the settings")


def _values(figures: tuple[Figure, ...]) -> dict[str, float | None]:
    return {figure.measure.key: figure.value for figure in figures}


def _of(kind: str, *, proven: bool = False, line: int = 1) -> Found:
    import dataclasses

    return dataclasses.replace(found(line), sources=(kind,), proven=proven)


def test_a_text_is_nearer_to_its_own_reference_than_to_another() -> None:
    records = [
        record(ONE, explanations=("Returns 0 for an empty list.",), message="Return 0 for an empty list"),
        record(TWO, explanations=("Reads the port from the settings. One. Two.",), message="Change things"),
    ]
    got = _values(score_explanations([ONE, TWO], records, chrf.metric()))
    assert got["explained"] == 1
    assert got["long"] == 0.5
    assert (got["chrf"] or 0) > 2 * (got["chrf_chance"] or 100)
    assert got["messages"] == 1
    assert (got["message_gain"] or 0) < 0


def test_what_has_no_text_is_silent_and_not_near_nor_far() -> None:
    got = _values(score_explanations([ONE], [record(ONE, explanations=())], chrf.metric()))
    assert (got["explained"], got["messages"], got["chrf"], got["message_gain"]) == (0, 0, None, None)


def test_without_sacrebleu_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.chrf", None)
    with pytest.raises(UsageError) as raised:
        chrf.metric()
    assert "vllm-reviewer[eval]" in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("rule", {"recall": 1, "precision": 1, "false_alarms": 0, "proven": 1}),
        ("tool", {"recall": 0, "precision": 0, "false_alarms": 1, "proven": 0}),
        ("model", {"recall": 0, "precision": None, "false_alarms": 0, "proven": None}),
    ],
)
def test_each_kind_of_source_counts_for_itself(kind: str, expected: dict[str, Any]) -> None:
    line = min(line for defect in bug().defects for _, line in defect)
    records = [record(bug(), _of("rule", proven=True, line=line)), record(fix(), _of("tool", line=line))]
    assert {key: _values(score_source([bug(), fix()], records, kind))[key] for key in expected} == expected


def test_evidence_gives_the_model_no_skill(monkeypatch: pytest.MonkeyPatch) -> None:
    from reviewer.asking import skill

    recorded: list[float] = []
    monkeypatch.setattr(skill, "record", lambda *_, skill_low, false_alarms: recorded.extend((skill_low, false_alarms)))
    cases = [bug(f"b{n}", group=f"b{n}") for n in range(30)] + [fix(f"f{n}", group=f"f{n}") for n in range(30)]
    line = min(line for defect in bug().defects for _, line in defect)
    records = [record(case, *([] if case.clean else [_of("rule", line=line)])) for case in cases]
    (model,) = make_report("cases", cases, records).models
    model.record_skill()
    assert recorded == [0.0, 0.0]
