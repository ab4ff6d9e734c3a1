"""Several samples of one answer, counted: what most of them find is less likely a whim of the one that was drawn.

Wang et al., Self-Consistency Improves Chain of Thought Reasoning in Language Models (2022), for findings instead of
final answers.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reviewer.finding import Finding

_Key = tuple[str, int, int]


def merge(samples: Sequence[Sequence[Finding]]) -> tuple[Finding, ...]:
    """Make one list of the findings of all samples, each with the share of samples that have it.

    Two findings are the same when they share line and fingerprint, which the category is a part of. Of the same ones
    the first that is shown stays: the earliest sample is the likeliest. Only samples that would show it count for it.

    Args:
        samples: The checked findings of each sample that could be read; a single one is left as it is.
    """
    if len(samples) < 2:  # noqa: PLR2004 - one voice is no vote
        return tuple(finding for sample in samples for finding in sample)
    found: dict[_Key, list[Finding]] = {}
    for sample in samples:
        for key, finding in _keyed(sample):
            found.setdefault(key, []).append(finding)
    return tuple(_elected(same, len(samples)) for same in found.values())


def _keyed(sample: Iterable[Finding]) -> Iterable[tuple[_Key, Finding]]:
    """Each finding with its key; one that a sample tells twice has two, so that it does not vote twice."""
    told: Counter[tuple[str, int]] = Counter()
    for finding in sample:
        place = (finding.fingerprint, finding.line)
        yield (*place, told[place]), finding
        told[place] += 1


def _elected(same: Sequence[Finding], samples: int) -> Finding:
    shown = [finding for finding in same if finding.shown]
    return dataclasses.replace((shown or same)[0], agreement=len(shown or same) / samples)
