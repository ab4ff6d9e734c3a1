"""The commands and their help, read from click, for the site and the man page."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from reviewer.cli import cli

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Block:
    r"""A paragraph of help.

    Attributes:
        text: The paragraph on one line, or the lines of verbatim text.
        verbatim: Whether line ends count (click's ``\\b``).
    """

    text: str
    verbatim: bool


@dataclass(frozen=True)
class Entry:
    """An option or an argument: how it is written, and its help."""

    term: str
    about: str


@dataclass(frozen=True)
class Page:
    """One command.

    Attributes:
        path: Its name with the program's, such as ``reviewer engine start``.
        usage: What follows the path on a command line.
        help: Its description.
        epilog: Its examples.
        options: Without ``--help``.
        commands: Of a group.
    """

    path: str
    usage: str
    help: tuple[Block, ...]
    epilog: tuple[Block, ...]
    options: tuple[Entry, ...]
    commands: tuple[Entry, ...]


def pages() -> Iterator[Page]:
    """Every command that is not hidden, parents first, in the order of the help."""
    yield from _pages(cli, click.Context(cli, info_name="reviewer"))


def _pages(command: click.Command, context: click.Context) -> Iterator[Page]:
    children = []
    if isinstance(command, click.Group):
        found = [(name, command.get_command(context, name)) for name in command.list_commands(context)]
        children = [(name, child) for name, child in found if child is not None and not child.hidden]
    yield Page(
        path=context.command_path,
        usage=" ".join(command.collect_usage_pieces(context)),
        help=blocks(command.help or ""),
        epilog=blocks(command.epilog or ""),
        options=tuple(_options(command, context)),
        commands=tuple(Entry(name, child.get_short_help_str(200)) for name, child in children),
    )
    for name, child in children:
        yield from _pages(child, click.Context(child, info_name=name, parent=context))


def _options(command: click.Command, context: click.Context) -> Iterator[Entry]:
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None:
            yield Entry(*record)


def blocks(text: str) -> tuple[Block, ...]:
    """Split help at empty lines, as click does."""
    found = []
    for part in re.split(r"\n\s*\n", inspect.cleandoc(text.partition("\f")[0])):
        lines = part.strip("\n").splitlines()
        verbatim = bool(lines) and lines[0].strip() == "\b"
        kept = lines[1:] if verbatim else lines
        if kept:
            found.append(Block("\n".join(kept) if verbatim else " ".join(line.strip() for line in kept), verbatim))
    return tuple(found)
