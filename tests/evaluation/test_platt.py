from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from reviewer.checking.calibration import sigmoid
from reviewer.evaluation import platt, ranking
from reviewer.evaluation.platt import Example


def drawn(slope: float, intercept: float, count: int, seed: int = 1) -> list[Example]:
    """Examples of a model that is right as often as the line says."""
    random_ = random.Random(seed)
    logits = [random_.gauss(0, 2) for _ in range(count)]
    return [Example(x, random_.random() < sigmoid(slope * x + intercept), f"g{n}") for n, x in enumerate(logits)]


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, -1.0), (2.0, 1.0)])
def test_the_line_that_the_examples_were_drawn_from_is_found(slope: float, intercept: float) -> None:
    assert platt.fit(drawn(slope, intercept, 4000)) == pytest.approx((slope, intercept), abs=0.15)


def test_no_other_line_is_likelier() -> None:
    examples = drawn(0.7, -0.3, 60)
    right = sum(example.right for example in examples)
    high, low = (right + 1) / (right + 2), 1 / (len(examples) - right + 2)

    def loss(slope: float, intercept: float) -> float:
        said = [(sigmoid(slope * e.logit + intercept), high if e.right else low) for e in examples]
        return -sum(t * math.log(p) + (1 - t) * math.log(1 - p) for p, t in said)

    slope, intercept = platt.fit(examples)
    best = loss(slope, intercept)
    for by in (-1e-3, 1e-3):
        assert loss(slope + by, intercept) > best
        assert loss(slope, intercept + by) > best


@pytest.mark.parametrize(
    "examples",
    [
        [Example(5.0, True, "a"), Example(-5.0, False, "b")],  # separable: a line without smoothing has no end
        [Example(1000.0, True, "a"), Example(-1000.0, False, "b")] * 20,
        [Example(1.0, True, "a")] * 5,
        [Example(0.0, n % 2 > 0, "a") for n in range(10)],
    ],
)
def test_the_fit_has_an_end(examples: list[Example]) -> None:
    slope, intercept = platt.fit(examples)
    assert math.isfinite(slope)
    assert math.isfinite(intercept)
    assert 0 <= sigmoid(slope * examples[0].logit + intercept) < 1 or examples[0].logit > 100


def test_smoothing_keeps_a_few_examples_from_certainty() -> None:
    slope, intercept = platt.fit([Example(2.0, True, str(n)) for n in range(4)] + [Example(-2.0, False, "x")] * 4)
    assert sigmoid(slope * 2.0 + intercept) == pytest.approx(5 / 6, abs=0.01)  # (4 + 1) / (4 + 2)


def test_a_fold_is_judged_by_the_others() -> None:
    # One group that contradicts all others: fitted with it, its own probability would be higher.
    examples = [Example(x, x > 0, f"g{n}") for n, x in enumerate([-2.0, -1.5, -1.0, 1.0, 1.5, 2.0] * 3)]
    odd = [Example(3.0, False, "odd")] * 6
    *_, held_out = platt.cross_validated([*examples, *odd])
    slope, intercept = platt.fit([*examples, *odd])
    assert held_out > sigmoid(slope * 3.0 + intercept)


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ([2.0, 3.0], [0.0, 1.0], 1.0),
        ([1.0], [1.0], 0.5),
        ([0.0], [1.0, 2.0], 0.0),
        ([1, 3], [2], 0.5),
        ([], [1.0], None),
    ],
)
def test_auc(right: list[float], wrong: list[float], expected: float | None) -> None:
    assert platt.auc(right, wrong) == expected


def test_losses() -> None:
    assert platt.log_loss([0.5, 0.5], [True, False]) == pytest.approx(math.log(2))
    assert platt.log_loss([1.0], [False]) > 20
    # Two bins: 0.9 said, half of it true; 0.1 said, none of it true.
    assert platt.calibration_error([0.9, 0.9, 0.1, 0.1], [True, False, False, False]) == pytest.approx(0.25)
    assert platt.calibration_error([1.0, 0.0], [True, False]) == 0


def test_judged_findings_as_counts() -> None:
    counts = Counter(hit=3)
    for value, right in [(0.9, True), (0.9, True), (0.2, False), (0.95, False)]:
        counts[ranking.judged(value, right=right)] += 1
    assert ranking.auc(counts) == pytest.approx(0.5)
    assert ranking.error(counts) == pytest.approx(
        platt.calibration_error([0.9, 0.9, 0.95, 0.2], [True, True, False, False])
    )
    assert ranking.auc(counts + counts) == pytest.approx(0.5)
    assert ranking.auc(Counter(hit=1)) is ranking.error(Counter(hit=1)) is None
