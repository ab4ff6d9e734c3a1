"""``reviewer complete``: complete the code at a position in a file."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import completing, options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from reviewer.engine.manager import AIModelManager

_CHARS_PER_TOKEN = 3  # of code; a low estimate
_SHARE = 0.5  # of the context length, for the text around the cursor; the rest is for the prompt and the reply
_BEFORE = 0.75  # of that text comes before the cursor, where most definitions are

_EPILOG = """\b
Examples:
  reviewer complete stats.py:12        at the end of line 12
  reviewer complete stats.py:12:5      before column 5 of line 12
"""


@click.command(epilog=_EPILOG)
@click.argument("place", metavar="FILE:LINE[:COL]", shell_complete=completing.places)
@options.model_options
@options.install_option
def complete(place: str, *, install: bool, **flags: Any) -> None:
    """Print the code that belongs at a position in a file; the file is not changed."""
    from reviewer.cli import common, places
    from reviewer.languages import detect

    cursor = places.parse_cursor(place)
    text = places.read_text(cursor.path)
    position = cursor.offset(text)
    settings = common.load_settings(common.here(), options.as_flags(flags))
    language = detect(str(cursor.path), text.partition("\n")[0]).name

    async def ask(manager: AIModelManager) -> AsyncGenerator[str, None]:
        room = int((await manager.profile()).context_tokens * _CHARS_PER_TOKEN * _SHARE)
        async with aclosing(manager.stream_code_completion(*around(text, position, room), language=language)) as lines:
            async for line in lines:
                yield line

    common.stream_answer(settings, "completing", ask, _Code(), install=install)


class _Code:
    """Shows lines of code as they come."""

    def feed(self, piece: str) -> str:
        from reviewer.terminal.masking import visible

        return visible(piece)

    def end(self) -> str:
        return ""


def around(text: str, position: int, room: int) -> tuple[str, int]:
    """Cut a text to whole lines around a position.

    Args:
        text: The whole text.
        position: In characters from the start.
        room: Number of characters that fit.

    Returns:
        The text around the position, and the position in it. The line of the position is never cut.
    """
    if len(text) <= room:
        return text, position
    # Room that one side does not need goes to the other.
    before = max(int(room * _BEFORE), room - (len(text) - position))
    start = max(0, position - before)
    start = 0 if start == 0 else min(text.find("\n", start) + 1 or position, text.rfind("\n", 0, position) + 1)
    end = min(len(text), position + room - (position - start))
    line_end = text.find("\n", position)
    end = end if end == len(text) else max(text.rfind("\n", 0, end) + 1, len(text) if line_end < 0 else line_end + 1)
    return text[start:end], position - start
