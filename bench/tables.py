"""Tables in documents that commands write: each stands between ``<!-- table: NAME -->`` and ``<!-- end -->``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def write_table(path: Path, name: str, markdown: str) -> None:
    """Replace one table of a document.

    Raises:
        ValueError: The document does not have exactly one table of this name.
    """
    text = path.read_text(encoding="utf-8")
    place = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    written, count = place.subn(lambda found: f"{found[1]}\n{markdown.strip()}\n\n{found[2]}", text)
    if count != 1:
        raise ValueError(f"{path} has {count} tables named {name}")
    path.write_text(written, encoding="utf-8")


def rows(head: Sequence[str], body: Sequence[Sequence[object]]) -> str:
    """A Markdown table; numbers of four digits and more get commas."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")
