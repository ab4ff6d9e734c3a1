from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from reviewer.evaluation.scoring import MEASURES, content_words, count, intervals, overlap, score
from tests.evaluation.samples import PATH, bug, fix, found, record

BUG, FIX = bug(), fix()


def values(*records: Any) -> dict[str, float | None]:
    return {figure.measure.key: figure.value for figure in score([BUG, FIX], records)}


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        # a perfect reviewer
        ([record(BUG, found()), record(FIX)], {"recall": 1, "precision": 1, "false_alarms": 0, "skill": 1}),
        # one that always complains knows nothing
        (
            [record(BUG, found()), record(FIX, found())],
            {"recall": 1, "precision": 0.5, "false_alarms": 1, "skill": 0},
        ),
        # one that never says anything neither
        ([record(BUG), record(FIX)], {"recall": 0, "precision": None, "false_alarms": 0, "skill": 0}),
        # what is marked is not shown, and does not count
        (
            [record(BUG, found(marks=("echo",))), record(FIX, found(marks=("echo",)))],
            {"recall": 0, "precision": None, "false_alarms": 0, "shown": 0, "on_change": 1},
        ),
        # two findings on one defect find it once
        ([record(BUG, found(), found())], {"recall": 1, "precision": 1, "false_alarms": None, "skill": None}),
        # beside the defect
        ([record(BUG, found(2))], {"recall": 0, "precision": 0, "on_change": 0}),
        ([record(BUG, units=4, read=3, requests=6, retried=2)], {"units_read": 0.75, "valid_first": 0.5}),
        ([record(BUG, units=2, read=0, requests=0)], {"units_read": 0, "valid_first": None, "prompt_tokens": None}),
        (
            [record(BUG, found(fixed=()), found(fixed=("does-not-parse",)), found())],
            {"usable_fixes": 0.5},
        ),
        ([record(BUG), record(BUG, seconds=2.5, requests=3)], {"seconds": 2.0, "requests": 2.0, "prompt_tokens": 250}),
    ],
)
def test_measures(records: list[Any], expected: dict[str, float | None]) -> None:
    got = values(*records)
    assert {key: got[key] for key in expected} == pytest.approx(expected)


def test_each_defect_counts_for_itself() -> None:
    two = bug(defects=(frozenset({(PATH, 3)}), frozenset({(PATH, 2), (PATH, 1)})))
    counts = count(two, record(two, found(1)), {})
    assert (counts["hit"], counts["defects"], counts["true"]) == (1, 2, 1)


def test_a_line_of_another_file_is_no_hit() -> None:
    other = bug(defects=(frozenset({("other.py", 3)}),))
    assert count(other, record(other, found(3)), {})["hit"] == 0


@pytest.mark.parametrize(
    ("said", "reference", "expected"),
    [
        ("the empty list", "an empty list", 1.0),
        ("readValues of a file_name", "Reads values: file, name", 1.0),
        ("one thing", "another matter", 0.0),
        ("", "empty list", 0.0),
        ("empty list guard crash", "empty list", 2 * 2 / 6),
    ],
)
def test_word_overlap(said: str, reference: str, expected: float) -> None:
    assert overlap(content_words(said), content_words(reference)) == pytest.approx(expected)


def test_the_overlap_stands_beside_that_of_chance() -> None:
    other = bug("other", reference="A thread never releases its lock.", group="other")
    own = record(BUG, explanations=("The average of an empty list divides by zero.",))
    got = {figure.measure.key: figure.value for figure in score([BUG, other], [own])}
    assert got["overlap"] == pytest.approx(1)
    assert got["chance"] == pytest.approx(0)


def test_the_interval_is_the_same_each_time_and_holds_the_value() -> None:
    groups = [Counter(hit=n % 3 > 0, defects=1) for n in range(30)]
    recall = {"recall": next(measure for measure in MEASURES if measure.key == "recall").of}
    first = intervals(groups, recall)
    assert intervals(groups, recall) == first
    assert first["recall"] is not None
    low, high = first["recall"]
    # The normal approximation of a share of 2/3 in 30 draws: 0.667 ± 1.96 · 0.086.
    assert low == pytest.approx(0.50, abs=0.05)
    assert high == pytest.approx(0.83, abs=0.05)
    assert intervals(groups, recall, seed=7, draws=50) != intervals(groups, recall, seed=8, draws=50)


def test_more_cases_give_a_narrower_interval() -> None:
    def width(size: int) -> float:
        bounds = intervals([Counter(part=n % 2, whole=1) for n in range(size)], {"m": lambda c: c["part"] / c["whole"]})
        assert bounds["m"] is not None
        return bounds["m"][1] - bounds["m"][0]

    assert width(200) < width(20) / 2


@pytest.mark.parametrize("groups", [[], [Counter(part=0, whole=0)]])
def test_no_figure_has_no_interval(groups: list[Counter[str]]) -> None:
    assert intervals(groups, {"m": lambda c: c["part"] / c["whole"] if c["whole"] else None}) == {"m": None}


def test_a_bug_and_its_fix_are_drawn_together() -> None:
    pair = [bug("b", group="g"), fix("f", group="g")]
    figures = score(pair, [record(pair[0], found()), record(pair[1])])
    skill = next(figure for figure in figures if figure.measure.key == "skill")
    assert skill.interval == (1, 1)  # drawn apart, half of the draws would lack one side
