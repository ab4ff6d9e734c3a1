"""Small JSON files that only this user can have written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reviewer import files

if TYPE_CHECKING:
    from pathlib import Path


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write an object atomically, readable by its owner only."""
    files.write(path, json.dumps(data))


def read_json(path: Path) -> object:
    """The content of a private file; None where it cannot be read, or another user could have written it."""
    try:
        return json.loads(files.read_private(path))
    except (OSError, ValueError, RecursionError):
        return None


def read_number(path: Path, name: str) -> float | None:
    """One positive number from a file written by ``write_json``; None where there is none."""
    data = read_json(path)
    value = data.get(name) if isinstance(data, dict) else None
    return float(value) if isinstance(value, (int, float)) and value > 0 else None
