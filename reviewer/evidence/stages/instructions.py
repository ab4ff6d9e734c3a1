"""Splits a Dockerfile into stages and their instructions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

Span = tuple[int, int]
_INSTRUCTION = re.compile(r"^[^\S\n]*([A-Za-z]+)[^\S\n]+((?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)
_WORDS = frozenset(
    {
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "RUN",
        "SHELL",
        "USER",
        "VOLUME",
    }
    | {"LABEL", "STOPSIGNAL", "WORKDIR"}
)
_LONGEST = 4000  # characters of an instruction
_MOST = 400  # instructions
_FROM = re.compile(r"(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE)
ASSIGNED = re.compile(r"(?:^|\s)([A-Za-z_]\w*)(?==|\s|$)")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, with what follows its word and where that begins in the file."""

    word: str
    rest: str
    start: int

    def place(self, found: re.Match[str] | None = None) -> Span:
        """Where the match in ``rest`` stands in the file, or the instruction's first line."""
        if found is None:
            return self.start, self.start + len(self.rest.split("\n", 1)[0])
        return self.start + found.start(), self.start + found.end()


@dataclass(slots=True)
class Stage:
    """One stage: the image that it starts from, its name, and its instructions."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, *words: str) -> list[Instruction]:
        """Return the instructions with one of the words."""
        return [one for one in self.instructions if one.word in words]


def parsed(text: str) -> tuple[dict[str, Instruction], list[Stage]]:
    """Split a file into the arguments before the first stage, and the stages."""
    arguments: dict[str, Instruction] = {}
    stages: list[Stage] = []
    count = 0
    for found in _INSTRUCTION.finditer(text):
        word = found[1].upper()
        if word not in _WORDS or len(found[2]) > _LONGEST:
            continue
        count += 1
        if count > _MOST:
            break
        one = Instruction(word, found[2], found.start(2))
        if word == "FROM":
            named = _FROM.match(one.rest)
            stages.append(Stage(named[1] if named else "", (named[2] or "") if named else ""))
        elif stages:
            stages[-1].instructions.append(one)
        elif word == "ARG":
            arguments |= dict.fromkeys(ASSIGNED.findall(one.rest), one)
    return arguments, stages
