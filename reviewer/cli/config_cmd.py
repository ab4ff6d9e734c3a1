"""``reviewer config``: show the settings in effect, or write a commented configuration file."""

from __future__ import annotations

import json
import os
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
    """Show the settings in effect, or write a commented configuration file."""


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Output JSON: value and origin by key.")
def show(*, as_json: bool) -> None:
    """Show every setting, its value and its origin."""
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
    output.note(f"your own file: {user_file()}" + ("" if user_file().exists() else " (does not exist)"))


@config.command()
@click.option("--user", is_flag=True, help="Write your own file instead of the repository's.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def init(*, user: bool, force: bool) -> None:
    """Write a configuration file with every setting described and commented out."""
    from reviewer import config as settings
    from reviewer.git import Repository
    from reviewer.report.emit import write_file
    from reviewer.terminal import output

    root = None if user else Repository.discover().root
    path = settings.user_file() if root is None else root / settings.REPO_FILE
    if os.path.lexists(path) and not force:
        raise UsageError(f"{_short(path)} already exists", hint="overwrite it: reviewer config init --force")
    write_file(path, commented(own=user), root=root)
    output.say(f"{_short(path)}: written; every setting is commented out, at its default")


def commented(*, own: bool) -> str:
    """The text of a configuration file with everything commented out.

    Args:
        own: For the user's file, which may hold more settings than a repository's.
    """
    from reviewer.config import OPTIONS, default
    from reviewer.config.options import Trust

    allowed = (Trust.ANY, Trust.USER) if own else (Trust.ANY,)
    lines = ["# Settings of reviewer (vllm-reviewer). `reviewer config show` prints those in effect and their origins."]
    table = ""
    for option in OPTIONS:
        if option.trust not in allowed:
            continue
        section, _, key = option.key.rpartition(".")
        if section != table:
            table = section
            # Not commented out, so that a key uncommented below belongs to its table. An empty table is allowed.
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
    """The word that stands for None in a file."""
    return getattr(option.kind, "none", None) if value is None else value


def _toml(value: object) -> str:
    """A value in TOML, which shares JSON's strings, numbers and lists."""
    if value is None:
        return "-"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def _short(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
