"""``reviewer dismiss``: suppress findings in this repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reviewer.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.git import Repository
    from reviewer.silencing.dismissal import Dismissal

_EPILOG = """\b
Examples:
  reviewer dismiss r2 --reason "the list is never empty here"
  reviewer dismiss --list
  reviewer dismiss --undo r2
  reviewer dismiss --undo 3f2a9c41d07be586

A dismissed finding is hidden, with its reason, in later reviews of this repository, even after its line moves. The
record is kept in the git folder and shared by all its working trees, but not pushed. To suppress a finding for a team,
use a comment in the code or the baseline.
"""


@click.command(epilog=_EPILOG)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--reason", default="", metavar="TEXT", help="Why it is not a defect.")
@click.option("--list", "listing", is_flag=True, help="List the dismissed findings.")
@click.option("--undo", is_flag=True, help="Report it again; ID may also be a fingerprint from --list.")
def dismiss(ids: tuple[str, ...], *, reason: str, listing: bool, undo: bool) -> int:
    """Suppress a finding in this repository.

    ID is r1, r2, … as in the last report.
    """
    from reviewer.git import Repository
    from reviewer.silencing.dismissal import Dismissals

    if listing and (ids or undo or reason):
        raise click.UsageError("--list cannot be combined with IDs or other options")
    if undo and reason:
        raise click.UsageError("--undo and --reason are mutually exclusive")
    if not listing and not ids:
        raise click.UsageError("specify finding IDs: reviewer dismiss r1 --reason TEXT")
    repository = Repository.discover()
    known = Dismissals(repository.common_dir)
    if listing:
        _list(known.all())
    elif undo:
        _undo(repository, known.all(), ids)
    else:
        _dismiss(repository, ids, reason)
    return ExitCode.PASSED


def _dismiss(repository: Repository, ids: Sequence[str], reason: str) -> None:
    from reviewer.applying import last
    from reviewer.silencing.dismissal import Dismissal, Dismissals
    from reviewer.terminal import output

    review = last.load(repository.git_dir)
    chosen = review.find(ids)
    made = [Dismissal.of(one.finding, model=review.model, reason=reason, fingerprint=one.fingerprint) for one in chosen]
    Dismissals(repository.common_dir).add(made)
    for one, dismissal in zip(chosen, made, strict=True):
        output.note(f"{one.id} dismissed: {_about(dismissal)}\nundo: reviewer dismiss --undo {one.id}")


def _undo(repository: Repository, known: Sequence[Dismissal], ids: Sequence[str]) -> None:
    from reviewer.silencing.dismissal import Dismissals
    from reviewer.terminal import output

    wanted = {one.fingerprint: one for one in (_find(repository, known, name) for name in ids)}
    Dismissals(repository.common_dir).undo(wanted)
    for one in wanted.values():
        output.note(f"no longer dismissed: {_about(one)}")


def _find(repository: Repository, known: Sequence[Dismissal], name: str) -> Dismissal:
    """Find a dismissal by its fingerprint or by an id of the last review."""
    from reviewer.applying import last

    fingerprint = name
    if not any(one.fingerprint == name for one in known):
        (found,) = last.load(repository.git_dir).find([name])
        fingerprint = found.fingerprint
    for one in known:
        if one.fingerprint == fingerprint:
            return one
    raise UsageError(f"{name} is not dismissed", hint="reviewer dismiss --list")


def _list(known: Sequence[Dismissal]) -> None:
    from reviewer.report import view
    from reviewer.terminal import output

    if not known:
        output.note("no findings are dismissed in this repository")
    for one in known:
        reason = f"\n  {view.safe(one.reason)}" if one.reason else ""
        output.say(f"{one.fingerprint}  {one.made[:10]}  {view.safe(_about(one))}{reason}")


def _about(one: Dismissal) -> str:
    return f"{one.path}  {one.category}  {one.message}"
