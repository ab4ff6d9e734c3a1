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
    from collections.abc import Iterable, Mapping

    from reviewer.evidence.diagnostic import Diagnostic
    from reviewer.evidence.reviewed import ReviewedFile

_SPACE = re.compile(r"\s+")
_SPAN = 12  # lines: in a longer place, a changed line says little about the fault

# One syntax error hides or causes others, so where the old side has one, the new side's are not news.
_ANY_LINE = ("invalid-syntax",)


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
    found: Iterable[Diagnostic], old: Iterable[Diagnostic], file: ReviewedFile, old_file: ReviewedFile
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
    fresh = []
    for one in changed:
        key = _key(one, file)
        if key[1] in _ANY_LINE and known[key] > 0:
            continue
        known[key] -= 1
        if known[key] < 0:
            fresh.append(one)
    return fresh


def rule_counts(found: Iterable[Diagnostic]) -> Mapping[tuple[str, str], int]:
    """Count reports by reporter and rule."""
    return Counter((one.source.name, one.source.rule) for one in found)


def _changed_line(diagnostic: Diagnostic, file: ReviewedFile) -> int | None:
    if diagnostic.line in file.changed:
        return diagnostic.line
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
    text = "" if source.rule in _ANY_LINE else _SPACE.sub("", file.line_text(diagnostic.line))
    return source.name, source.rule, text
