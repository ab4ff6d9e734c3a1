"""The rules for Dockerfiles that compare several instructions of a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.evidence.stages import images, order, variables
from reviewer.evidence.stages.instructions import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.evidence.diagnostic import Fault
    from reviewer.evidence.stages.instructions import Span


def faults(text: str) -> Iterator[tuple[Fault, Span]]:
    """Report what is wrong between the instructions of a Dockerfile without comments.

    Args:
        text: The file, with its comments replaced by spaces.

    Yields:
        The rule and the place, as offsets in ``text``.
    """
    arguments, stages = parsed(text)
    for number, stage in enumerate(stages):
        before = stages[:number]
        yield from variables.faults(stage, arguments, before)
        yield from order.faults(stage)
        yield from images.faults(stage, before, last=number == len(stages) - 1)
