"""The rules for SQL: patterns in single statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.evidence.statements.sql import changes, conditions, dates, queries, schema

if TYPE_CHECKING:
    from reviewer.evidence.statements.pattern import Pattern


def patterns() -> tuple[Pattern, ...]:
    """Return the rules."""
    return tuple(one for part in (changes, conditions, dates, queries, schema) for one in part.patterns())
