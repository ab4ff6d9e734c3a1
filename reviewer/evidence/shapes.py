"""Reads untrusted JSON: what is not there, or of another type, counts as empty."""

from __future__ import annotations

from typing import Any

_TEXT_LIMIT = 4096  # characters
_LARGEST = 2**31


class WrongShapeError(ValueError):
    """The document is not an object or array where its format promises one."""


def record(value: object) -> dict[str, Any]:
    """Return an object; an empty one for null.

    Raises:
        WrongShapeError: It is another value.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise WrongShapeError
    return value


def items(value: object) -> list[Any]:
    """Return an array; an empty one for null.

    Raises:
        WrongShapeError: It is another value.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise WrongShapeError
    return value


def text(value: object, *, limit: int | None = _TEXT_LIMIT) -> str:
    """Return a string, cut at ``limit`` characters; empty for another value."""
    return value[:limit] if isinstance(value, str) else ""


def number(value: object) -> int:
    """Return a line or column; 0 for another value."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST else 0
