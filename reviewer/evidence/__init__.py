"""Findings that need no model: packaged rules, analyzers and SARIF files, on the lines that a change touches.

``collect`` is the one entry; ``recheck`` runs a finding's own sources again on a changed text, and ``prove`` uses that
to tell whether a fix mends the fault.
"""

from __future__ import annotations

from reviewer.evidence.collect import Evidence, Options, collect, recheck
from reviewer.evidence.proof import Proof, prove
from reviewer.evidence.reviewed import Side

__all__ = ["Evidence", "Options", "Proof", "Side", "collect", "prove", "recheck"]
