"""Checks that a completion fills its gap and changes nothing else."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

from reviewer import syntax
from reviewer.languages import LANGUAGES
from reviewer.syntax.tree import encoded
from reviewer.unfinished.placeholders import stands_alone, without_comment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.syntax import Function
    from reviewer.unfinished import Unfinished


def fills_only(language: str, found: Unfinished, before: str, after: str) -> bool:
    """Whether a completion changes nothing but the body of the function that has the gap.

    Outside of functions, every definition of the file must still be there.

    Args:
        language: ``Language.name``.
        found: The gap in ``before``.
        before: The whole file.
        after: The file with the lines of the gap replaced.
    """
    # The lines around the gap are the same in both, so their number gives the last line of the replacement.
    end = after.count("\n") - before.count("\n") + found.end
    lines = after.split("\n")[found.start - 1 : end]
    if LANGUAGES[language].grammar is None:
        return _is_closed(found, before.split("\n"), lines)
    if not _keeps_definitions(language, found, before, after):
        return False
    if not found.name:
        return True
    old, new = (_function(language, text, found) for text in (before, after))
    if old is None or new is None:
        return False
    if found.whole:
        spans = ((before, found.end, old), (after, end, new))
        first, second = (_around(language, text, found.start, last, one) for text, last, one in spans)
        return first == second
    # A body that ends early, such as at a brace of the completion, leaves code behind it.
    code = [
        number for number, line in enumerate(lines, found.start) if line.strip() and not stands_alone(language, line)
    ]
    ends_inside = new.end >= max(code, default=found.start - 1)
    return ends_inside and max(0, new.end - end) == max(0, old.end - found.end)


def _keeps_definitions(language: str, found: Unfinished, before: str, after: str) -> bool:
    """Whether only definitions in the function with the gap, or anywhere if there is none, are new."""
    old, new = (
        Counter((one.scope.kind, one.scope.name) for one in syntax.outlines(language, text)) for text in (before, after)
    )
    return not old - new and all(not found.name or name.startswith(f"{found.name}.") for _, name in new - old)


def _function(language: str, text: str, found: Unfinished) -> Function | None:
    """The function with the gap; the lines above it are the same in both texts."""
    named = (one for one in syntax.functions(language, text) if one.name == found.name)
    return min(named, key=lambda one: abs(one.start - found.signature_start), default=None)


def _around(language: str, text: str, start: int, end: int, function: Function) -> str:
    """The lines of a gap without the function's body, comments and white space."""
    data = encoded(text)
    lines = data.split(b"\n")
    first = sum(len(line) + 1 for line in lines[: start - 1])
    last = sum(len(line) + 1 for line in lines[:end])
    body, rest = function.body_bytes
    kept = data[first : max(first, body)] + data[max(first, rest) : last]
    code = (without_comment(language, line) for line in kept.decode("utf-8", "surrogatepass").split("\n"))
    return "".join("".join(code).split())


def _is_closed(found: Unfinished, before: Sequence[str], lines: Sequence[str]) -> bool:
    """Whether a completion stays in its function by its braces, in a language without a grammar."""
    if not found.name:
        return True
    body = "\n".join(lines)
    if found.whole:
        signature, _, body = body.partition("{")
        if signature.split() != before[found.start - 1].partition("{")[0].split() or not body.rstrip().endswith("}"):
            return False
        body = body.rstrip()[:-1]
    steps = ({"{": 1, "}": -1}.get(char, 0) for char in body)
    depths = [0, *accumulate(steps)]
    return min(depths) == depths[-1] == 0
