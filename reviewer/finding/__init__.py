"""Findings, suggestions, explanations and the review that holds them, as immutable values.

One ``Finding`` goes from the reply to the report. Steps in between never drop it: they add marks, and reporters show
what has none (``Finding.shown``).
"""

from __future__ import annotations

from reviewer.finding.finding import (
    Category,
    Finding,
    Mark,
    Severity,
    Silence,
    SilencedBy,
    Source,
    SourceKind,
    Suggestion,
    SuggestionKind,
)
from reviewer.finding.review import Explanation, Review, Skipped, UnitReview, UnitStatus, Usage
from reviewer.finding.summary import ChangeSummary, CommitMessage, Risk, RiskLevel

__all__ = [
    "Category",
    "ChangeSummary",
    "CommitMessage",
    "Explanation",
    "Finding",
    "Mark",
    "Review",
    "Risk",
    "RiskLevel",
    "Severity",
    "Silence",
    "SilencedBy",
    "Skipped",
    "Source",
    "SourceKind",
    "Suggestion",
    "SuggestionKind",
    "UnitReview",
    "UnitStatus",
    "Usage",
]
