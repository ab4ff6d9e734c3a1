"""``reviewer explain``: what a file or some of its lines do."""

from __future__ import annotations

from typing import Any

import click

from reviewer.cli import options

_EPILOG = """\b
Examples:
  reviewer explain stats.py
  reviewer explain stats.py:10-24
  reviewer explain stats.py:10-24 --question "What happens with an empty list?"
"""


@click.command(epilog=_EPILOG)
@click.argument("place", metavar="FILE[:L1-L2]")
@click.option("--question", "-q", metavar="TEXT", help="Answer this question instead of explaining the code.")
@options.model_options
@options.install_option
def explain(place: str, question: str | None, *, install: bool, **flags: Any) -> None:
    """Explain a file, or some of its lines, in a few sentences."""
    from reviewer.cli import common, places
    from reviewer.evidence.collect import detected_secrets
    from reviewer.languages import detect
    from reviewer.terminal import output
    from reviewer.terminal.masking import mask, remembering, secrets, visible, without_commands
    from reviewer.terminal.redaction import Redaction

    lines = places.parse_lines(place)
    code = lines.of(places.read_text(lines.path))
    settings = common.load_settings(common.here(), options.as_flags(flags))
    known = secrets(code) | detected_secrets(str(lines.path), code)
    with remembering(known):
        redaction = Redaction([code, question or ""])
    language = detect(str(lines.path), code.partition("\n")[0]).name
    asked = None if question is None else redaction.hide(question)
    answer = common.ask_model(
        settings,
        "explaining",
        lambda manager: manager.explain_code(redaction.hide(code), asked, language=language),
        install=install,
    )
    with remembering(known):
        output.say(without_commands(visible(mask(answer))))
