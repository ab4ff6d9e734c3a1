"""How much one rendering may do: steps, seconds and characters.

Every loop round, call, filter and template loaded is a step, and every text that grows is measured before it is built.
Containers may be walked but not printed, compared as text or put into one another by name: printing a list of lists of
lists that all are the same one takes for ever.
"""

from __future__ import annotations

import functools
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from jinja2.exceptions import SecurityError
from jinja2.runtime import Undefined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAX_OUTPUT = 2 * 1024 * 1024
"""Characters of a rendered prompt, and of any text made on the way; far more than a context length holds."""

MAX_STEPS = 200_000
"""Loop rounds, calls, filters and loads of one rendering; a diff of 10,000 lines takes some 10,000."""

MAX_SECONDS = 5.0
"""Time of one rendering, for steps that are few and long; a prompt takes milliseconds."""

_MAX_ITEMS = 10_000
_MAX_INTEGER = 2**63

_CONTAINERS = (list, tuple, dict, set, frozenset)
_PRINTABLE = (str, int, float, Undefined)


class TooMuchError(SecurityError):
    """The template asks for more than a prompt needs."""


class _Budget:
    """What is left to one rendering."""

    def __init__(self) -> None:
        self.steps = MAX_STEPS
        self.deadline = time.monotonic() + MAX_SECONDS

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise TooMuchError(f"more than {MAX_STEPS:,} steps")
        if time.monotonic() > self.deadline:
            raise TooMuchError(f"more than {MAX_SECONDS:g} s")


_budget: ContextVar[_Budget] = ContextVar("_budget")


@contextmanager
def fresh() -> Iterator[None]:
    """Give what runs inside a budget of its own."""
    token = _budget.set(_Budget())
    try:
        yield
    finally:
        _budget.reset(token)


def step() -> None:
    """Take one step.

    Raises:
        TooMuchError: It was one too many.
    """
    _budget.get().step()


def printed(value: object) -> object:
    """Pass what may be printed; jinja2 calls this for everything between braces.

    Raises:
        TooMuchError: It is a container or another thing whose text may have any size.
    """
    if value is not None and not isinstance(value, _PRINTABLE):
        raise TooMuchError(f"printing a {type(value).__name__}; walk it, or join it")
    return value


def scalar(value: object) -> object:
    """Pass what is no container, for the elements of one."""
    if isinstance(value, _CONTAINERS):
        raise TooMuchError("a container inside another one, by name")
    return value


def counted(work: Callable[..., object], *, of_text: bool) -> Callable[..., object]:
    """Make a filter take a step, and refuse containers where it would turn its input into text."""

    # wraps() copies the mark by which jinja2 knows that a filter wants its environment.
    @functools.wraps(work)
    def stepping(*args: object, **kwargs: object) -> object:
        step()
        if of_text:
            for value in args:
                scalar(value)
        return work(*args, **kwargs)

    return stepping


def concat(parts: Iterable[str]) -> str:
    """Join pieces as ``"".join`` does, stopping at the bound instead of after it."""
    texts: list[str] = []
    total = 0
    for part in parts:
        total += len(part)
        _bounded(total)
        texts.append(part)
    return "".join(texts)


def concat_values(values: Iterable[object]) -> str:
    """What ``~`` does."""
    return concat(str(printed(value)) for value in values)


def join(values: Iterable[object], separator: str = "") -> str:
    """The filter of that name, without its attribute: ``map(attribute=…)`` does that."""
    texts: list[str] = []
    total = 0
    for value in rounds(values):
        text = str(printed(value))
        total += len(text) + len(separator)
        _bounded(total)
        texts.append(text)
    return separator.join(texts)


def replace(text: object, old: object, new: object, count: int = -1) -> str:
    """The filter of that name."""
    source, before, after = str(text), str(old), str(new)
    _bounded(len(source) + source.count(before) * max(0, len(after) - len(before)))
    return source.replace(before, after, count)


def bounded_range(*arguments: int) -> range:
    """``range``, up to a length that no prompt needs."""
    numbers = range(*arguments)
    if len(numbers) > _MAX_ITEMS:
        raise TooMuchError(f"a range of more than {_MAX_ITEMS:,}")
    return numbers


def rounds(values: Iterable[object]) -> Iterator[object]:
    """Walk values, each one a step."""
    budget = _budget.get()
    for value in values:
        budget.step()
        yield value


def check_operation(sign: str, left: object, right: object) -> None:
    """Let arithmetic on ordinary numbers pass, and ``+`` on texts and lists of bounded length.

    Raises:
        TooMuchError: It is none of these.
    """
    step()
    if sign == "+" and isinstance(left, str) and isinstance(right, str):
        _bounded(len(left) + len(right))
    elif sign == "+" and isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        if len(left) + len(right) > _MAX_ITEMS:
            raise TooMuchError(f"a list of more than {_MAX_ITEMS:,}")
    elif sign == "**" or not (_is_ordinary(left) and _is_ordinary(right)):
        raise TooMuchError(f"{sign} on these operands")


def _bounded(length: int) -> None:
    if length > MAX_OUTPUT:
        raise TooMuchError(f"more than {MAX_OUTPUT:,} characters")


def _is_ordinary(value: object) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < _MAX_INTEGER)
