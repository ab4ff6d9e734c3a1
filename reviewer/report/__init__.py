"""Renders a review: one module per format, listed in one table.

Every format has ``render(review, options) -> str``. A format's module is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from reviewer.report.options import RenderOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reviewer.finding import Review

    Renderer = Callable[[Review, RenderOptions], str]

__all__ = ["FORMATS", "RenderOptions"]


def _in(module: str) -> Renderer:
    def render(review: Review, options: RenderOptions) -> str:
        text: str = importlib.import_module(f"reviewer.report.{module}").render(review, options)
        return text

    return render


FORMATS: Mapping[str, Renderer] = {
    "text": _in("text"),
    "markdown": _in("markdown"),
    "json": _in("json_report"),
    "github": _in("github"),
}
