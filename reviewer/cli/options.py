"""Flags that several verbs share, as click decorators; each is named after the field of ``Settings`` that it sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reviewer.config.options import BY_FIELD, FORMATS, SEVERITIES, Choice

if TYPE_CHECKING:
    from collections.abc import Callable

_F = TypeVar("_F", bound="Callable[..., Any]")


def model_options(function: _F) -> _F:
    """Which model, and where it runs."""
    words = _words("quantization")
    return _with(
        function,
        click.option("--model", metavar="MODEL", help="A catalog name, a Hugging Face id or a local folder."),
        click.option(
            "--embedded/--no-embedded",
            default=None,
            help="The small offline model: for trying things out, no reviewer.",
        ),
        click.option(
            "--url", metavar="URL", help="OpenAI-compatible endpoints instead of a local engine, with commas."
        ),
        click.option("--max-memory-gb", type=float, metavar="GB", help="Memory that the engine may take."),
        click.option("--quantization", type=click.Choice(words), help="How the weights are stored."),
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where the engine computes."),
        click.option("--timeout", type=float, metavar="SECONDS", help="Give up after no progress for this long."),
    )


def gate_options(function: _F) -> _F:
    """When the command fails."""
    return _with(
        function,
        click.option(
            "--fail-on", type=click.Choice([*SEVERITIES, "never"]), help="Exit with 1 on findings this bad or worse."
        ),
        click.option(
            "--require/--no-require",
            default=None,
            help="Fail where the review cannot be made (3) or not all was read (5).",
        ),
    )


def review_options(function: _F) -> _F:
    """What a review looks at and how it is made."""
    return _with(
        function,
        change_options,
        click.option(
            "--summary/--no-summary",
            default=None,
            callback=lambda _context, _parameter, value: None if value is None else ("on" if value else "off"),
            help="Sum up the change as a whole; without either, where the model is able to.",
        ),
    )


def change_options(function: _F) -> _F:
    """What is looked at, and what is asked about it; the same for all who are to share the answers."""
    return _with(
        function,
        click.option("--include", multiple=True, metavar="GLOB", help="Only these files; may be given several times."),
        click.option("--exclude", multiple=True, metavar="GLOB", help="Not these files; may be given several times."),
        context_option,
        click.option("--cache/--no-cache", default=None, help="Use answers from before."),
        click.option("--completions/--no-completions", default=None, help="Suggest code for unfinished code."),
        click.option(
            "--model-findings",
            type=click.Choice(["auto", "on", "off"]),
            help="Report defects that the model itself claims.",
        ),
        click.option("--fixes/--no-fixes", default=None, help="Have the model explain and fix what rules report."),
        click.option("--rules/--no-rules", default=None, help="Run the built-in rules."),
        click.option(
            "--no-model",
            "use_model",
            flag_value=False,
            type=bool,
            is_flag=True,
            default=None,
            help="Report what rules and analyzers find, without a model.",
        ),
    )


def context_option(function: _F) -> _F:
    """How far to look around a change."""
    what = "Code shown beside a change: scope (signatures and imports) or file (also definitions in the file)."
    return _with(function, click.option("--context", type=click.Choice(_words("context")), help=what))


def sarif_option(function: _F) -> _F:
    """What ran before."""
    kind = click.Path(exists=True, dir_okay=False, path_type=Path)
    what = "Also report these results of another tool, as SARIF 2.1.0; may be given several times."
    return _with(function, click.option("--sarif", type=kind, multiple=True, metavar="FILE", help=what))


def format_option(function: _F) -> _F:
    """How the review is written."""
    return _with(function, click.option("--format", type=click.Choice(FORMATS), help="How the review is written."))


def install_option(function: _F) -> _F:
    """Whether missing parts are fetched."""
    what = "First install the engine and the model where they are missing."
    return _with(function, click.option("--install", is_flag=True, help=what))


def as_flags(values: dict[str, Any]) -> dict[str, object]:
    """Leave out what was not given, so that it does not hide a weaker source."""
    return {name: value for name, value in values.items() if value is not None and value != ()}


def _words(field: str) -> tuple[str, ...]:
    kind = BY_FIELD[field].kind
    return kind.words if isinstance(kind, Choice) else ()


def _with(function: _F, *options: Callable[[_F], _F]) -> _F:
    for option in reversed(options):
        function = option(function)
    return function
