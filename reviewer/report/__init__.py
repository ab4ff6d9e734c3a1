"""Renders a review: one module per format, listed in one table.

Every format has ``render(review, options) -> str``, which ends with one newline. A format's module is imported when it
is first used. A secret in the code is masked wherever the report would repeat it.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from reviewer.errors import ExitCode
    from reviewer.finding import Review, Severity

__all__ = ["FORMATS", "WITHOUT_NOTES", "RenderOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """How to render one review. Each format reads the fields that concern it.

    Attributes:
        width: Columns of the terminal (text).
        stat: Whether to list files with their numbers of lines and findings instead of showing code (text).
        color: Whether to colour (text).
        root: The top of the working tree, to which ``path:line`` is linked; None without links (text in colour).
        ascii: Whether the stream can encode ASCII only (text).
        show_explanations: Whether to explain each unit; without it, a clean review is one line.
        fail_on: The lowest severity that fails the review; None never fails it.
        verdict: The exit code already decided; None derives it from ``fail_on``.
        advisory: Whether the verdict is only reported, as in the advisory hook.
        offers: Whether ``reviewer apply`` and ``reviewer dismiss`` know this review's ids (text).
        seconds: Wall time of the whole command; None shows the time spent on answers.
    """

    width: int = 80
    stat: bool = False
    color: bool = False
    root: Path | None = None
    ascii: bool = False
    show_explanations: bool = True
    fail_on: Severity | None = None
    verdict: ExitCode | None = None
    advisory: bool = False
    offers: bool = False
    seconds: float | None = None


def _in(module: str, function: str = "render") -> Callable[[Review, RenderOptions], str]:
    def render(review: Review, options: RenderOptions) -> str:
        from reviewer.report import view
        from reviewer.terminal.masking import remembering

        with remembering(view.secrets(review)):
            text: str = getattr(importlib.import_module(f"reviewer.report.{module}"), function)(review, options)
        return text

    return render


# Formats for programs that know findings and files only: a review's notes go to standard error instead.
WITHOUT_NOTES = frozenset({"gitlab", "rdjson", "rdjsonl", "checkstyle", "junit", "lines"})
FORMATS: Mapping[str, Callable[[Review, RenderOptions], str]] = {
    "text": _in("text"),
    "markdown": _in("markdown"),
    "json": _in("json_report"),
    "github": _in("github"),
    "azure": _in("azure"),
    "gitlab": _in("gitlab"),
    "sarif": _in("sarif"),
    "rdjson": _in("rdjson"),
    "rdjsonl": _in("rdjson", "render_lines"),
    "checkstyle": _in("checkstyle"),
    "junit": _in("junit"),
    "lines": _in("lines"),
    "agent": _in("agent"),
    "html": _in("html_report"),
}
