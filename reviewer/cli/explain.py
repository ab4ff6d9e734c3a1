"""``reviewer explain``: what a file or some lines of it do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import options

if TYPE_CHECKING:
    from reviewer.cli.places import Lines
    from reviewer.config import Settings

_EPILOG = """\b
Examples:
  reviewer explain stats.py
  reviewer explain stats.py:10-24
  reviewer explain stats.py:10-24 --question "What happens with an empty list?"
"""


@click.command(epilog=_EPILOG)
@click.argument("place", metavar="FILE[:L1-L2]")
@click.option("--question", "-q", metavar="TEXT", help="Answer this instead of explaining all of it.")
@options.model_options
@options.install_option
def explain(place: str, question: str | None, *, install: bool, **flags: Any) -> None:
    """Explain a file, or some lines of it, in a few sentences."""
    import asyncio

    from reviewer.cli import common, places
    from reviewer.terminal import output
    from reviewer.terminal.masking import mask, remembering, secrets, visible, without_commands

    lines = places.parse_lines(place)
    code = lines.of(places.read_text(lines.path))
    settings = common.load_settings(common.here(), options.as_flags(flags))
    answer = asyncio.run(_ask(code, question, lines, settings, install=install))
    with remembering(secrets(code)):
        output.say(without_commands(visible(mask(answer))))


async def _ask(code: str, question: str | None, lines: Lines, settings: Settings, *, install: bool) -> str:
    from reviewer import AIModelManager
    from reviewer.engine.provision import provision
    from reviewer.languages import detect
    from reviewer.terminal import output

    language = detect(str(lines.path), code.partition("\n")[0]).name
    with output.progress() as progress:
        if install:
            provision(settings.model_config, progress)
        manager = AIModelManager(settings.model_config, keep_warm=True)
        await manager.load_model(progress=progress)
        async with manager:
            progress.step("explaining")
            answer = await manager.explain_code(code, question, language=language)
    for remark in manager.notes:
        output.note(remark)
    return answer
