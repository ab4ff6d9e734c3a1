"""``reviewer baseline``: silence what is there already, so that only what is new is told from now on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reviewer.cli import options
from reviewer.errors import UsageError

_EPILOG = """\b
Examples:
  reviewer baseline                what is found in what is staged
  reviewer baseline main...HEAD    in this branch
  reviewer baseline --update HEAD  add to the baseline that is there

It writes .reviewer/baseline.json, one line for each finding, to be committed. A finding that is in it is set aside,
not shown, and fails nothing; delete its line to hear of it again.
"""


@click.command(epilog=_EPILOG)
@click.argument("revision", required=False, metavar="[REVISION|RANGE]")
@click.option("--update", is_flag=True, help="Add to the baseline that is there.")
@click.option("--output", "destination", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@options.model_options
@options.install_option
@options.review_options
def baseline(revision: str | None, *, update: bool, destination: Path | None, install: bool, **flags: Any) -> None:
    """Review a change and silence what is found in it, from now on."""
    from reviewer.cli import common
    from reviewer.cli.review import target_of
    from reviewer.config.repository import BASELINE, from_worktree
    from reviewer.git import Repository
    from reviewer.report import summary
    from reviewer.report.emit import write_file
    from reviewer.review import review as make_review
    from reviewer.selection.source import from_repository
    from reviewer.silencing import baseline as file
    from reviewer.terminal import output

    repository = Repository.discover()
    path = destination or repository.root / BASELINE
    old = file.load(path.read_bytes(), str(path)) if path.exists() and update else ()
    if path.exists() and not update:
        raise UsageError(f"{path} is there already", hint="reviewer baseline --update adds to it")
    settings = common.load_settings(repository, options.as_flags(flags))
    source = from_repository(repository, target_of(repository, revision))
    review = make_review(source, settings, from_worktree(repository), install=install)
    found = file.merged(old, file.entries(review.shown))
    write_file(path, file.dump(found))
    output.say(f"{path}: {summary.plural(len(found), 'finding')}, {len(found) - len(set(old))} of them new")
    if review.not_read:
        output.note(
            f"{summary.plural(len(review.not_read), 'hunk')} could not be read; what is in them is not in the baseline"
        )
