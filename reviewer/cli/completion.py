"""``reviewer completion``: shell completion scripts."""

from __future__ import annotations

import click

_EPILOG = """\b
bash   reviewer completion bash >> ~/.bashrc
zsh    reviewer completion zsh >> ~/.zshrc
fish   reviewer completion fish > ~/.config/fish/completions/reviewer.fish
"""


@click.command(epilog=_EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that completes commands, options, revisions, models and ids of findings in SHELL."""
    from click.shell_completion import get_completion_class

    from reviewer.cli import cli

    found = get_completion_class(shell)
    if found is None:  # the choice above lists the shells that click knows
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(cli, {}, "reviewer", "_REVIEWER_COMPLETE").source())
