"""Finds functions line by line in Swift, whose grammar is not packaged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reviewer.syntax import Function
from reviewer.unfinished.placeholders import stands_alone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SWIFT: Final = re.compile(r"^(?P<indent>\s*)(?P<signature>(?:[@\w]+\s+)*func\s+(?P<name>[\w]+).*?)\{\s*(?P<rest>.*)$")
_MAX_BODY: Final = 12  # lines of a placeholder
_MAX_LINE: Final = 1000


def functions_by_line(language: str, lines: Sequence[str]) -> tuple[Function, ...]:
    """Return the functions that are short enough to be unfinished; none in other languages."""
    return tuple(_short_functions(language, lines)) if language == "swift" else ()


def _short_functions(language: str, lines: Sequence[str]) -> Iterator[Function]:
    for index, line in enumerate(lines):
        match = _SWIFT.match(line.rstrip()) if "{" in line and len(line) <= _MAX_LINE else None
        if match is None:
            continue
        end = index if match["rest"].endswith("}") else _closing(lines, index, match["indent"])
        if end is None:
            continue
        inside = [match["rest"].removesuffix("}")] if end == index else [*lines[index + 1 : end]]
        code = [part for part in inside if not stands_alone(language, part)]
        yield Function(
            name=match["name"],
            start=index + 1,
            end=end + 1,
            body_start=index + 1,
            body_end=end + 1,
            body_text="\n".join(inside).strip(),
            body_code="\n".join(part.split("//")[0].rstrip() for part in code).strip(),
            indent=match["indent"],
            signature=match["signature"].strip(),
        )


def _closing(lines: Sequence[str], index: int, indent: str) -> int | None:
    for number in range(index + 1, min(len(lines), index + 1 + _MAX_BODY)):
        if lines[number].rstrip() == indent + "}":
            return number
    return None
