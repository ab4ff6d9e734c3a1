"""``reviewer rules``: show which of the repository's rules apply to which files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reviewer.cli import completing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.git import Repository
    from reviewer.prompting.rules import Rule

_EPILOG = """\b
Examples:
  reviewer rules                 all rules, and the staged files they apply to
  reviewer rules src/api.py      the rules for one file

A rule is a Markdown file in .reviewer/rules, such as .reviewer/rules/queries.md:
\b
  ---
  paths: ["src/api/**", "*.sql"]
  languages: [python, sql]
  ---
  Every query goes through db.query, never through string formatting.
"""


@click.command(epilog=_EPILOG)
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=completing.places)
def rules(paths: tuple[str, ...]) -> None:
    """Show which of the repository's rules apply to which files.

    PATH is relative to the top folder of the repository. Without PATH, show staged files.
    """
    from reviewer.cli import common
    from reviewer.config.repository import RULES, from_worktree
    from reviewer.git import Repository
    from reviewer.prompting import borrowed
    from reviewer.prompting import rules as own
    from reviewer.terminal import output

    repository = Repository.discover()
    files = from_worktree(repository, common.load_settings(repository, {}).rule_files)
    others, remarks = borrowed.read(files.borrowed)
    known = (*own.read(files.rules), *others)
    for remark in remarks:
        output.note(remark)
    if not known:
        output.note(f"this repository has no rules (Markdown files in {RULES})")
        return
    named = paths or _staged(repository)
    for rule in known:
        _show(rule)
        for path in _held(repository, rule, named):
            output.say(f"  {path}")
    for path in named:  # reports rules that are too long together, as a review would
        own.holding(known, path, _language(repository, path))


def _show(rule: Rule) -> None:
    from reviewer.terminal import output
    from reviewer.terminal.masking import visible

    where = [*rule.paths, *rule.languages, *(f"!{one}" for one in rule.unless)] or ["every file"]
    output.say(visible(f"{rule.name}  {', '.join(where)}"))


def _held(repository: Repository, rule: Rule, paths: Sequence[str]) -> list[str]:
    from reviewer.terminal.masking import visible

    return [visible(path) for path in paths if rule.holds_for(path, _language(repository, path))]


def _language(repository: Repository, path: str) -> str:
    from reviewer import diff
    from reviewer.languages import detect

    data = repository.content(repository.target(None, staged=True), path)
    return detect(path, "" if data is None else diff.decode(data).partition("\n")[0]).name


def _staged(repository: Repository) -> tuple[str, ...]:
    from reviewer import diff

    target = repository.target(None, staged=True)
    return tuple(file.path for file in diff.parse(repository.patch(target), target.subject).files)
