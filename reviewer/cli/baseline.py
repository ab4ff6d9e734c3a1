"""``reviewer baseline``: record existing findings so that only new ones are reported."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import completing, options
from reviewer.errors import UsageError

if TYPE_CHECKING:
    from reviewer.silencing.baseline import Entry

_EPILOG = """\b
Examples:
  reviewer baseline                record the findings in the staged changes
  reviewer baseline main...HEAD    record the findings in this branch
  reviewer baseline --update HEAD  add those of the newest commit

The baseline is .reviewer/baseline.json, one line per finding; commit it. Its findings are hidden and do not fail a
review. Delete a line to see that finding again.
"""


@click.command(epilog=_EPILOG)
@click.argument("revision", required=False, metavar="[REVISION|RANGE]", shell_complete=completing.revisions)
@click.option("--update", is_flag=True, help="Add to the existing baseline.")
@click.option("--output", "destination", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@options.model_options
@options.install_option
@options.review_options
def baseline(revision: str | None, *, update: bool, destination: Path | None, install: bool, **flags: Any) -> None:
    """Review a change and record its findings, so that later reviews report only new ones."""
    from reviewer.cli import common
    from reviewer.cli.review import target_of
    from reviewer.config.repository import BASELINE
    from reviewer.git import Repository
    from reviewer.report import summary
    from reviewer.report.emit import write_file
    from reviewer.silencing import baseline as file
    from reviewer.terminal import output

    repository = Repository.discover()
    path = destination or repository.root / BASELINE
    old: tuple[Entry, ...] = ()
    if os.path.lexists(path):
        if not update:
            raise UsageError(f"{path} already exists", hint="add to it: reviewer baseline --update")
        if path.is_symlink() or not path.is_file():  # a FIFO would block
            raise UsageError(f"{path} is not a regular file")
        old = file.load(path.read_bytes(), str(path))
    settings = common.load_settings(repository, options.as_flags(flags))
    _, review = common.review_target(repository, target_of(repository, revision), settings, install=install)
    found = file.merged(old, file.entries(review.shown))
    write_file(path, file.dump(found), root=repository.root)
    output.say(f"{path}: {summary.plural(len(found), 'finding')}, {len(found) - len(set(old))} new")
    if review.not_read:
        output.note(
            f"{summary.plural(len(review.not_read), 'hunk')} could not be read; the baseline lacks their findings"
        )
