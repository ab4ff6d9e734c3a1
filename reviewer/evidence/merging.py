"""One fault that several sources report is one finding that names them all."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reviewer.finding import SourceKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewer.evidence.diagnostic import Diagnostic
    from reviewer.finding import Source

# Rules of common tools that mean the same. Packaged rules name theirs in ``metadata.aliases``.
_ALIASES = (
    ("ruff:B006", "pylint:W0102"),
    ("ruff:E722", "pylint:W0702", "ruff:S110", "ruff:S112"),
    ("ruff:F821", "mypy:name-defined", "pyright:reportUndefinedVariable"),
    ("ruff:S602", "bandit:B602"),
    ("ruff:S506", "bandit:B506"),
    ("ruff:S608", "bandit:B608"),
    ("ruff:S501", "bandit:B501"),
)
_CANONICAL = {name: names[0] for names in _ALIASES for name in names}


def merge(found: Iterable[Diagnostic]) -> list[tuple[Diagnostic, tuple[Source, ...]]]:
    """Return one report per fault, with its sources in an order that does not depend on who was first.

    Reports on one line are the same fault where their rules are aliases of each other, or where a packaged rule and a
    tool agree about its category.
    """
    by_line: dict[tuple[str, int], list[list[Diagnostic]]] = {}
    for one in sorted(found, key=_order):
        groups = by_line.setdefault((one.path, one.line), [])
        group = next((group for group in groups if any(_same(one, other) for other in group)), None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return [(_best(group), _sources(group)) for groups in by_line.values() for group in groups]


def _order(one: Diagnostic) -> tuple[str, int, bool, str, str]:
    source = one.source
    return one.path, one.line, source.kind is not SourceKind.RULE, source.name, source.rule


def _same(one: Diagnostic, other: Diagnostic) -> bool:
    if _meanings(one) & _meanings(other):
        return True
    kinds = {one.source.kind, other.source.kind}
    return one.category is other.category and kinds == {SourceKind.RULE, SourceKind.TOOL}


def _meanings(one: Diagnostic) -> set[str]:
    names = {f"{one.source.name}:{one.source.rule}", *one.aliases}
    return {_CANONICAL.get(name, name) for name in names}


def _best(group: list[Diagnostic]) -> Diagnostic:
    """The most severe report, with a fix where any has one; a secret stays one whoever reports it best."""
    best = max(group, key=lambda one: (one.severity.rank, bool(one.edits)))
    if not best.advice:
        best = dataclasses.replace(best, advice=next((one.advice for one in group if one.advice), ""))
    if not best.edits:
        edits = next((one.edits for one in group if one.edits), ())
        best = dataclasses.replace(best, edits=edits)
    hidden = next((one for one in group if one.secret), None)
    if hidden is None or best.secret:
        return best
    return dataclasses.replace(
        best, secret=True, column=hidden.column, end_line=hidden.end_line, end_column=hidden.end_column
    )


def _sources(group: list[Diagnostic]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(one.source for one in group))
