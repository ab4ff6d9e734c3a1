"""``reviewer install`` and ``reviewer uninstall``: git hooks in this repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reviewer.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.git import Repository
    from reviewer.git.hooks import NativeHook

_MESSAGE = "prepare-commit-msg"
_STRICT, _REQUIRE, _BACKGROUND = "--fail-on error", "--require", "--background"
_HOOKS = ("pre-commit", "pre-merge-commit", _MESSAGE, "pre-push")

_EPILOG = """\b
Examples:
  reviewer install                                   review every commit; never stop one
  reviewer install --strict                          stop commits with an error
  reviewer install --background                      review after the commit; see reviewer show
  reviewer install --commit-message                  also suggest commit messages
  reviewer install --hook pre-commit --hook pre-push
  reviewer install --hook pre-merge-commit           review merges without conflicts, too

An existing hook is kept and runs first. --strict and --require of an earlier install stay in effect until --no-strict
or --no-require. git commit --no-verify skips the review, but not the suggested message.
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--hook",
    "names",
    multiple=True,
    type=click.Choice(_HOOKS),
    help="Hook to install; may be repeated. [default: pre-commit]",
)
@click.option("--strict/--no-strict", default=None, help="Stop git on findings of severity error.")
@click.option("--require/--no-require", default=None, help="Also stop git if no review can be made.")
@click.option("--background", is_flag=True, help="Review commits in the background, after they are made.")
@click.option("--commit-message", is_flag=True, help="Also suggest a commit message in the editor.")
@click.option("--yes", is_flag=True, help="Install even if core.hooksPath is outside this repository.")
def install(
    names: tuple[str, ...],
    *,
    strict: bool | None,
    require: bool | None,
    background: bool,
    commit_message: bool,
    yes: bool,
) -> None:
    """Install git hooks in this repository."""
    from reviewer.git import Repository, hooks

    names = (*(names or ("pre-commit",)), *([_MESSAGE] if commit_message else []))
    if background and _MESSAGE in names:
        raise UsageError("--background and --commit-message are mutually exclusive: a message needs the review first")
    if background and (strict or require or "pre-commit" not in names):
        raise UsageError("--background needs the pre-commit hook and cannot be combined with --strict or --require")
    repository = Repository.discover()
    if not yes:
        _refuse_shared(repository)
    program = hooks.this_program()
    for hook in _hooks(repository, (*names, "post-commit") if background else names):
        if hook.name in (_MESSAGE, "post-commit"):
            options = []
        elif background:
            options = [_BACKGROUND]
        else:
            options = [
                option for option, given in ((_STRICT, strict), (_REQUIRE, require)) if _wanted(given, option, hook)
            ]
        _install(hook, program, options)
    if "pre-commit" in names and not background:
        _end_background(repository)


@click.command()
@click.option(
    "--hook",
    "names",
    multiple=True,
    type=click.Choice((*_HOOKS, "post-commit")),
    help="Hook to remove; may be repeated. [default: all of them]",
)
def uninstall(names: tuple[str, ...]) -> None:
    """Remove the hooks of reviewer install and restore the earlier ones.

    Settings, stored reviews, the engine and models stay; see reviewer clean.
    """
    from reviewer.git import Repository, hooks
    from reviewer.terminal import output

    found = [hook for hook in _hooks(Repository.discover(), names or hooks.HOOKS) if names or _concerns(hook)]
    for hook in found:
        if hook.exists and not hook.is_ours:
            beside = f"; the hook before it is {hook.earlier.name}" if hook.earlier.exists() else ""
            output.say(f"{hook.name}: kept {hook.path}, which reviewer did not install{beside}")
        elif hook.uninstall():
            output.say(f"{hook.name}: " + ("restored" if hook.exists else "removed") + f" {hook.path}")
        else:
            output.say(f"{hook.name}: not installed")
    if not found:
        output.note("no hooks are installed in this repository")


def _concerns(hook: NativeHook) -> bool:
    return hook.is_ours or hook.earlier.exists()


def _wanted(given: bool | None, option: str, hook: NativeHook) -> bool:
    """Whether an option is asked for now, or was in effect and nothing else is asked for."""
    return option in hook.options if given is None else given


def _install(hook: NativeHook, program: Path, options: list[str]) -> None:
    from reviewer.terminal import output

    before = [option for option in (_STRICT, _REQUIRE, _BACKGROUND) if option in hook.options]
    chained = hook.install(program, " ".join(options))
    with_options = f" with {' '.join(options)}" if options else ""
    output.say(
        f"{hook.name}: installed in {hook.path}{with_options}" + (f", after {hook.earlier.name}" if chained else "")
    )
    if lost := [option for option in before if option not in options]:
        output.say(f"{hook.name}: no longer with {' '.join(lost)}")


def _hooks(repository: Repository, names: tuple[str, ...]) -> list[NativeHook]:
    from reviewer.git.hooks import NativeHook

    return [NativeHook(repository.hooks_dir, name) for name in dict.fromkeys(names)]


def _end_background(repository: Repository) -> None:
    """Remove our post-commit hook: a commit that was reviewed before it was made is not reviewed again."""
    from reviewer.terminal import output

    (hook,) = _hooks(repository, ("post-commit",))
    if hook.is_ours and hook.uninstall():
        output.say("post-commit: " + ("restored" if hook.exists else "removed") + f" {hook.path}")


def _refuse_shared(repository: Repository) -> None:
    """Refuse to install into a folder that other repositories may share, unless ``--yes`` is given."""
    folder = repository.hooks_dir.resolve()
    homes = (repository.common_dir.resolve(), repository.root.resolve())
    if not any(folder.is_relative_to(home) for home in homes):
        raise UsageError(
            f"core.hooksPath is {folder}, outside this repository; other repositories may share it",
            hint="install there anyway: reviewer install --yes\n"
            "use hooks of this repository: git config --local core.hooksPath .git/hooks",
        )
