"""Judged findings as counts, so that the bootstrap serves them too: ``right@0.812`` once, ``wrong@0.400`` twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.evaluation import platt

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

_RIGHT, _WRONG = "right@", "wrong@"


def judged(value: float, *, right: bool) -> str:
    """The name under which a finding of that confidence, or logit, is counted."""
    return f"{_RIGHT if right else _WRONG}{value:.3f}"


def auc(counts: Counter[str]) -> float | None:
    """How often a right one is above a wrong one; None without any of either."""
    return platt.auc(list(_values(counts, _RIGHT)), list(_values(counts, _WRONG)))


def error(counts: Counter[str]) -> float | None:
    """The calibration error of confidences; None without any."""
    right, wrong = list(_values(counts, _RIGHT)), list(_values(counts, _WRONG))
    if not right and not wrong:
        return None
    return platt.calibration_error([*right, *wrong], [True] * len(right) + [False] * len(wrong))


def _values(counts: Counter[str], prefix: str) -> Iterator[float]:
    for name, count in counts.items():
        if name.startswith(prefix):
            yield from [float(name.removeprefix(prefix))] * count
