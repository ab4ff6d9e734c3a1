"""Small cases and records that the tests share."""

from __future__ import annotations

import difflib
from typing import Any

from reviewer.evaluation.cases import Case
from reviewer.evaluation.record import Found, Record

BEFORE = "def average(values):\n    total = sum(values)\n    return total / len(values) if values else 0\n"
AFTER = "def average(values):\n    total = sum(values)\n    return total / len(values)\n"
PATH = "stats.py"


def patch(before: str = BEFORE, after: str = AFTER, path: str = PATH) -> str:
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"a/{path}", f"b/{path}")
    return "".join(lines)


def bug(name: str = "average", **changes: Any) -> Case:
    reference = "The average of an empty list divides by zero."
    labels: dict[str, Any] = {"defects": (frozenset({(PATH, 3)}),), "group": name, "kind": "division"}
    shown: dict[str, Any] = {"patch": patch(), "texts": {PATH: AFTER}, "language": "python", "reference": reference}
    return Case(name, **shown | labels | changes)


def fix(name: str = "guard", **changes: Any) -> Case:
    standard: dict[str, Any] = {"group": name, "kind": "clean", "language": "python"}
    return Case(name, patch(AFTER, BEFORE), {PATH: BEFORE}, **standard | changes)


def found(line: int = 3, *, marks: tuple[str, ...] = (), fixed: tuple[str, ...] | None = None) -> Found:
    return Found(PATH, line, "error", "bug", "Divides by zero when values is empty.", marks, fixed)


def record(case: Case, *findings: Found, **changes: Any) -> Record:
    standard: dict[str, Any] = {
        "units": 1,
        "read": 1,
        "requests": 1,
        "prompt_tokens": 500,
        "completion_tokens": 40,
        "seconds": 1.5,
        "explanations": ("Drops the guard for an empty list.",),
    }
    return Record(case.id, case.digest, "setup", "tiny", "w1", 0, findings=findings, **standard | changes)
