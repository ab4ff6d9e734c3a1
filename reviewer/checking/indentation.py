"""A model's indentation turned into the file's own: tabs for spaces, two columns for four."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WIDTHS = (2, 3, 4, 8)
_OPENS = re.compile(r"[:{(\[]\s*\Z|\b(?:do|then|else|begin)\s*\Z|\bdef\b.*[^:]\Z")
_TAB_WIDTH = 4  # columns of a tab, where a model writes spaces for tabs
_LOOKED_AT = 2000  # lines of a file
_END = 200  # characters at the end of a line


def adapt(code: str, text: str) -> str:
    """Indent ``code`` as the file is indented, where both have an indentation to tell.

    The first line is left as it is: it replaces the line with that indentation, and the others are relative to it.

    Args:
        code: Lines to insert.
        text: The whole file.
    """
    first, *rest = code.split("\n")
    base = _indent(first)
    extras = [_indent(line)[len(base) :] for line in rest if line.startswith(base) and line.strip()]
    unit = file_unit(text)
    if unit is None or not any(extras):
        return code
    own = _unit_of(code.split("\n"), base)
    if own is None and unit == "\t" and not any("\t" in extra for extra in extras):
        own = " " * _TAB_WIDTH
    if own is None or own == unit:
        return code
    return "\n".join([first, *(_moved(line, base, own, unit) for line in rest)])


def file_unit(text: str) -> str | None:
    """One level of a file's indentation: a tab, or some spaces; None where nothing in it is indented."""
    lines = [line for line in text.split("\n", _LOOKED_AT)[:_LOOKED_AT] if line.strip()]
    # A block comment's asterisks are indented by one space.
    starts = Counter(line[0] for line in lines if line[0] in " \t" and not line.startswith(" *"))
    if not starts:
        return None
    if starts["\t"] > starts[" "]:
        return "\t"
    steps = Counter(_steps(lines))
    return " " * min(steps, key=lambda width: (-steps[width], width)) if steps else None


def _steps(lines: Sequence[str]) -> Iterable[int]:
    """How much deeper a line is than the one before it that opens a block."""
    for line, following in itertools.pairwise(lines):
        step = len(_indent(following)) - len(_indent(line))
        if "\t" not in _indent(following) and step in _WIDTHS and _OPENS.search(line.rstrip()[-_END:]):
            yield step


def _unit_of(lines: Sequence[str], base: str) -> str | None:
    """One level of the code's indentation below its first line; None where it has none."""
    filled = [line for line in lines if line.strip()]
    for line, following in itertools.pairwise(filled):
        before, after = _indent(line)[len(base) :], _indent(following)[len(base) :]
        step = after.removeprefix(before)
        if step and after.startswith(before) and _OPENS.search(line.rstrip()[-_END:]):
            if step == "\t":
                return "\t"
            # Eight may be two levels of a continued line.
            if set(step) == {" "} and len(step) in _WIDTHS[:-1]:
                return step
    return None


def _moved(line: str, base: str, own: str, unit: str) -> str:
    """One line with its levels below the first converted; spaces beyond a level, which align it, stay."""
    if not line.startswith(base) or not line.strip():
        return line
    extra = _indent(line)[len(base) :]
    levels = 0
    while extra.startswith(own):
        extra = extra.removeprefix(own)
        levels += 1
    return base + unit * levels + extra + line.lstrip(" \t")


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]
