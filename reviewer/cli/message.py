"""``reviewer message``: a commit message for what is staged."""

from __future__ import annotations

from typing import Any

import click

from reviewer.cli import options
from reviewer.errors import ExitCode

_EPILOG = """\b
Examples:
  reviewer message                          for what is staged
  git commit -e -F <(reviewer message)      commit with it, after a look in the editor
  reviewer message main..HEAD               for all commits of this branch, as when they are squashed

reviewer install --commit-message has git commit begin every message so. The model sums up what the review says of each
part; a message that names what is not there, or that gives orders (closes an issue, skips the tests), is not printed.
Exit code 5: there is no usable message.
"""


@click.command(epilog=_EPILOG)
@click.argument("revision", required=False, metavar="[REVISION|RANGE]")
@options.model_options
@options.install_option
@options.change_options
def message(revision: str | None, *, install: bool, **flags: Any) -> int:
    """Print a suggested commit message for what is staged, or for REVISION."""
    from reviewer.cli import common, prepare
    from reviewer.cli.review import target_of
    from reviewer.config.repository import from_worktree
    from reviewer.git import Repository
    from reviewer.report import view
    from reviewer.review import review as make_review
    from reviewer.selection.source import from_repository
    from reviewer.summarise import commit_message
    from reviewer.terminal import output
    from reviewer.terminal.masking import remembering

    repository = Repository.discover()
    settings = common.load_settings(repository, {**options.as_flags(flags), "summary": "on"})
    source = from_repository(repository, target_of(repository, revision))
    review = make_review(source, settings, from_worktree(repository), install=install, message=True)
    for remark in review.notes:
        output.note(remark)
    if review.summary is None or not review.summary.message.shown:
        output.note(f"no commit message: {prepare.why_none(review)}")
        return ExitCode.INCOMPLETE
    said = review.summary.message
    with remembering(view.secrets(review)):
        output.say(commit_message.fitted(said.subject, said.body), end="")
    return ExitCode.PASSED
