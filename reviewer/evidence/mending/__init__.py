"""Mechanical fixes for reports that come without one, by language.

``ruff_places`` and ``shellcheck_places`` replace the place that the tool names, ``shell_lines`` and ``c_lines`` another
part of a line, and ``python`` what the syntax tree shows. Like every fix, they are proven before they are shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.evidence.mending import c_lines, python, ruff_places, shell_lines, shellcheck_places

if TYPE_CHECKING:
    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.reviewed import ReviewedFile

__all__ = ["edits"]


def edits(one: Diagnostic, file: ReviewedFile) -> Edits:
    """Return the fix of a report; empty where there is no mechanical one."""
    if file.language.name == "shell":
        return shellcheck_places.edits(one, file) or shell_lines.edits(one, file)
    if file.language.name == "python":
        return python.edits(one, file) or ruff_places.edits(one, file)
    return c_lines.edits(one, file) if file.language.name in {"c", "cpp"} else ()
