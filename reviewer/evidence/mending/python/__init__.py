"""Mechanical fixes in Python that need the syntax tree: ``table`` maps rules to fixers, the others hold those by theme.

Each follows from the code around the place that is reported. ``tree`` parses, and ``arguments``, ``blocks`` and
``texts`` hold what several themes need. What needs knowledge of the program is left out.
"""

from __future__ import annotations

from reviewer.evidence.mending.python.table import edits

__all__ = ["edits"]
