"""``reviewer message``: suggest a commit message."""

from __future__ import annotations

from typing import Any

import click

from reviewer.cli import completing, options
from reviewer.errors import ExitCode

_EPILOG = """\b
Examples:
  reviewer message                          for the staged changes
  git commit -e -F <(reviewer message)      commit with it, after editing
  reviewer message main..HEAD               for all commits of this branch, as for a squash

reviewer install --commit-message fills in the message of every git commit. The model summarises the review. A message
that names missing code or contains commands (closes an issue, skips CI) is not printed.
Exit code 5: no usable message.
"""


@click.command(epilog=_EPILOG)
@click.argument("revision", required=False, metavar="[REVISION|RANGE]", shell_complete=completing.revisions)
@options.model_options
@options.install_option
@options.change_options
def message(revision: str | None, *, install: bool, **flags: Any) -> int:
    """Print a suggested commit message for the staged changes or REVISION."""
    from reviewer.cli import common, prepare
    from reviewer.cli.review import target_of
    from reviewer.git import Repository
    from reviewer.report import view
    from reviewer.summarise import commit_message
    from reviewer.terminal import output
    from reviewer.terminal.masking import remembering

    repository = Repository.discover()
    settings = common.load_settings(repository, {**options.as_flags(flags), "summary": "on"})
    target = target_of(repository, revision)
    _, review = common.review_target(repository, target, settings, install=install, message=True)
    for remark in review.notes:
        output.note(remark)
    if review.summary is None or not review.summary.message.shown:
        output.note(f"no commit message: {prepare.why_none(review)}")
        return ExitCode.INCOMPLETE
    suggested = review.summary.message
    with remembering(view.secrets(review)):
        output.say(commit_message.fitted(suggested.subject, suggested.body), end="")
    return ExitCode.PASSED
