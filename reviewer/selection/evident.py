"""Whether a diff says by itself what it changes, so that an explanation would only repeat it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from reviewer.diff import LineKind

if TYPE_CHECKING:
    from reviewer.languages import Language
    from reviewer.selection.units import ReviewUnit

_PROSE = frozenset((".adoc", ".asciidoc", ".markdown", ".md", ".mdx", ".rst", ".txt"))
# Versions, dates and hashes; a bare number is a value whose change has consequences.
_VERSION = re.compile(r"\bv?\d+(?:\.\d+)+(?:[-+.]?[0-9A-Za-z]+)*\b|\b\d{4}-\d\d-\d\d\b|\b[0-9a-f]{12,64}\b|\bv\d+\b")


def says_itself(unit: ReviewUnit) -> bool:
    """Return whether all changed lines are prose, comments or blank, or differ in nothing but version numbers."""
    if PurePosixPath(unit.path).suffix.lower() in _PROSE:
        return True
    removed = [line.text.strip() for line in unit.lines if line.kind is LineKind.REMOVED]
    added = [line.text.strip() for line in unit.lines if line.kind is LineKind.ADDED]
    code = [text for text in (*removed, *added) if text and not _is_comment(text, unit.language)]
    return not code or (removed != added and _without_versions(removed) == _without_versions(added))


def _is_comment(text: str, language: Language) -> bool:
    """Whether a line is nothing but a comment, as far as the line alone shows it."""
    if language.line_comment and text.startswith(language.line_comment):
        return not text.startswith("#!")
    if language.block_comment is None:
        return False
    begin, end = language.block_comment
    if text.startswith(begin):
        return end not in text or text.endswith(end)
    # The middle of a block in the common style, which begins each line with a star.
    return begin == "/*" and (text in {"*", end} or text.startswith("* "))


def _without_versions(lines: list[str]) -> list[str]:
    return [_VERSION.sub("#", line) for line in lines]
