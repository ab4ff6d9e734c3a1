"""``reviewer install`` and ``reviewer uninstall``: git hooks in this repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reviewer.errors import UsageError

if TYPE_CHECKING:
    from reviewer.git import Repository
    from reviewer.git.hooks import NativeHook

_MESSAGE = "prepare-commit-msg"
_HOOK = click.option(
    "--hook",
    "names",
    multiple=True,
    type=click.Choice(["pre-commit", "prepare-commit-msg", "pre-push"]),
    help="Which hook; may be given several times. Default: pre-commit.",
)

_EPILOG = """\b
Examples:
  reviewer install                                   review every commit, never stop one
  reviewer install --strict                          stop a commit with an error in it
  reviewer install --background                      never wait: the review follows, see reviewer show
  reviewer install --commit-message                  also begin each commit message, for you to edit
  reviewer install --hook pre-commit --hook pre-push

A hook that is already there is kept and runs first. git commit --no-verify goes around both, but not around messages.
"""


@click.command(epilog=_EPILOG)
@_HOOK
@click.option("--strict", is_flag=True, help="Stop git on findings of severity error.")
@click.option("--require", is_flag=True, help="Also stop git where no review can be made.")
@click.option("--background", is_flag=True, help="Let commits go at once; each review follows as a git note.")
@click.option("--commit-message", is_flag=True, help="Also suggest a message in the editor of git commit.")
@click.option("--yes", is_flag=True, help="Also where core.hooksPath leads out of this repository.")
def install(
    names: tuple[str, ...], *, strict: bool, require: bool, background: bool, commit_message: bool, yes: bool
) -> None:
    """Install git hooks in this repository."""
    from reviewer.git import Repository, hooks
    from reviewer.terminal import output

    names = (*(names or ("pre-commit",)), *([_MESSAGE] if commit_message else []))
    if background and _MESSAGE in names:
        raise UsageError("a message needs the review before the commit, and --background leaves it for after")
    if background and (strict or require or "pre-commit" not in names):
        raise UsageError("--background is for a pre-commit hook that stops nothing: without --strict and --require")
    repository = Repository.discover()
    if not yes:
        _refuse_shared(repository)
    program = hooks.this_program()
    gate = " ".join(["--fail-on error"] * strict + ["--require"] * require)
    options = {name: "" if name == _MESSAGE else gate for name in names}
    if background:
        options |= {"pre-commit": "--background", "post-commit": ""}
    for hook in _hooks(repository, tuple(options)):
        chained = hook.install(program, options[hook.name])
        output.say(f"{hook.name}: installed in {hook.path}" + (f", after {hook.earlier.name}" if chained else ""))
    if "pre-commit" in names and not background:
        _end_background(repository)


@click.command()
@_HOOK
def uninstall(names: tuple[str, ...]) -> None:
    """Remove our git hooks and restore what was there before."""
    from reviewer.git import Repository, hooks
    from reviewer.terminal import output

    for hook in _hooks(Repository.discover(), names or hooks.HOOKS):
        if hook.exists and not hook.is_ours:
            if names or hook.earlier.exists():
                output.say(f"{hook.name}: {hook.path} is not ours and stays")
        elif hook.uninstall():
            output.say(f"{hook.name}: " + ("restored" if hook.exists else "removed") + f" {hook.path}")
        elif names:
            output.say(f"{hook.name}: not installed")


def _hooks(repository: Repository, names: tuple[str, ...]) -> list[NativeHook]:
    from reviewer.git.hooks import NativeHook

    return [NativeHook(repository.hooks_dir, name) for name in dict.fromkeys(names)]


def _end_background(repository: Repository) -> None:
    """Take our post-commit hook away: a commit that is reviewed before it is made is not reviewed again after."""
    from reviewer.terminal import output

    (hook,) = _hooks(repository, ("post-commit",))
    if hook.is_ours and hook.uninstall():
        output.say("post-commit: " + ("restored" if hook.exists else "removed") + f" {hook.path}")


def _refuse_shared(repository: Repository) -> None:
    """Ask before other repositories get the hook too; a flag, since nobody may be there to answer."""
    folder = repository.hooks_dir.resolve()
    homes = (repository.common_dir.resolve(), repository.root.resolve())
    if not any(folder.is_relative_to(home) for home in homes):
        raise UsageError(
            f"core.hooksPath leads to {folder}, outside this repository, and other repositories may use it too",
            hint="all the same: reviewer install --yes\nonly here: git config --local core.hooksPath .git/hooks",
        )
