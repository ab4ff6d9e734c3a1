"""Tables in documents that commands write: between ``<!-- table: NAME -->`` and ``<!-- end -->``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_END = "<!-- end -->"


def write_table(path: Path, name: str, markdown: str) -> None:
    """Replace a table of a Markdown file, or append it where the file has none of that name."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    begin = f"<!-- table: {name} -->"
    before, found, rest = text.partition(begin)
    after = rest.partition(_END)[2] if found else "\n"
    if not found and before:
        before = before.rstrip("\n") + "\n\n"
    path.write_text(f"{before}{begin}\n{markdown.strip()}\n{_END}{after}", encoding="utf-8")


def rows(head: Sequence[str], body: Sequence[Sequence[object]]) -> str:
    """A Markdown table; numbers of four digits and more get commas."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")
