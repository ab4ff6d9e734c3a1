"""Limits the work of one rendering: steps, seconds and characters.

Every iteration, call, filter, test, comparison and loaded template is a step, and no single step works on more than a
bounded input. Text is measured before it is built. Containers can be iterated but not printed, converted to text or
nested by name, because printing deeply shared lists never ends.
"""

from __future__ import annotations

import functools
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from jinja2.exceptions import SecurityError
from jinja2.filters import do_int, do_round
from jinja2.runtime import Undefined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAX_OUTPUT = 2 * 1024 * 1024
"""Characters of a rendered prompt and of any intermediate text; far more than a context length holds."""

MAX_STEPS = 200_000
"""Steps of one rendering; a diff of 10,000 lines takes about 10,000."""

MAX_SECONDS = 5.0
"""Time of one rendering, checked at each step; a prompt takes milliseconds."""

_MAX_ITEMS = 10_000
_MAX_INTEGER = 2**63
_MAX_DIGITS = 30

_CONTAINERS = (list, tuple, dict, set, frozenset)
_PRINTABLE = (str, int, float, Undefined)


class TooMuchError(SecurityError):
    """The template does more than a prompt needs."""


class _Budget:
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
    """Run the body of a ``with`` statement with a new budget."""
    token = _budget.set(_Budget())
    try:
        yield
    finally:
        _budget.reset(token)


def step() -> None:
    """Take one step.

    Raises:
        TooMuchError: The steps or the time are used up.
    """
    _budget.get().step()


def printed(value: object) -> object:
    """Return a value that may be printed; jinja2 calls this for everything between braces.

    Raises:
        TooMuchError: It is a container or another object whose text can have any size.
    """
    if value is not None and not isinstance(value, _PRINTABLE):
        raise TooMuchError(f"printing a {type(value).__name__}; walk it, or join it")
    return value


def scalar(value: object) -> object:
    """Return an element of a container, which must not be one itself."""
    if isinstance(value, _CONTAINERS):
        raise TooMuchError("a container inside another one, by name")
    return value


def counted(work: Callable[..., object], *, of_text: bool = False, walks: bool = False) -> Callable[..., object]:
    """Make a filter or a test take a step.

    Args:
        work: The filter.
        of_text: Refuse containers, which it would convert to text.
        walks: Refuse a long text, of which it would process each character.
    """

    # wraps() copies the attribute that makes jinja2 pass the environment.
    @functools.wraps(work)
    def stepping(*args: object, **kwargs: object) -> object:
        step()
        for value in args:
            if of_text:
                scalar(value)
            if isinstance(value, (*_CONTAINERS, str) if walks else _CONTAINERS) and len(value) > _MAX_ITEMS:
                raise TooMuchError(f"a filter on more than {_MAX_ITEMS:,} items")
        return work(*args, **kwargs)

    return stepping


def passed(value: object) -> object:
    """Take a step for an operation on ``value``."""
    step()
    return value


def rounded(value: float, precision: int = 0, method: str = "common") -> float:
    """The filter ``round``; jinja2's computes a power of ten of any size."""
    if not (_is_ordinary(value) and abs(precision) <= _MAX_DIGITS):
        raise TooMuchError(f"rounding to more than {_MAX_DIGITS} digits")
    return do_round(value, precision, method)  # type: ignore[arg-type]  # it checks the method


def whole(value: object, default: int = 0, base: int = 10) -> int:
    """The filter ``int``, for numbers of ordinary size."""
    number = do_int(value, default, base)
    if not _is_ordinary(number):
        raise TooMuchError("an integer of more than 64 bits")
    return number


def concat(parts: Iterable[str]) -> str:
    """Join pieces as ``"".join`` does, and stop at the limit."""
    texts: list[str] = []
    total = 0
    for part in parts:
        total += len(part)
        _bounded(total)
        texts.append(part)
    return "".join(texts)


def concat_values(values: Iterable[object]) -> str:
    """The operator ``~``."""
    step()
    return concat(str(printed(value)) for value in values)


def join(values: Iterable[object], separator: str = "") -> str:
    """The filter ``join``, without ``attribute``; use ``map(attribute=…)``."""
    texts: list[str] = []
    total = 0
    for value in rounds(values):
        text = str(printed(value))
        total += len(text) + len(separator)
        _bounded(total)
        texts.append(text)
    return separator.join(texts)


def replace(text: object, old: object, new: object, count: int = -1) -> str:
    """The filter ``replace``."""
    source, before, after = str(text), str(old), str(new)
    _bounded(len(source) + source.count(before) * max(0, len(after) - len(before)))
    return source.replace(before, after, count)


def bounded_range(*arguments: int) -> range:
    """``range`` of a bounded length."""
    numbers = range(*arguments)
    if len(numbers) > _MAX_ITEMS:
        raise TooMuchError(f"a range of more than {_MAX_ITEMS:,}")
    return numbers


def rounds(values: Iterable[object]) -> Iterator[object]:
    """Iterate over values; each is a step."""
    budget = _budget.get()
    for value in values:
        budget.step()
        yield value


def check_operation(sign: str, left: object, right: object) -> None:
    """Allow arithmetic on ordinary numbers, and ``+`` on text and lists of bounded length.

    Raises:
        TooMuchError: It is another operation.
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
