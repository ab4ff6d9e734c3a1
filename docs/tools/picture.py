"""Draw a terminal's output as SVG, for the README.

    script -qec 'reviewer review --embedded --color always' output.txt    # or copy it from a terminal
    python -m docs.tools.picture output.txt

The file is plain text or has a terminal's colours; it becomes ``docs/images/review.txt`` and ``review.svg``. Without an
argument the picture is made from that text again.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from docs.tools.reference import PROJECT

FOLDER = PROJECT / "docs" / "images"

# What the text report colours on a terminal; styles are rich's.
_STYLES = (
    (r"(?m)^\$ .*$", "bold"),
    (r"(?m)^reviewer  .*$", "dim"),
    (r"(?m)^\S+:\d+  in .*$", "bold"),
    (r"\bwarning\b(?= ·)", "bold yellow"),
    (r"\berror\b(?= ·)", "bold red"),
    (r"\binfo\b(?= ·)", "bold cyan"),
    (r"(?m)^ +\d+ │\+.*$", "green"),
    (r"(?m)^ +\d+ │-.*$", "red"),
    (r"(?s)Proven fix \(.*?\):", "bold green"),
    (r"https://\S+", "dim"),
    (r"\[[0-9a-f]{5,}\]", "cyan"),
)


def draw(output: str) -> str:
    """The picture. It names no font of another host, so that nothing is loaded."""
    text = Text.from_ansi(output.rstrip("\n"))
    if not text.spans:
        for pattern, style in _STYLES:
            text.highlight_regex(pattern, style)
    console = Console(record=True, file=io.StringIO(), width=max(map(len, text.plain.splitlines())) + 1)
    console.print(text, highlight=False)
    picture = console.export_svg(title="reviewer review", unique_id="review")
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    return picture.replace("Fira Code", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono")


def main() -> None:
    """Write both files."""
    if len(sys.argv) > 1:
        plain = Text.from_ansi(Path(sys.argv[1]).read_text(encoding="utf-8"))
        (FOLDER / "review.txt").write_text(plain.plain.rstrip("\n") + "\n", encoding="utf-8")
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER / "review.txt"
    (FOLDER / "review.svg").write_text(draw(source.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
