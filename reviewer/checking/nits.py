"""Remarks that a formatter or a linter would make, told from defects by their words.

The prompt does not ask for them; a model makes them all the same. A remark is one when it speaks of form and of nothing
that goes wrong: "this name shadows the built-in, so the call fails" is a defect, "use snake_case" is not.
"""

from __future__ import annotations

import re

_FORMS = (
    r"\blines? (?:is |are )?too long\b",
    r"\bline length\b",
    r"\b(?:exceeds?|over|longer than) \d+ (?:char|col)",
    r"\b(?:trailing|missing|extra|inconsistent|unnecessary) (?:white ?space|spaces?|blank lines?|indentation|comma)\b",
    r"\bnewline at (?:the )?end of (?:the )?file\b",
    r"\b(?:missing|lacks?|no|add(?:ing)?|have|needs?|without) (?:an? |any )?(?:docstrings?|documentation|comments?)\b",
    r"\b(?:missing|lacks?|no|add(?:ing)?|have|needs?|without) (?:an? |any )?type (?:hints?|annotations?)\b",
    r"\bimports? (?:order|should be (?:sorted|grouped|ordered))",
    r"\bunsorted imports?\b",
    r"\bunused (?:imports?|variables?|parameters?|arguments?)\b",
    r"\bnaming conventions?\b",
    r"\b(?:snake_case|camelCase|PascalCase|UPPER_CASE)\b",
    r"\bnames? .{0,30}?\b(?:is|are|should be|could be) (?:not |more |too |un)?(?:descriptive|clear|short|long)",
    r"\b(?:single|double) quotes\b",
    r"\bpep ?8\b",
    r"\b(?:style guide|code style|formatting)\b",
    r"\bmagic numbers?\b",
)
_FORM = re.compile("|".join(_FORMS), re.IGNORECASE)
_CONSEQUENCE = re.compile(
    r"\b(?:fail|crash|rais|throw|error|exception|wrong|incorrect|leak|overflow|null|none\b|undefined|nan\b|shadow|collid"
    r"|break|broken|never|lost|lose|loses|race|deadlock|hang|inject|unsafe|vulnerab|expos|slow|returns?\b|corrupt|overwrit"
    r"|invalid|unexpected|ignored)",
    re.IGNORECASE,
)


def is_nit(message: str) -> bool:
    """Whether a finding's message speaks of form alone."""
    return bool(_FORM.search(message)) and not _CONSEQUENCE.search(message)
