"""Flags that several commands share; each is named after the field of ``Settings`` that it sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reviewer.cli import completing
from reviewer.config.kinds import Choice
from reviewer.config.options import BY_FIELD, FORMATS, SEVERITIES
from reviewer.engine.config import EMBEDDED_MODELS

if TYPE_CHECKING:
    from collections.abc import Callable

# ``cli.run`` completes a bare --embedded, so that it does not take the next argument as its value.
embedded_options = (
    click.option(
        "--embedded",
        is_flag=False,
        flag_value="auto",
        type=click.Choice(["auto", "off", *EMBEDDED_MODELS]),  # click gives it the value of --no-embedded too
        metavar="[=NAME]",
        help="A model from the package index: 1.5b, 0.5b, 135m, or the largest that suits this machine.",
    ),
    click.option("--no-embedded", "embedded", flag_value="off", help="Use the configured model instead."),
)

_F = TypeVar("_F", bound="Callable[..., Any]")


def model_options(function: _F) -> _F:
    """Which model to use, and where it runs."""
    return _with(
        function,
        click.option(
            "--model",
            metavar="MODEL",
            shell_complete=completing.models,
            help="A catalog name, a Hugging Face id or a local folder.",
        ),
        *embedded_options,
        click.option(
            "--url", metavar="URL", help="OpenAI-compatible endpoints, comma-separated, instead of a local engine."
        ),
        click.option("--max-memory-gb", type=float, metavar="GB", help="Memory that the engine may use."),
        click.option("--quantization", type=click.Choice(words("quantization")), help="How the weights are stored."),
        click.option("--device", type=click.Choice(words("device")), help="Device that the engine runs on."),
        click.option("--timeout", type=float, metavar="SECONDS", help="Give up after no progress for this long."),
    )


def gate_options(function: _F) -> _F:
    """When the command fails."""
    return _with(
        function,
        click.option(
            "--fail-on",
            type=click.Choice([*SEVERITIES, "never"]),
            help="Exit with 1 on findings of this severity or worse.",
        ),
        click.option(
            "--require/--no-require",
            default=None,
            help="Fail if the review cannot be made (exit 3) or is incomplete (exit 5).",
        ),
    )


def review_options(function: _F) -> _F:
    """What is reviewed, and how."""
    return _with(
        function,
        change_options,
        click.option(
            "--summary/--no-summary",
            default=None,
            callback=lambda _context, _parameter, value: None if value is None else ("on" if value else "off"),
            help="Summarise the change as a whole; by default if the model is able to.",
        ),
    )


def change_options(function: _F) -> _F:
    """What is asked about which files; commands that share cached answers need the same options."""
    return _with(
        function,
        click.option("--include", multiple=True, metavar="GLOB", help="Review only these files; may be repeated."),
        click.option("--exclude", multiple=True, metavar="GLOB", help="Skip these files; may be repeated."),
        context_option,
        click.option("--cache/--no-cache", default=None, help="Use cached answers."),
        click.option(
            "--completions/--no-completions", default=None, help="Suggest code where the change is unfinished."
        ),
        click.option(
            "--model-findings",
            type=click.Choice(words("model_findings")),
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
    """How much code is shown beside a change."""
    what = "Code shown beside a change: scope (signatures and imports) or file (also definitions in the file)."
    return _with(function, click.option("--context", type=click.Choice(words("context")), help=what))


def sarif_option(function: _F) -> _F:
    """Results of other tools."""
    kind = click.Path(exists=True, dir_okay=False, path_type=Path)
    what = "Also report the results of another tool, a SARIF 2.1.0 file; may be repeated."
    return _with(function, click.option("--sarif", type=kind, multiple=True, metavar="FILE", help=what))


def format_option(function: _F) -> _F:
    """Output format."""
    return _with(function, click.option("--format", type=click.Choice(FORMATS), help="Output format."))


def quiet_option(function: _F) -> _F:
    """Silence without findings."""
    what = "Print nothing if nothing was found."
    return _with(function, click.option("--quiet", "-q", is_flag=True, help=what))


def display_options(function: _F) -> _F:
    """What a review shows."""

    def choose(_context: click.Context, _parameter: click.Parameter, value: str) -> None:
        from reviewer.terminal import output

        output.set_colour({"always": True, "never": False}.get(value))

    return _with(
        function,
        click.option("--explanations/--no-explanations", default=None, help="Show what the change does."),
        click.option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            expose_value=False,
            callback=choose,
            help="When to use colour; auto does on a terminal.",
        ),
    )


def stat_option(function: _F) -> _F:
    """An overview instead of the code."""
    what = "List the files with their numbers of lines and findings; show no code."
    return _with(function, click.option("--stat", is_flag=True, help=what))


def pager_option(function: _F) -> _F:
    """How long reviews are shown."""

    def choose(_context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        from reviewer.terminal import pager

        pager.set_wanted(not value)

    what = "Do not show long reviews through a pager."
    return _with(function, click.option("--no-pager", is_flag=True, expose_value=False, callback=choose, help=what))


def install_option(function: _F) -> _F:
    """Whether missing parts are installed."""
    what = "Install the engine and the model first if they are missing."
    return _with(function, click.option("--install", is_flag=True, help=what))


def as_flags(values: dict[str, Any]) -> dict[str, object]:
    """Drop flags that were not given, so that they do not override other sources."""
    return {name: value for name, value in values.items() if value is not None and value != ()}


def words(field: str) -> tuple[str, ...]:
    """The values that a setting of fixed choices accepts."""
    kind = BY_FIELD[field].kind
    return kind.words if isinstance(kind, Choice) else ()


def _with(function: _F, *options: Callable[[_F], _F]) -> _F:
    for option in reversed(options):
        function = option(function)
    return function
