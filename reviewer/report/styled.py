"""Lines of styled text: measured in terminal cells, wrapped, cut, and painted with rich where colour is wanted.

Without colour, rich's console is not imported, which keeps the hook quick. Nothing here parses markup, so untrusted
text cannot style anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells, set_cell_size

from reviewer.terminal.masking import without_commands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Span = tuple[str, str]  # text and its style, in rich's names; an empty style is plain
Line = tuple[Span, ...]

_TAB = 4
_ASCII = str.maketrans({"│": "|", "└": "`", "·": "-", "…": "...", "⋮": ":"})


def paint(lines: Iterable[Line], *, color: bool, ascii_only: bool) -> str:
    """Join lines into text, with ANSI colours where ``color``, without a trailing newline."""
    text = _coloured(lines) if color else "\n".join("".join(part for part, _ in line).rstrip() for line in lines)
    return text.translate(_ASCII) if ascii_only else text


def cut(text: str, room: int) -> str:
    """One line of code within ``room`` cells; tabs become spaces, and ``…`` marks a cut."""
    text = without_commands(f"│{text}")[1:].expandtabs(_TAB)  # a gutter precedes it in the report
    return text if cell_len(text) <= room else set_cell_size(text, max(room - 1, 0)) + "…"


def wrap(text: str, room: int, first: int | None = None) -> list[str]:
    """Break ``text`` at spaces into lines of at most ``room`` cells (the first: ``first``).

    A word or a path that is longer stays whole: broken, it could be neither copied nor searched for. Text in scripts
    that are written without spaces is broken between characters.
    """
    lines: list[str] = []
    line, left = "", room if first is None else first
    for word in _words(without_commands(text), room):
        if line and _cells(line) + 1 + _cells(word) > left:
            lines.append(line)
            line, left = "", room
        elif not line and _cells(word) > left and not lines:
            lines.append("")
            left = room
        line = f"{line} {word}" if line else word
    return [without_commands(one) for one in (*lines, line)]


def _words(text: str, room: int) -> Iterator[str]:
    for word in text.split():
        yield from chop_cells(word, room) if _cells(word) > room and _is_without_spaces(word) else [word]


def _is_without_spaces(word: str) -> bool:
    """Whether most of its characters are two cells wide, as in Chinese and Japanese."""
    return cell_len(word) > 1.5 * len(word)


def _cells(text: str) -> int:
    """Width of prose, with room for an ellipsis in ASCII."""
    return cell_len(text) + 2 * text.count("…")


def _coloured(lines: Iterable[Line]) -> str:
    import io

    from rich.console import Console
    from rich.text import Text

    # The sixteen standard colours follow the reader's own theme.
    console = Console(
        file=io.StringIO(), force_terminal=True, color_system="standard", no_color=False, width=10_000,
        highlight=False, markup=False, emoji=False, legacy_windows=False,
    )  # fmt: skip
    for line in lines:
        # Lines are cut already; rich must not wrap them.
        console.print(Text.assemble(*line), soft_wrap=True)
    output = console.file
    assert isinstance(output, io.StringIO)  # noqa: S101 - set above
    return output.getvalue().removesuffix("\n")
