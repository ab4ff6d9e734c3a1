"""How sure a figure is: percentile bootstrap over groups of cases.

Cases are what was drawn from all the changes there could be, so cases are what is drawn anew, a bug together with its
fix and with all repetitions. Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


DRAWS = 1000
SEED = 20_240_917
_TAILS = (0.025, 0.975)


def intervals(
    groups: Sequence[Counter[str]],
    measures: Mapping[str, Callable[[Counter[str]], float | None]],
    *,
    draws: int = DRAWS,
    seed: int = SEED,
) -> dict[str, tuple[float, float] | None]:
    """The 95% interval of each measure.

    Args:
        groups: What was counted in each group; a measure is a function of sums of these.
        measures: Each returns None where its sums give no figure, such as the precision of no findings.
        draws: How often to draw as many groups as there are, with replacement.
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
