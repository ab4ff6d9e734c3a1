"""Reads data that others control: files of bounded size, JSON, TOML and YAML.

Hostile input makes parsers raise many kinds of exception (too deep, an integer of 5,000 digits, not UTF-8), and some
values only fail later, when they are printed or encoded. Here all of it becomes one error.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAX_DEPTH = 100
MAX_VALUES = 2_000_000
_INT_BITS = 64


class MalformedError(ValueError):
    """The data cannot be used; the message says why, in one line."""


def read_file(path: Path, limit: int) -> bytes:
    """Read a regular file, also through a link.

    Args:
        path: The file.
        limit: Largest accepted size in bytes.

    Raises:
        OSError: It cannot be read, is larger than ``limit``, or is a pipe, a device or a folder.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit // 1024} KiB", str(path))
    return data


def parse_json(data: bytes | str) -> Any:
    """Parse JSON; bytes are UTF-8, with or without a byte order mark.

    Raises:
        MalformedError: It is not JSON, or a value is beyond any reasonable bound.
    """
    import json

    return _parsed("JSON", data, lambda text: json.loads(text, parse_constant=_refuse_constant))


def parse_toml(data: bytes | str) -> dict[str, Any]:
    """Parse TOML; bytes are UTF-8, with or without a byte order mark.

    Raises:
        MalformedError: It is not TOML, or a value is beyond any reasonable bound.
    """
    import tomllib

    tree: dict[str, Any] = _parsed("TOML", data, tomllib.loads)
    return tree


def parse_yaml(data: bytes | str) -> Any:
    """Parse YAML without custom types; bytes are UTF-8, with or without a byte order mark.

    Raises:
        MalformedError: It is not YAML, or a value is beyond any reasonable bound.
    """
    import yaml

    def load(text: str) -> Any:
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as problem:
            mark = getattr(problem, "problem_mark", None)
            what = getattr(problem, "problem", None) or str(problem)
            raise ValueError(f"{what} (line {mark.line + 1})" if mark is not None else what) from problem

    return _parsed("YAML", data, load)


def _parsed(kind: str, data: bytes | str, parse: Callable[[str], Any]) -> Any:
    try:
        value = parse(data.decode("utf-8-sig") if isinstance(data, bytes) else data)
        _check(value)
    except UnicodeDecodeError as problem:
        raise MalformedError(f"not UTF-8 (byte {problem.start})") from problem
    except RecursionError:
        raise MalformedError(f"not valid {kind}: nested too deeply") from None
    except (ValueError, OverflowError, LookupError, TypeError, AttributeError) as problem:
        raise MalformedError(f"not valid {kind}: {' '.join(str(problem).split())[:200]}") from problem
    return value


def _check(value: object) -> None:
    """Raise ValueError for values that parse but fail when they are printed, converted or encoded."""
    level: list[object] = [value]
    count = 0
    for _ in range(MAX_DEPTH):
        count += len(level)
        if count > MAX_VALUES:
            raise ValueError("too many values")
        level = [inner for outer in level for inner in _inner(outer)]
        if not level:
            return
    raise ValueError("nested too deeply")


def _inner(value: object) -> list[object]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, list | tuple | set):
        return [*value]
    if isinstance(value, int) and value.bit_length() > _INT_BITS:
        raise ValueError("a number is too large")
    if isinstance(value, str) and not value.isascii():
        value.encode("utf-8", "surrogateescape")  # how undecodable bytes of paths are kept
    return []


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")
