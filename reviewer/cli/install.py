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
    help="Hook to install; may be repeated. Default: pre-commit.",
)

_EPILOG = """\b
Examples:
  reviewer install                                   review every commit; never stop one
  reviewer install --strict                          stop commits with an error
  reviewer install --background                      review after the commit; see reviewer show
  reviewer install --commit-message                  also suggest commit messages
  reviewer install --hook pre-commit --hook pre-push

An existing hook is kept and runs first. git commit --no-verify skips the review, but not the suggested message.
"""


@click.command(epilog=_EPILOG)
@_HOOK
@click.option("--strict", is_flag=True, help="Stop git on findings of severity error.")
@click.option("--require", is_flag=True, help="Also stop git if no review can be made.")
@click.option("--background", is_flag=True, help="Review commits in the background, after they are made.")
@click.option("--commit-message", is_flag=True, help="Also suggest a commit message in the editor.")
@click.option("--yes", is_flag=True, help="Install even if core.hooksPath is outside this repository.")
def install(
    names: tuple[str, ...], *, strict: bool, require: bool, background: bool, commit_message: bool, yes: bool
) -> None:
    """Install git hooks in this repository."""
    from reviewer.git import Repository, hooks
    from reviewer.terminal import output

    names = (*(names or ("pre-commit",)), *([_MESSAGE] if commit_message else []))
    if background and _MESSAGE in names:
        raise UsageError("--background and --commit-message are mutually exclusive: a message needs the review first")
    if background and (strict or require or "pre-commit" not in names):
        raise UsageError("--background needs the pre-commit hook and cannot be combined with --strict or --require")
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
    """Remove the hooks of reviewer install and restore the earlier ones."""
    from reviewer.git import Repository, hooks
    from reviewer.terminal import output

    for hook in _hooks(Repository.discover(), names or hooks.HOOKS):
        if hook.exists and not hook.is_ours:
            if names or hook.earlier.exists():
                output.say(f"{hook.name}: kept {hook.path}, which reviewer did not install")
        elif hook.uninstall():
            output.say(f"{hook.name}: " + ("restored" if hook.exists else "removed") + f" {hook.path}")
        elif names:
            output.say(f"{hook.name}: not installed")


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
