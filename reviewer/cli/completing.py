"""What a shell offers for an argument: models, revisions, ids of findings. Click calls these while Tab waits.

Nothing that a shell would interpret is offered: names of branches come from others. Nothing fails: a shell shows no
errors here.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import click

_PLAIN = re.compile(r"[\w@./+][\w@./+~-]*", re.ASCII)
_RANGE = re.compile(r"(.*?\.\.\.?)")
_LATEST = ("HEAD", "HEAD~1", "HEAD~2", "HEAD~3")


def models(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Models of the catalog, and installed ones."""
    found: list[str] = []
    with contextlib.suppress(Exception):
        from reviewer.engine.models import catalog

        found += [name for model in catalog.models() for name in (model.id, *model.aliases)]
    return _beginning((*found, *_installed()), incomplete, ignore_case=True)


def installed_models(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Installed models."""
    return _beginning(_installed(), incomplete, ignore_case=True)


def revisions(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Branches, tags and recent commits; after ``A..`` or ``A...`` the other end of the range."""
    begun = _RANGE.match(incomplete)
    base = begun[1] if begun else ""
    names: list[str] = [*_LATEST]
    with contextlib.suppress(Exception):
        from reviewer.git import Repository

        command = Repository.discover().command
        listed = command.run("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes")
        names += listed.decode("utf-8", "replace").split("\n")
    return [CompletionItem(base + item.value) for item in _beginning(names, incomplete.removeprefix(base))]


def findings(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of the last review, or with ``--undo`` those of dismissed findings; shells that can show what they are."""
    known = (*context.params.get("ids", ()), *context.args)
    offered: Iterable[tuple[str, str]] = ()
    with contextlib.suppress(Exception):
        offered = tuple(_dismissed() if context.params.get("undo") else _found())
    return [
        CompletionItem(id_, help=about) for id_, about in offered if id_.startswith(incomplete) and id_ not in known
    ]


def places(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files; the shell knows them."""
    return [CompletionItem(incomplete, type="file")]


def _installed() -> tuple[str, ...]:
    with contextlib.suppress(Exception):
        from reviewer.engine.models.store import ModelStore

        return tuple(entry.id for entry in ModelStore().list())
    return ()


def _found() -> Iterator[tuple[str, str]]:
    from reviewer.applying import last
    from reviewer.git import Repository
    from reviewer.report import view

    for one in last.load(Repository.discover().git_dir).findings:
        finding = one.finding
        yield one.id, f"{view.safe_path(finding.path)}:{finding.line} {view.safe(finding.message)}"


def _dismissed() -> Iterator[tuple[str, str]]:
    from reviewer.git import Repository
    from reviewer.report import ids, view
    from reviewer.silencing.dismissal import Dismissals

    known = Dismissals(Repository.discover().common_dir).all()
    for short, one in zip(ids.shortened([one.fingerprint for one in known]), known, strict=True):
        yield short, f"{view.safe_path(one.path)} {view.safe(one.message)}"


def _beginning(names: Iterable[str], incomplete: str, *, ignore_case: bool = False) -> list[CompletionItem]:
    wanted = incomplete.casefold() if ignore_case else incomplete
    return [
        CompletionItem(name)
        for name in dict.fromkeys(names)
        if (name.casefold() if ignore_case else name).startswith(wanted) and _PLAIN.fullmatch(name)
    ]
