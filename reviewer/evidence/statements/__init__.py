"""Rules that ast-grep cannot run: those for SQL and Dockerfiles, and those that compare parts of a YAML file.

``matching`` runs the patterns of ``sql`` and ``dockerfile``, and what ``stages`` and ``manifests`` find.
"""

from __future__ import annotations

from reviewer.evidence.statements.matching import scan

__all__ = ["scan"]
