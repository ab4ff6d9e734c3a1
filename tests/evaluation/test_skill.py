"""What an evaluation records decides whether reviews report a model's own claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reviewer.asking import skill
from reviewer.engine.profile import ModelProfile
from reviewer.evaluation.report import MIN_CASES, make_report
from tests.evaluation.samples import bug, fix, found, record

if TYPE_CHECKING:
    from reviewer.evaluation.record import Record

PROFILE = ModelProfile("tiny", "w1", 4096)


def evaluate(count: int, *, hits: int, alarms: int) -> None:
    bugs = [bug(f"bug{number}") for number in range(count // 2)]
    clean = [fix(f"fix{number}") for number in range(count - count // 2)]
    records: list[Record] = [record(case, *([found()] if at < hits else [])) for at, case in enumerate(bugs)]
    records += [record(case, *([found()] if at < alarms else [])) for at, case in enumerate(clean)]
    for model in make_report("set", [*bugs, *clean], records).models:
        model.record_skill()


@pytest.mark.parametrize(
    ("count", "hits", "alarms", "asked"),
    [
        (MIN_CASES, 15, 0, True),
        (MIN_CASES, 15, 4, False),  # one clean change in five
        (MIN_CASES, 1, 1, False),  # no better than a guess
        (MIN_CASES - 2, 15, 0, False),  # too few to say
    ],
)
def test_only_skill_that_was_measured_counts(count: int, hits: int, alarms: int, *, asked: bool) -> None:
    evaluate(count, hits=hits, alarms=alarms)
    assert skill.finds("auto", PROFILE) is asked
    assert skill.finds("auto", ModelProfile("tiny", "other weights", 4096)) is False


def test_a_later_evaluation_replaces_an_earlier_one() -> None:
    evaluate(MIN_CASES, hits=15, alarms=0)
    evaluate(MIN_CASES, hits=15, alarms=6)
    assert skill.finds("auto", PROFILE) is False
