"""Analyzers: which ones run, how they run, and what they write.

``table`` and ``config`` choose, ``run`` starts them through ``process`` in a ``workspace``, ``formats`` reads.
"""

from __future__ import annotations

from reviewer.evidence.analyzers.config import parse_config
from reviewer.evidence.analyzers.run import Setting, analyze
from reviewer.evidence.analyzers.spec import Format, Spec
from reviewer.evidence.analyzers.table import DEFAULTS, KNOWN

__all__ = ["DEFAULTS", "KNOWN", "Format", "Setting", "Spec", "analyze", "parse_config"]
