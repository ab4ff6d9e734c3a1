"""Renders prompt templates, those of a repository before the packaged ones, in a sandbox.

``prompts/base/review.j2``, ``explain.j2`` and ``complete.j2`` word the tasks, and ``prompts/languages/<name>.j2`` fills
in the pitfalls of one language. ``review/python.j2`` names a pair: ``languages/python.j2`` extending
``base/review.j2``. To override a language, a base or one pair, a repository has a file of that name under
``.reviewer/prompts/``, which may extend the packaged one as ``packaged/<name>``.

Overrides are untrusted; ``sandbox.py`` restricts what they can do.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.templates.sandbox import Sandbox

__all__ = ["OVERRIDES", "TASKS", "Templates"]

OVERRIDES = ".reviewer/prompts"
"""The folder of a repository's own templates."""

TASKS = ("review", "explain", "complete")
"""The tasks with a template for each language; each has ``base/<task>.j2``."""


class Templates:
    """Renders prompts.

    Args:
        overrides: Template texts by name, such as ``"languages/python.j2"``.
    """

    def __init__(self, overrides: Mapping[str, str] | None = None) -> None:
        self.overrides: dict[str, str] = dict(overrides or {})

    def render(self, name: str, **values: object) -> str:
        """Render one template.

        Args:
            name: ``"review/python.j2"`` for a task and a language, or any template such as ``"base/unit.j2"``.
            values: The template's variables.

        Raises:
            TemplateError: It is missing, wrong or too expensive, or uses a variable that is not in ``values``. The
                message names file and line.
        """
        task, _, rest = name.partition("/")
        if task in TASKS:
            values = {**values, "base": f"base/{task}.j2"}
            if name not in self.overrides:
                name = f"languages/{rest}"
        return self._sandbox.render(name, values)

    def check(self) -> None:
        """Compile every override, to report a mistake before the first file of its language.

        Raises:
            TemplateError: One of them does not compile; the message names file and line.
        """
        for name in sorted(self.overrides):
            self._sandbox.compile(name)

    @cached_property
    def _sandbox(self) -> Sandbox:
        from reviewer.templates.sandbox import Sandbox

        return Sandbox(self.overrides, shown_as=OVERRIDES)
