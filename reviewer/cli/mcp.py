"""``reviewer mcp``: offer reviews and the model to coding agents through the Model Context Protocol."""

from __future__ import annotations

from typing import Any

import click

from reviewer.assets import install_command
from reviewer.cli import options
from reviewer.errors import UsageError

_EPILOG = """\b
Examples:
  reviewer mcp                           over standard input and output
  claude mcp add reviewer -- reviewer mcp
  reviewer mcp --http 8765               streamable HTTP on http://127.0.0.1:8765/mcp

Tools: review_diff, apply_suggestion, explain_code, generate_code_completion, generate_text, engine_status.
Needs the extra mcp; in a clone: pip install '.[mcp]'.
"""


@click.command(epilog=_EPILOG)
@click.option("--http", "port", type=click.IntRange(1, 65535), metavar="PORT", help="Serve HTTP on this loopback port.")
@options.model_options
def mcp(port: int | None, **flags: Any) -> None:
    """Serve reviews and the model over the Model Context Protocol."""
    from reviewer.cli import common

    try:
        from reviewer.protocols.mcp import make_server
    except ModuleNotFoundError as problem:
        if problem.name is None or problem.name.partition(".")[0] != "mcp":
            raise
        raise UsageError("the package mcp is not installed", hint=install_command("mcp")) from None
    repository = common.here()
    server = make_server(repository, common.load_settings(repository, options.as_flags(flags)))
    if port is None:
        server.run("stdio")
    else:
        server.run("streamable-http", host="127.0.0.1", port=port)
