"""A line through logits, and how much it helps: fit, rank, calibration error. Pure, and small enough to read.

Platt (1999), Probabilistic Outputs for Support Vector Machines, with his smoothed targets; solved by Newton's method as
in Lin, Lin and Weng (2007), A Note on Platt's Probabilistic Outputs.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.checking.calibration import sigmoid

if TYPE_CHECKING:
    from collections.abc import Sequence

_STEPS = 100
_RIDGE = 1e-9  # keeps the Hessian invertible where all logits are the same
_ENOUGH = 1e-10
_FOLDS = 5
_BINS = 10


@dataclass(frozen=True, slots=True)
class Example:
    """One answer to the second opinion whose truth is known.

    Attributes:
        logit: ln P(yes) - ln P(no).
        right: Whether yes was the right answer.
        group: Examples of one origin share it; they are never on both sides of a cross-validation.
    """

    logit: float
    right: bool
    group: str


def fit(examples: Sequence[Example]) -> tuple[float, float]:
    """Slope and intercept of P(right) = sigmoid(slope * logit + intercept), the likeliest ones for smoothed targets.

    The targets are (n1 + 1) / (n1 + 2) for the n1 right ones and 1 / (n0 + 2) for the n0 others, not 1 and 0: so a
    handful of examples that happen to be separable gives no certainty.
    """
    right = sum(example.right for example in examples)
    high, low = (right + 1) / (right + 2), 1 / (len(examples) - right + 2)
    points = [(example.logit, high if example.right else low) for example in examples]
    slope, intercept = 0.0, math.log((right + 1) / (len(examples) - right + 1))
    loss = _loss(points, slope, intercept)
    for _ in range(_STEPS):
        down, across = _newton(points, slope, intercept)
        step = 1.0
        while step > _ENOUGH:
            new = _loss(points, slope + step * down, intercept + step * across)
            if new < loss:
                break
            step /= 2
        else:
            break
        slope, intercept, gained, loss = slope + step * down, intercept + step * across, loss - new, new
        if gained < _ENOUGH:
            break
    return slope, intercept


def cross_validated(examples: Sequence[Example], folds: int = _FOLDS) -> list[float]:
    """For each example the probability by a line that was fitted without its fold."""
    groups = sorted({example.group for example in examples}, key=lambda name: hashlib.sha256(name.encode()).digest())
    fold_of = {group: number % folds for number, group in enumerate(groups)}
    lines = [fit([one for one in examples if fold_of[one.group] != fold] or examples) for fold in range(folds)]
    return [
        sigmoid(slope * example.logit + intercept)
        for example in examples
        for slope, intercept in (lines[fold_of[example.group]],)
    ]


def auc(right: Sequence[float], wrong: Sequence[float]) -> float | None:
    """How often one of the first is above one of the second, ties by half; None without any of either.

    Hanley and McNeil (1982), The Meaning and Use of the Area under a Receiver Operating Characteristic Curve.
    """
    if not right or not wrong:
        return None
    above = sum((one > other) + 0.5 * (one == other) for one in right for other in wrong)
    return above / (len(right) * len(wrong))


def log_loss(probabilities: Sequence[float], right: Sequence[bool]) -> float:
    """Mean of -ln P(what is true); ln 2 is that of a coin."""
    said = (p if true else 1 - p for p, true in zip(probabilities, right, strict=True))
    return -sum(math.log(max(p, 1e-12)) for p in said) / len(right)


def calibration_error(probabilities: Sequence[float], right: Sequence[bool]) -> float:
    """Mean distance, weighted by count, of the probability from the share that is right, over ten equal bins (ECE).

    Guo et al. (2017), On Calibration of Modern Neural Networks.
    """
    bins: dict[int, list[tuple[float, bool]]] = {}
    for p, true in zip(probabilities, right, strict=True):
        bins.setdefault(min(_BINS - 1, int(p * _BINS)), []).append((p, true))
    return sum(abs(sum(p for p, _ in one) - sum(true for _, true in one)) for one in bins.values()) / len(right)


def _loss(points: Sequence[tuple[float, float]], slope: float, intercept: float) -> float:
    """The sum of the cross-entropies, written so that neither end overflows."""
    total = 0.0
    for logit, target in points:
        z = slope * logit + intercept
        total += max(z, 0.0) - z * target + math.log1p(math.exp(-abs(z)))
    return total


def _newton(points: Sequence[tuple[float, float]], slope: float, intercept: float) -> tuple[float, float]:
    """The step of Newton's method for slope and intercept."""
    g_slope = g_intercept = 0.0
    h_slope = h_intercept = _RIDGE
    h_both = 0.0
    for logit, target in points:
        p = sigmoid(slope * logit + intercept)
        g_slope += (p - target) * logit
        g_intercept += p - target
        weight = p * (1 - p)
        h_slope += weight * logit * logit
        h_both += weight * logit
        h_intercept += weight
    determinant = h_slope * h_intercept - h_both * h_both
    return (
        -(h_intercept * g_slope - h_both * g_intercept) / determinant,
        -(h_slope * g_intercept - h_both * g_slope) / determinant,
    )
