"""Rules for the arguments and variables of a stage."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Fault
from reviewer.evidence.stages.instructions import ASSIGNED
from reviewer.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.evidence.stages.instructions import Instruction, Span, Stage

_USED = re.compile(r"\$\{?([A-Za-z_]\w*)")
_SET_BY_SHELL = re.compile(r"(?:^|[\s;&(])([A-Za-z_]\w*)=|\b(?:for|read)\s+([A-Za-z_]\w*)")
# Arguments that every stage knows.
_GIVEN = re.compile(r"(?:HTTPS?|FTP|NO|ALL)_PROXY|(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)", re.IGNORECASE)
_ARGUMENT = Fault(
    "dockerfile-argument-of-other-stage",
    "An ARG before the first FROM holds for FROM alone, so the variable is empty here; declare it again in the stage.",
    "https://docs.docker.com/reference/dockerfile/#understand-how-arg-and-from-interact",
    Severity.ERROR,
)
_LOST_ARGUMENT = Fault(
    "dockerfile-argument-lost",
    "An ARG ends with its stage, so the variable is empty here; declare it again in this stage.",
    "https://docs.docker.com/reference/dockerfile/#scope",
    Severity.ERROR,
)


def faults(stage: Stage, arguments: dict[str, Instruction], before: list[Stage]) -> Iterator[tuple[Fault, Span]]:
    """Report variables that are empty in a stage.

    Args:
        stage: The stage.
        arguments: Those before the first stage.
        before: The stages above it.
    """
    known: set[str] = set()
    for names in _inherited(stage, before):
        known |= names
    elsewhere = {name for one in before for argument in one.all("ARG") for name in ASSIGNED.findall(argument.rest)}
    for one in stage.instructions:
        if one.word in ("ARG", "ENV"):
            known |= set(ASSIGNED.findall(one.rest))
        own = {name for pair in _SET_BY_SHELL.findall(one.rest) for name in pair}
        for used in _USED.finditer(one.rest):
            name = used[1]
            if (
                name in known
                or name in own
                or _GIVEN.fullmatch(name)
                or one.word in ("CMD", "ENTRYPOINT", "HEALTHCHECK")
            ):
                continue
            known.add(name)  # once is enough
            if name in arguments:
                yield _ARGUMENT, one.place(used)
            elif name in elsewhere:
                yield _LOST_ARGUMENT, one.place(used)


def _inherited(stage: Stage, before: list[Stage]) -> Iterator[set[str]]:
    """Yield the names that the stages below a stage leave to it."""
    parents = {one.name.lower(): one for one in before if one.name}
    current = parents.get(stage.base.lower())
    while current is not None:
        yield {name for one in current.all("ENV", "ARG") for name in ASSIGNED.findall(one.rest)}
        del parents[current.name.lower()]
        current = parents.get(current.base.lower())
