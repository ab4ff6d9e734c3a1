"""Mechanical fixes in C and C++ that change another part of a line than the rule names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit

if TYPE_CHECKING:
    from reviewer.evidence.diagnostic import Diagnostic
    from reviewer.evidence.reviewed import ReviewedFile

# What is replaced, from the reported place on.
_AT_PLACE = {
    "c-loop-to-array-constant": (re.compile(r"(for\s*\([^;]*;\s*\w+\s*)<=(?=\s*\w+\s*;)"), r"\1<"),
    # The count less one would wrap around where it is 0 and unsigned.
    "c-next-element-past-end": (re.compile(r"(for\s*\([^;]*;\s*\w+)(?=\s*<\s*[\w.>()-]+\s*;)"), r"\1 + 1"),
    "c-share-of-whole-numbers": (re.compile(r"\(?\s*(\w+)\s*/\s*(\w+)\s*\)?\s*\*\s*100\b"), r"\1 * 100 / \2"),
}


def edits(one: Diagnostic, file: ReviewedFile) -> tuple[Edit, ...]:
    """Return the fix of a report about C or C++; empty where there is no mechanical one."""
    if one.source.rule not in _AT_PLACE or one.column <= 0:
        return ()
    pattern, template = _AT_PLACE[one.source.rule]
    found = pattern.match(file.line_text(one.line), one.column - 1)
    if found is None:
        return ()
    return (Edit((one.line, one.column), (one.line, found.end() + 1), found.expand(template)),)
