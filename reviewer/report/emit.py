"""Writes a finished review to standard output or to a file, and returns the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer import files
from reviewer.errors import UsageError
from reviewer.report import FORMATS, RenderOptions, gate
from reviewer.terminal import output

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.config import Settings
    from reviewer.errors import ExitCode
    from reviewer.finding import Review


def emit(
    review: Review,
    settings: Settings,
    destination: Path | None = None,
    *,
    advisory: bool = False,
    offers: bool = False,
) -> ExitCode:
    """Write a review in the settings' format and return the verdict.

    Args:
        review: What to write.
        settings: Names the format and the gate.
        destination: A file; None is standard output.
        advisory: Whether the verdict is only reported.
        offers: Whether the review was stored, so that commands can use its ids.

    Raises:
        UsageError: The file cannot be written.
    """
    verdict = gate.judge(review, settings)
    on_terminal = destination is None
    text = render(review, settings, settings.format, verdict, on_terminal=on_terminal, advisory=advisory, offers=offers)
    if destination is None:
        output.say(text.rstrip("\n"), commands=settings.format == "github")
    else:
        write_file(destination, text)
    return verdict


def render(
    review: Review,
    settings: Settings,
    format_name: str,
    verdict: ExitCode,
    *,
    on_terminal: bool = False,
    advisory: bool = False,
    offers: bool = False,
) -> str:
    """Render a review in one format; 80 columns without colour unless it is for the terminal."""
    options = RenderOptions(
        width=output.width() if on_terminal else 80,
        color=on_terminal and output.colour_wanted(),
        ascii=on_terminal and not output.can_draw(),
        show_explanations=settings.explanations,
        fail_on=gate.severity(settings),
        verdict=verdict,
        advisory=advisory,
        offers=offers,
    )
    return FORMATS[format_name](review, options)


def write_file(path: Path, text: str) -> None:
    """Write a report atomically, creating its folder. Devices and pipes are written to directly; links are followed.

    Raises:
        UsageError: It cannot be written.
    """
    data = text.encode("utf-8", "replace")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        path.resolve().parent.mkdir(parents=True, exist_ok=True)
        files.write(path, data, mode=None, follow_link=True)
    except OSError as problem:
        raise UsageError(f"cannot write {path}: {problem.strerror}") from problem
