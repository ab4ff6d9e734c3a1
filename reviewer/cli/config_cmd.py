"""``reviewer config``: the settings in force, where each came from, and a file to start from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reviewer.errors import UsageError

if TYPE_CHECKING:
    from reviewer.config import Settings
    from reviewer.config.options import Option

_HIDDEN = "(set)"


@click.group()
def config() -> None:
    """Show the settings in force, or write a file to start from."""


@config.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON: by key, with value and origin.")
def show(*, as_json: bool) -> None:
    """Show every setting, its value and where it came from."""
    from reviewer.cli import common
    from reviewer.config import OPTIONS, user_file
    from reviewer.terminal import output

    settings = common.load_settings(common.here(), {})
    if as_json:
        entries = {
            option.key: {"value": _shown(option, settings), "origin": settings.origin(option.field)}
            for option in OPTIONS
        }
        output.say(json.dumps(entries, indent=2))
        return
    rows = [(option.key, _toml(_shown(option, settings)), settings.origin(option.field)) for option in OPTIONS]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for key, value, origin in rows:
        output.say(f"{key:<{widths[0]}}  {value:<{widths[1]}}  {origin}")
    output.note(f"your own file: {user_file()}" + ("" if user_file().exists() else " (not there)"))


@config.command()
@click.option("--user", is_flag=True, help="Your own file instead of the repository's.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
def init(*, user: bool, force: bool) -> None:
    """Write a configuration file in which every setting is explained and commented out."""
    from reviewer import config as settings
    from reviewer.git import Repository
    from reviewer.report.emit import write_file
    from reviewer.terminal import output

    path = settings.user_file() if user else Repository.discover().root / settings.REPO_FILE
    if path.exists() and not force:
        raise UsageError(f"{_short(path)} is there already", hint="reviewer config init --force overwrites it")
    write_file(path, commented(own=user))
    output.say(f"{_short(path)}: written; every setting in it is commented out, at its default")


def commented(*, own: bool) -> str:
    """The text of a configuration file with everything commented out.

    Args:
        own: For the user's own file, which may hold more than a repository's.
    """
    from reviewer.config import OPTIONS, default
    from reviewer.config.options import Trust

    allowed = (Trust.ANY, Trust.USER) if own else (Trust.ANY,)
    lines = ["# Settings of reviewer (vllm-reviewer). `reviewer config show` tells which are in force, and why."]
    table = ""
    for option in OPTIONS:
        if option.trust not in allowed:
            continue
        section, _, key = option.key.rpartition(".")
        if section != table:
            table = section
            # Not commented out: a key that is uncommented below must land in its table. An empty table is allowed.
            lines += ["", f"[{table}]"]
        value = _toml(_none_as_word(option, default(option.field)))
        lines += ["", f"# {option.about}", f"# ({option.kind.allowed})", f"# {key} = {value}"]
    return "\n".join(lines) + "\n"


def _shown(option: Option, settings: Settings) -> object:
    from reviewer.config.options import Trust

    value = getattr(settings, option.field)
    if option.trust is Trust.SECRET:
        return _HIDDEN if value else None
    return _none_as_word(option, value)


def _none_as_word(option: Option, value: object) -> object:
    """What a file calls None."""
    return getattr(option.kind, "none", None) if value is None else value


def _toml(value: object) -> str:
    """A value as TOML writes it; JSON's texts, numbers and lists are TOML's too."""
    if value is None:
        return "-"
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def _short(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
