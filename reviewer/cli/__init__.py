"""The command line: one file per verb, loaded only when it is called, behind one error boundary.

``reviewer --version`` and a hook with nothing to do are run many times a day, so this module imports click and
nothing else that is heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click

from reviewer import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

# verb -> (where its command is, what it does, which group of the help it stands in)
VERBS: dict[str, tuple[str, str, str]] = {
    "review": ("reviewer.cli.review:review", "Review staged changes, a commit, a range or a patch.", "Review"),
    "message": ("reviewer.cli.message:message", "Suggest a commit message for what is staged.", "Review"),
    "watch": ("reviewer.cli.watch:watch", "Review what is staged as it changes, ahead of the commit.", "Review"),
    "show": ("reviewer.cli.show:show", "Show the review that was stored for a commit.", "Review"),
    "apply": ("reviewer.cli.apply:apply", "Write suggestions into the working tree, or take them back.", "Review"),
    "dismiss": ("reviewer.cli.dismiss:dismiss", "Hear no more of a finding in this repository.", "Review"),
    "rules": ("reviewer.cli.rules:rules", "Show which of the repository's rules hold for which files.", "Review"),
    "baseline": ("reviewer.cli.baseline:baseline", "Silence what is found already, to hear of what is new.", "Review"),
    "explain": ("reviewer.cli.explain:explain", "Explain a file or some lines of it.", "Review"),
    "complete": ("reviewer.cli.complete:complete", "Write the code that belongs at a place in a file.", "Review"),
    "eval": ("reviewer.cli.evaluate:evaluate", "Measure how well a model reviews, on labelled changes.", "Review"),
    "install": ("reviewer.cli.install:install", "Install git hooks in this repository.", "Hooks and CI"),
    "uninstall": ("reviewer.cli.install:uninstall", "Remove them and restore what was there.", "Hooks and CI"),
    "hook": ("reviewer.cli.hook:hook", "What a git hook calls: pre-commit, pre-push and others.", "Hooks and CI"),
    "ci": ("reviewer.cli.ci:ci", "Review a pull request or a push on a CI machine.", "Hooks and CI"),
    "mcp": ("reviewer.cli.mcp:mcp", "Serve reviews and the model to coding agents (MCP).", "Hooks and CI"),
    "engine": ("reviewer.cli.engine:engine", "Install, start, stop and watch the model server.", "Set-up"),
    "model": ("reviewer.cli.model:model", "List, install, verify and remove models.", "Set-up"),
    "cache": ("reviewer.cli.cache:cache", "Show or clear the answers that are kept.", "Set-up"),
    "config": ("reviewer.cli.config_cmd:config", "Show the settings in force and where they come from.", "Set-up"),
    "completion": ("reviewer.cli.completion:completion", "Print the script that completes verbs in a shell.", "Set-up"),
}

# A shell reads what completion prints; show and hook tell the news by themselves.
_NO_NEWS = ("completion", "hook", "show")

_EPILOG = """\b
Examples:
  reviewer review --embedded --install HEAD   set everything up, review the newest commit
  reviewer review                             review what is staged
  reviewer review main...HEAD                 review this branch
  git diff | reviewer review -                review any patch
  reviewer install                            review every commit from now on

\b
Exit codes: 0 passed, 1 findings at or over --fail-on, 2 usage or configuration,
3 no engine, 4 a bug of ours, 5 not everything could be read, 130 interrupted.
"""


class Verbs(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every verb, in the order of the help."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import one verb."""
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{VERBS[cmd_name][0]} is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest verb for a mistyped one."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "reviewer --help lists the verbs"
            ctx.fail(f"unknown verb {args[0]!r}: {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the verbs by what they are for, without importing any."""
        for group in dict.fromkeys(group for _, _, group in VERBS.values()):
            with formatter.section(group):
                formatter.write_dl([(verb, about) for verb, (_, about, where) in VERBS.items() if where == group])


@click.group(
    name="reviewer",
    cls=Verbs,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="reviewer %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Review code changes with a model on this machine. Nothing leaves it."""
    if ctx.invoked_subcommand not in _NO_NEWS:
        from reviewer.deferred.worker import tell_news

        tell_news()


def run(args: Sequence[str]) -> int:
    """Run one command line and return its exit code; the one error boundary is around this."""
    from reviewer.cli.boundary import guarded

    return guarded(lambda: cli.main(args=list(args), prog_name="reviewer", standalone_mode=False))
