"""Keeps what a change introduced: reports on its lines that the old side does not have.

A report is the same on both sides when its reporter, rule and line of code are the same, wherever the line stands. The
old side's reports are counted, so that a second copy of a fault is new although the first was there.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from reviewer.evidence.diagnostic import Diagnostic
    from reviewer.evidence.reviewed import ReviewedFile

_SPACE = re.compile(r"\s+")
_SPAN = 12  # lines: in a longer place, a changed line says little about the fault

# One syntax error hides or causes others, and may be noticed far below its cause. So the new side's are news only where
# the old side parses, and then the change is the cause, wherever they are noticed.
_SYNTAX = "invalid-syntax"


def on_changed_lines(found: Iterable[Diagnostic], file: ReviewedFile) -> list[Diagnostic]:
    """Return the reports whose place has a changed line."""
    return [one for one in found if _changed_line(one, file) is not None]


def pinned(diagnostic: Diagnostic, file: ReviewedFile) -> Diagnostic:
    """Move a report of several lines to its first changed line."""
    line = _changed_line(diagnostic, file)
    if line is None or line == diagnostic.line:
        return diagnostic
    return dataclasses.replace(diagnostic, line=line, column=0)


def introduced(
    found: Iterable[Diagnostic], old: Collection[Diagnostic], file: ReviewedFile, old_file: ReviewedFile
) -> list[Diagnostic]:
    """Return the reports on changed lines that are not on the old side.

    Args:
        found: Every report about the new side, on unchanged lines too.
        old: Every report about the old side.
        file: The new side.
        old_file: The old side.
    """
    known = Counter(_key(one, old_file) for one in old)
    unchanged: list[Diagnostic] = []
    changed: list[Diagnostic] = []
    for one in found:
        (unchanged if _changed_line(one, file) is None else changed).append(one)
    for one in unchanged:
        known[_key(one, file)] -= 1
    fresh: list[Diagnostic] = []
    broken = any(one.source.rule == _SYNTAX for one in old)
    for one in changed:
        if one.source.rule == _SYNTAX:
            fresh += [] if broken else [one]
            broken = True
            continue
        key = _key(one, file)
        known[key] -= 1
        if known[key] < 0:
            fresh.append(one)
    return fresh


def _changed_line(diagnostic: Diagnostic, file: ReviewedFile) -> int | None:
    if diagnostic.line in file.changed:
        return diagnostic.line
    if diagnostic.source.rule == _SYNTAX:
        before = [line for line in file.changed if line <= diagnostic.line]
        return max(before) if before else min(file.changed, default=None)
    end = _last_line(diagnostic)
    if end - diagnostic.line >= _SPAN:
        return None
    return next((line for line in range(diagnostic.line, end + 1) if line in file.changed), None)


def _last_line(diagnostic: Diagnostic) -> int:
    """A place that ends before the first column of a line does not include that line."""
    end = max(diagnostic.line, diagnostic.end_line)
    return end - 1 if diagnostic.end_column == 1 and end > diagnostic.line else end


def _key(diagnostic: Diagnostic, file: ReviewedFile) -> tuple[str, str, str]:
    source = diagnostic.source
    return source.name, source.rule, _SPACE.sub("", file.line_text(diagnostic.line))
