"""Prompt templates: a repository's own over the packaged ones, rendered in a sandbox.

``prompts/base/review.j2``, ``explain.j2`` and ``complete.j2`` are what the model is asked, and
``prompts/languages/<name>.j2`` fills in what goes wrong in one language, over whichever of the three is asked for. So
``review/python.j2`` names a pair: ``languages/python.j2`` extending ``base/review.j2``. A repository overrides a
language, a base, or just one pair, by a file of that name under ``.reviewer/prompts/``; its file may extend the
packaged one as ``packaged/<name>``.

Overrides are untrusted, as everything in a reviewed repository is; ``sandbox.py`` holds what they may do.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.templates.sandbox import Sandbox

__all__ = ["OVERRIDES", "TASKS", "Templates", "read_overrides"]

OVERRIDES = ".reviewer/prompts"
"""Where a repository keeps its own templates."""

TASKS = ("review", "explain", "complete")
"""What a model can be asked to do; each has ``base/<task>.j2``."""

_SUFFIX = ".j2"
_MAX_FILES = 200
_MAX_BYTES = 64 * 1024


class Templates:
    """Renders prompts.

    Args:
        overrides: Template texts by name (``"languages/python.j2"``), or the folder that holds them. A mapping lets CI
            supply the texts of the base revision, which the reviewed change cannot alter.
    """

    def __init__(self, overrides: Mapping[str, str] | Path | None = None) -> None:
        if isinstance(overrides, Path):
            overrides = read_overrides(overrides)
        self.overrides: dict[str, str] = dict(overrides or {})

    def render(self, name: str, **values: object) -> str:
        """Render one template.

        Args:
            name: ``"review/python.j2"`` for a task and a language, or any template such as ``"base/unit.j2"``.
            values: The template's variables; one that it names and that is missing is an error.

        Raises:
            TemplateError: It is missing or wrong, or asks for too much; the message names file and line.
        """
        task, _, rest = name.partition("/")
        if task in TASKS:
            values = {**values, "base": f"base/{task}{_SUFFIX}"}
            if name not in self.overrides:
                name = f"languages/{rest}"
        return self._sandbox.render(name, values)

    def check(self) -> None:
        """Compile every override, so that a mistake is told at once and not with the first file of its language.

        Raises:
            TemplateError: One of them does not compile; the message names file and line.
        """
        for name in sorted(self.overrides):
            self._sandbox.compile(name)

    @cached_property
    def _sandbox(self) -> Sandbox:
        from reviewer.templates.sandbox import Sandbox

        return Sandbox(self.overrides, shown_as=OVERRIDES)


def read_overrides(folder: Path) -> dict[str, str]:
    """Return the templates under a folder by name; empty where there is no such folder.

    Raises:
        TemplateError: A file is too large, not UTF-8, or a link that leads out of the folder.
    """
    root = folder.resolve()
    found: dict[str, str] = {}
    for path in sorted(folder.rglob(f"*{_SUFFIX}")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file():
            continue
        # A link could carry any file of this machine into a prompt.
        if not path.resolve().is_relative_to(root):
            raise TemplateError(f"{OVERRIDES}/{name} leads out of its folder", hint="make it a file of its own")
        if len(found) >= _MAX_FILES:
            raise TemplateError(f"{OVERRIDES} holds more than {_MAX_FILES} templates")
        found[name] = _read(path, f"{OVERRIDES}/{name}")
    return found


def _read(path: Path, shown: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise TemplateError(f"{shown} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TemplateError(f"{shown}:{line}: not UTF-8", hint="save the file as UTF-8") from error
    if len(data) > _MAX_BYTES:
        raise TemplateError(f"{shown} is larger than {_MAX_BYTES // 1024} KiB")
    return text
