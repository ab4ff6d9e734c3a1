"""``reviewer explain``: what a file or some of its lines do."""

from __future__ import annotations

from typing import Any

import click

from reviewer.cli import completing, options

_COLUMNS = 100  # longer lines of prose are hard to read

_EPILOG = """\b
Examples:
  reviewer explain stats.py
  reviewer explain stats.py:10-24
  reviewer explain stats.py:10-24 --question "What happens with an empty list?"
"""


@click.command(epilog=_EPILOG)
@click.argument("place", metavar="FILE[:L1-L2]", shell_complete=completing.places)
@click.option("--question", "-q", metavar="TEXT", help="Answer this question instead of explaining the code.")
@options.model_options
@options.install_option
def explain(place: str, question: str | None, *, install: bool, **flags: Any) -> None:
    """Explain a file, or some of its lines, in a few sentences."""
    from reviewer.cli import common, places
    from reviewer.evidence.collect import detected_secrets
    from reviewer.languages import detect
    from reviewer.terminal import output
    from reviewer.terminal.masking import remembering, secrets
    from reviewer.terminal.prose import Prose
    from reviewer.terminal.redaction import Redaction

    lines = places.parse_lines(place)
    code = lines.of(places.read_text(lines.path))
    settings = common.load_settings(common.here(), options.as_flags(flags))
    known = secrets(code) | detected_secrets(str(lines.path), code)
    with remembering(known):
        redaction = Redaction([code, question or ""])
    language = detect(str(lines.path), code.partition("\n")[0]).name
    asked = None if question is None else redaction.hide(question)
    with remembering(known):
        common.stream_answer(
            settings,
            "explaining",
            lambda manager: manager.stream_explanation(redaction.hide(code), asked, language=language),
            Prose(min(output.width(), _COLUMNS) if output.is_terminal() else None),
            install=install,
        )
