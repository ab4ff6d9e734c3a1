"""``reviewer complete``: the code that belongs at a place in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.config import Settings

_CHARS_PER_TOKEN = 3  # of code, on the careful side
_SHARE = 0.5  # of the context length for the text around the cursor; the rest is for the prompt and the reply
_BEFORE = 0.75  # of that text stands before the cursor, where what is needed is mostly defined

_EPILOG = """\b
Examples:
  reviewer complete stats.py:12        at the end of line 12
  reviewer complete stats.py:12:5      before column 5 of line 12
"""


@click.command(epilog=_EPILOG)
@click.argument("place", metavar="FILE:LINE[:COL]")
@options.model_options
@options.install_option
def complete(place: str, *, install: bool, **flags: Any) -> None:
    """Write the code that belongs at a place in a file; the file stays as it is."""
    import asyncio

    from reviewer.cli import common, places
    from reviewer.terminal import output
    from reviewer.terminal.masking import visible

    cursor = places.parse_cursor(place)
    text = places.read_text(cursor.path)
    position = cursor.offset(text)
    settings = common.load_settings(common.here(), options.as_flags(flags))
    code = asyncio.run(_ask(text, position, cursor.path, settings, install=install))
    output.say(visible(code))


async def _ask(text: str, position: int, path: Path, settings: Settings, *, install: bool) -> str:
    from reviewer import AIModelManager
    from reviewer.engine.provision import provision
    from reviewer.languages import detect
    from reviewer.terminal import output

    language = detect(str(path), text.partition("\n")[0]).name
    with output.progress() as progress:
        if install:
            provision(settings.model_config, progress)
        manager = AIModelManager(settings.model_config, keep_warm=True)
        await manager.load_model(progress=progress)
        async with manager:
            room = int((await manager.profile()).context_tokens * _CHARS_PER_TOKEN * _SHARE)
            nearby, cursor = around(text, position, room)
            progress.step("completing")
            code = await manager.generate_code_completion(nearby, cursor, language=language)
    for remark in manager.notes:
        output.note(remark)
    return code


def around(text: str, position: int, room: int) -> tuple[str, int]:
    """Cut a text to whole lines around a place, so that it fits.

    Args:
        text: All of it.
        position: The place, in characters from the start.
        room: Characters that fit.

    Returns:
        The text around the place, and the place in it. The place's own line is always whole.
    """
    if len(text) <= room:
        return text, position
    # What one side leaves free, the other may take.
    before = max(int(room * _BEFORE), room - (len(text) - position))
    start = max(0, position - before)
    start = 0 if start == 0 else min(text.find("\n", start) + 1 or position, text.rfind("\n", 0, position) + 1)
    end = min(len(text), position + room - (position - start))
    line_end = text.find("\n", position)
    end = end if end == len(text) else max(text.rfind("\n", 0, end) + 1, len(text) if line_end < 0 else line_end + 1)
    return text[start:end], position - start
