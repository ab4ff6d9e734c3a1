"""The command line: one module per command, imported when it is called, behind one error boundary.

``reviewer --version`` and a hook with nothing to do must be quick, so this module imports nothing heavy but click.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click

from reviewer import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

# name -> (location of the command, summary, section of the help)
VERBS: dict[str, tuple[str, str, str]] = {
    "review": ("reviewer.cli.review:review", "Review staged changes, a commit, a range or a patch.", "Review"),
    "message": ("reviewer.cli.message:message", "Suggest a commit message for the staged changes.", "Review"),
    "watch": ("reviewer.cli.watch:watch", "Review staged changes in the background, before the commit.", "Review"),
    "show": ("reviewer.cli.show:show", "Show the stored review of a commit.", "Review"),
    "serve": ("reviewer.cli.serve:serve", "Show past reviews in a browser, and follow those being made.", "Review"),
    "apply": ("reviewer.cli.apply:apply", "Apply suggestions to the working tree, or undo that.", "Review"),
    "dismiss": ("reviewer.cli.dismiss:dismiss", "Suppress a finding in this repository.", "Review"),
    "rules": ("reviewer.cli.rules:rules", "Show which of the repository's rules apply to which files.", "Review"),
    "baseline": (
        "reviewer.cli.baseline:baseline",
        "Record existing findings so that only new ones are reported.",
        "Review",
    ),
    "explain": ("reviewer.cli.explain:explain", "Explain a file or some of its lines.", "Review"),
    "complete": ("reviewer.cli.complete:complete", "Complete the code at a position in a file.", "Review"),
    "eval": ("reviewer.cli.evaluate:evaluate", "Measure how well a model reviews labelled changes.", "Review"),
    "install": ("reviewer.cli.install:install", "Install git hooks in this repository.", "Hooks and CI"),
    "uninstall": ("reviewer.cli.install:uninstall", "Remove the hooks and restore earlier ones.", "Hooks and CI"),
    "hook": ("reviewer.cli.hook:hook", "Run by git hooks: pre-commit, pre-push and others.", "Hooks and CI"),
    "ci": ("reviewer.cli.ci:ci", "Review a pull request or a push on a CI machine.", "Hooks and CI"),
    "mcp": ("reviewer.cli.mcp:mcp", "Serve reviews and the model to coding agents (MCP).", "Hooks and CI"),
    "lsp": ("reviewer.cli.lsp:lsp", "Show reviews of open files in an editor (LSP).", "Hooks and CI"),
    "engine": ("reviewer.cli.engine:engine", "Install, start, stop and inspect the model server.", "Set-up"),
    "model": ("reviewer.cli.model:model", "List, install, verify and remove models.", "Set-up"),
    "cache": ("reviewer.cli.cache:cache", "Show or clear the cached answers.", "Set-up"),
    "doctor": ("reviewer.cli.doctor:doctor", "Check the installation and say what to do.", "Set-up"),
    "clean": ("reviewer.cli.clean:clean", "Show or remove engines, models, cache and logs.", "Set-up"),
    "config": ("reviewer.cli.config_cmd:config", "Show the settings in effect and their origins.", "Set-up"),
    "completion": ("reviewer.cli.completion:completion", "Print a shell completion script.", "Set-up"),
}

# A shell reads the output of completion; show and hook announce finished reviews themselves.
_NO_NEWS = ("completion", "hook", "show")

_EPILOG = """\b
Examples:
  reviewer review --embedded --install HEAD   install what is missing, review the newest commit
  reviewer review                             review the staged changes
  reviewer review main...HEAD                 review this branch
  git diff | reviewer review -                review a patch
  reviewer install                            review every commit from now on

\b
Exit codes: 0 passed, 1 findings at or above --fail-on, 2 usage or configuration,
3 no engine, 4 internal error, 5 incomplete review, 130 interrupted.
"""


class Verbs(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every command, in the order of the help."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import one command."""
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{VERBS[cmd_name][0]} is not a command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command for a misspelt one."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "reviewer --help lists the commands"
            ctx.fail(f"unknown command {args[0]!r}: {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the commands by section, without importing any."""
        for group in dict.fromkeys(group for _, _, group in VERBS.values()):
            with formatter.section(group):
                formatter.write_dl([(name, about) for name, (_, about, where) in VERBS.items() if where == group])


@click.group(
    name="reviewer",
    cls=Verbs,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="reviewer %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Review code changes with a model on this machine. Your code stays local."""
    if ctx.invoked_subcommand not in _NO_NEWS:
        from reviewer.deferred.worker import tell_news

        tell_news()


def run(args: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    from reviewer.cli.boundary import flushed, guarded

    return flushed(guarded(lambda: cli.main(args=_completed(args), prog_name="reviewer", standalone_mode=False)))


def _completed(args: Sequence[str]) -> list[str]:
    """Give a bare ``--embedded`` its value: the next argument, such as a revision, is not one."""
    end = args.index("--") if "--" in args else len(args)
    return [*("--embedded=auto" if arg == "--embedded" else arg for arg in args[:end]), *args[end:]]
