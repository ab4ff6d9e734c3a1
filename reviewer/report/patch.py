"""A patch for display: coloured, secrets masked, deceptive characters made visible. Not for ``git apply``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.report import view
from reviewer.report.styled import paint
from reviewer.terminal.masking import without_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.report.styled import Line

_STYLES = {"@": "cyan", "+": "green", "-": "red"}


def render(patch: str, *, color: bool) -> str:
    """Render a unified diff, without a trailing newline.

    Args:
        patch: As ``diff.decode`` gives it.
        color: Whether to colour.
    """
    lines = view.safe_lines(tuple(line.removesuffix("\r") for line in patch.removesuffix("\n").split("\n")))
    if not color:
        return "\n".join(map(without_commands, lines))  # keeps trailing blanks: they are part of a patch
    return paint(list(_painted(lines)), color=True, ascii_only=False)


def _painted(lines: tuple[str, ...]) -> Iterator[Line]:
    heading = True
    for line in lines:
        if line.startswith("diff --git "):
            heading = True
        elif line.startswith("@@ "):
            heading = False
        yield ((without_commands(line), "bold" if heading else _STYLES.get(line[:1], "")),)
