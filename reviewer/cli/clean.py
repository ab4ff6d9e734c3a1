"""``reviewer clean``: show the disk use of engines, models, cache and logs, and remove them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from reviewer.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = ("engine", "models", "cache", "logs")

_EPILOG = """\b
Examples:
  reviewer clean                   show the disk use
  reviewer clean cache logs        remove these
  reviewer clean --all --yes       remove everything without asking

Settings, hooks, baselines and stored reviews are never removed. A model in a folder of your own stays there.
"""


@dataclass(frozen=True, slots=True)
class _Part:
    """Something that can be removed."""

    name: str
    paths: tuple[Path, ...]

    @property
    def bytes(self) -> int:
        """Disk use of its files; links are not followed."""
        from reviewer.engine.install.disk import used_bytes

        return sum(map(used_bytes, self.paths))

    def remove(self) -> None:
        """Remove its files; a link is removed, not followed."""
        from reviewer.engine.install.disk import remove_tree

        for path in self.paths:
            try:
                remove_tree(path)
            except OSError as problem:
                raise UsageError(f"cannot remove {path}: {problem.strerror}") from problem


@click.command(epilog=_EPILOG)
@click.argument("names", nargs=-1, type=click.Choice(_NAMES), metavar="[engine|models|cache|logs]...")
@click.option("--all", "everything", is_flag=True, help="Remove all of them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def clean(names: tuple[str, ...], *, everything: bool, yes: bool) -> None:
    """Show the disk use of engines, models, cache and logs, or remove them."""
    from reviewer.cli.common import confirm
    from reviewer.engine.server import registry
    from reviewer.terminal import output

    if names and everything:
        raise click.UsageError("names and --all are mutually exclusive")
    parts = _parts()
    sizes = {part.name: part.bytes for part in parts}
    if not names and not everything:
        for part in parts:
            output.say(f"{part.name:<7} {output.byte_size(sizes[part.name]):>8}  {_where(part)}".rstrip())
        output.say(f"{'total':<7} {output.byte_size(sum(sizes.values())):>8}")
        return
    chosen = [part for part in parts if (everything or part.name in names) and part.paths]
    if not chosen:
        output.note("nothing to remove")
        return
    if any(part.name != "cache" for part in chosen) and registry.running(measure=False):
        raise UsageError("an engine is running", hint="reviewer engine stop --all")
    freed = output.byte_size(sum(sizes[part.name] for part in chosen))
    if not yes:
        confirm(f"Remove {', '.join(part.name for part in chosen)} ({freed})?")
    for part in chosen:
        part.remove()
    output.say(f"removed {', '.join(part.name for part in chosen)}; {freed} freed")


def _parts() -> list[_Part]:
    from reviewer import cache, paths
    from reviewer.engine.install.managed import engine_dir
    from reviewer.engine.models.store import ModelStore

    answers, logs = cache.default_path(), paths.state_dir()
    found = {
        "engine": [engine_dir()],
        "models": [ModelStore().root],
        "cache": sorted(answers.parent.glob(f"{answers.name}*")),
        "logs": [logs / "engine", logs / "crashes"],
    }
    return [_Part(name, tuple(path for path in found[name] if path.exists() or path.is_symlink())) for name in _NAMES]


def _where(part: _Part) -> str:
    return str(part.paths[0] if len(part.paths) == 1 else part.paths[0].parent) if part.paths else ""
