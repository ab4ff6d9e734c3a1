"""``reviewer serve``: show the past reviews of a repository in a browser."""

from __future__ import annotations

import click

_EPILOG = """\b
Examples:
  reviewer serve            print the address, and serve until Ctrl-C
  reviewer serve --open     also open it in a browser

Listens on 127.0.0.1 only; the address holds a token that changes with each start. Changes nothing in the repository.
"""


@click.command(epilog=_EPILOG)
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORT", help="Listen on this port; default: a free one.")
@click.option("--open", "opens", is_flag=True, help="Open the address in a browser.")
def serve(port: int | None, *, opens: bool) -> None:
    """Show past reviews in a browser, and follow those being made."""
    from reviewer.git import Repository
    from reviewer.protocols.web.reviews import Reviews
    from reviewer.protocols.web.server import PageServer
    from reviewer.terminal import output

    server = PageServer(Reviews(Repository.discover()), port or 0)
    with server:
        output.say(server.address)
        output.note("serving past reviews; Ctrl-C stops")
        if opens:
            import webbrowser

            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.ended.set()
            output.note("stopped")
