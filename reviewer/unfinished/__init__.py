"""Finds code that a change adds but does not finish: empty bodies, placeholders, comments instead of code.

It is found by rules; the model is only asked to complete it. Code that is empty on purpose (an abstract method, an
overload, an empty constructor, a callback that does nothing) is not reported: see ``intended``.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer import syntax
from reviewer.languages import LANGUAGES
from reviewer.unfinished.bodies import Body, Source
from reviewer.unfinished.fallback import functions_by_line
from reviewer.unfinished.intended import is_fake, is_intended
from reviewer.unfinished.placeholders import (
    Kind,
    asks_for_code,
    has_todo,
    is_placeholder,
    is_trivial,
    stands_alone,
    stands_for_code,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from reviewer.syntax import Function

__all__ = ["Kind", "Unfinished", "find", "is_placeholder"]

# A TODO in these is a note, not missing code.
_NO_CODE = frozenset(("generic", "markdown"))
_MAX_COMMENT = 8  # further lines of a comment that belong to a gap


@dataclass(frozen=True, slots=True)
class Unfinished:
    """One gap.

    Attributes:
        start, end: The lines to replace, 1-based and inclusive: the placeholder, with the comment above it.
        kind: The kind of placeholder.
        name: The function that it is in, qualified with ``.``; empty outside of functions.
        signature_start: First line of that function; ``start`` outside of functions.
        whole: Whether the lines contain the signature too (``def f(): pass``), which a replacement must then repeat.
    """

    start: int
    end: int
    kind: Kind
    name: str
    signature_start: int
    whole: bool = False


def find(language: str, text: str, added: Iterable[int], *, path: str = "") -> tuple[Unfinished, ...]:
    """Find the gaps that contain an added line.

    Args:
        language: ``Language.name``.
        text: The whole file.
        added: 1-based numbers of the added lines.
        path: The file's path, if known: stubs (``.pyi``) have no bodies, and tests have many empty fakes.

    Returns:
        In order of their first line; they do not overlap.
    """
    lines_added = frozenset(added)
    if language in _NO_CODE or path.endswith((".pyi", ".d.ts")) or not lines_added:
        return ()
    source = Source(language, text, path, text.split("\n"))
    functions = _functions(source)
    found = [*_bodies(source, functions, sorted(lines_added))]
    taken = {number for gap in found for number in range(gap.start, gap.end + 1)}
    found += _lines(source, functions, sorted(lines_added - taken), taken)
    return tuple(sorted(found, key=lambda gap: gap.start))


def _functions(source: Source) -> Sequence[Function]:
    if LANGUAGES[source.language].grammar is None:
        return functions_by_line(source.language, source.lines)
    return syntax.functions(source.language, source.text)


def _bodies(source: Source, functions: Iterable[Function], added: Sequence[int]) -> Iterator[Unfinished]:
    for function in functions:
        if not _any_within(added, function.start, function.end):
            continue
        body = Body.of(source, function)
        kind = body.kind
        if kind is None or not _any_within(added, body.start, body.end):
            continue
        if not is_intended(source, function, body):
            yield Unfinished(body.start, body.end, kind, function.name, function.start, whole=body.whole)


def _any_within(numbers: Sequence[int], first: int, last: int) -> bool:
    """Whether one of the sorted numbers is in a range."""
    index = bisect_left(numbers, first)
    return index < len(numbers) and numbers[index] <= last


def _lines(
    source: Source, functions: Sequence[Function], numbers: Iterable[int], taken: set[int]
) -> Iterator[Unfinished]:
    """Find single placeholders in other code."""
    language, lines = source.language, source.lines
    innermost: dict[int, Function] | None = None
    for number in numbers:
        line = lines[number - 1] if 0 < number <= len(lines) else ""
        if number in taken or not line.strip():
            continue
        if not asks_for_code(language, line) and not stands_for_code(language, line):
            continue
        if innermost is None:
            innermost = _innermost(functions)
        around = innermost.get(number)
        if asks_for_code(language, line) and not _has_todo_above(language, lines, number, taken):
            kind, end = Kind.TODO, _comment_end(language, lines, number)
        elif around is not None and _is_gap_in(around, source, line):
            kind, end = Kind.NOT_IMPLEMENTED, number
        else:
            continue
        taken.update(range(number, end + 1))
        name, signature_start = (around.name, around.start) if around is not None else ("", number)
        yield Unfinished(number, end, kind, name, signature_start)


def _is_gap_in(function: Function, source: Source, line: str) -> bool:
    """Whether a line stands for code; not if it is in a comment or a docstring."""
    is_code = line.strip().rstrip(";") in function.body_code
    return is_code and stands_for_code(source.language, line) and not is_fake(function, source.path)


def _innermost(functions: Iterable[Function]) -> dict[int, Function]:
    """The innermost function around each line."""
    found: dict[int, Function] = {}
    for function in sorted(functions, key=lambda function: -function.start):
        for number in range(function.body_start, function.body_end + 1):
            found.setdefault(number, function)
    return found


def _has_todo_above(language: str, lines: Sequence[str], number: int, taken: Collection[int]) -> bool:
    """Whether an earlier line of the same comment has been reported."""
    return number - 1 in taken and stands_alone(language, lines[number - 2])


def _comment_end(language: str, lines: Sequence[str], number: int) -> int:
    """The last line of a comment and of the placeholder statement that follows it."""
    if not stands_alone(language, lines[number - 1]):
        return number
    end = number
    while end < min(len(lines), number + _MAX_COMMENT) and _continues(language, lines[end], lines[number - 1]):
        end += 1
    following = lines[end].strip() if end < len(lines) else ""
    return end + bool(following and (is_placeholder(language, following) or is_trivial(following)))


def _continues(language: str, line: str, first: str) -> bool:
    same_indent = len(line) - len(line.lstrip()) == len(first) - len(first.lstrip())
    return bool(line.strip()) and same_indent and stands_alone(language, line) and not has_todo(line)
