"""``reviewer lsp``: show reviews in an editor through the Language Server Protocol."""

from __future__ import annotations

import os
from typing import Any

import click

from reviewer.assets import install_command
from reviewer.cli import options
from reviewer.errors import UsageError

_EPILOG = """\b
Examples:
  reviewer lsp                    rules and analyzers, and the model while its engine runs
  reviewer lsp --start-engine     start the engine if it is not running
  reviewer lsp --no-model         rules and analyzers only

An editor starts it; docs/editors.md has the settings for several. It reviews the uncommitted changes of open files
whenever one is opened or saved. Needs the extra lsp; in a clone: pip install
'.[lsp]'.
"""
# Set where git started the editor, for a commit message: they would name one repository for all files.
_OF_ONE_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX")


@click.command(epilog=_EPILOG)
@click.option(
    "--start-engine/--no-start-engine", default=None, help="Start an engine if none is running; off by default."
)
@click.option("--stdio", is_flag=True, expose_value=False, help="Use standard input and output; the default.")
@options.model_options
@options.change_options
def lsp(**flags: Any) -> None:
    """Show reviews of open files in an editor (Language Server Protocol)."""
    try:
        from reviewer.protocols.lsp.server import make_server
    except ModuleNotFoundError as problem:
        if problem.name is None or problem.name.partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise UsageError("the package pygls is not installed", hint=install_command("lsp")) from None
    for name in _OF_ONE_REPOSITORY:
        os.environ.pop(name, None)
    make_server(options.as_flags(flags)).start_io()
