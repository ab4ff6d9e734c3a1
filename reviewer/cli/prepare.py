"""What the prepare-commit-msg hook does: begin the message of a plain commit, for a person to edit.

Git runs it before it opens the editor, also for ``--no-verify``. The pre-commit hook has just reviewed the same
change, so that its answers are in the cache and the summary alone may be new.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from reviewer.summarise import commit_message

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reviewer.config import Settings
    from reviewer.finding import Review
    from reviewer.git import Repository

# How the pre-commit framework hands on git's second argument.
_SOURCE = "PRE_COMMIT_COMMIT_MSG_SOURCE"
_KEYS = r"^(core\.comment(char|string)|i18n\.commitencoding)$"


class _Form(NamedTuple):
    """How git reads the message file."""

    comment: str
    encoding: str


def is_wanted(source: str | None, env: Mapping[str, str]) -> bool:
    """Whether this commit's message is still to be written, in an editor.

    A message that was given, a merge, a squash, an amended commit: each has its text already. Git tells a hook that
    no editor will run by ``GIT_EDITOR=:``; nobody would read the suggestion then.

    Args:
        source: Git's second argument to the hook.
        env: The environment.
    """
    return (source or env.get(_SOURCE) or "") in ("", "template") and env.get("GIT_EDITOR") != ":"


def suggest(file: Path, flags: Mapping[str, object]) -> None:
    """Write a suggested message into git's message file, or say in one line why there is none.

    Raises:
        ReviewerError: The settings are wrong, or git or a template failed.
    """
    from reviewer.cli import common
    from reviewer.errors import EngineError
    from reviewer.git import Repository
    from reviewer.terminal import output

    repository = Repository.discover()
    form = _form(repository, file.read_bytes())
    if commit_message.has_text(file.read_bytes(), form.comment):
        return
    settings = common.load_settings(repository, flags)
    if settings.summary == "off" or settings.background:  # what is reviewed later cannot be told now
        return
    try:
        review = _review(repository, settings)
    except EngineError as problem:
        output.note(f"no commit message is suggested: {' '.join(problem.message.split())}")
        return
    if review is None:
        return
    if review.summary is None or not review.summary.message.shown:
        output.note(f"no commit message is suggested: {why_none(review)}")
        return
    _write(file, review, form)


def why_none(review: Review) -> str:
    """Why a review has no commit message to offer."""
    from reviewer.report import summary as sentences
    from reviewer.summarise import says_something

    if not review.units:
        return "the change has nothing to review"
    if review.summary is not None:
        marks = ", ".join(sorted(mark.value.replace("-", " ") for mark in review.summary.message.marks))
        return f"the model's was rejected ({marks})"
    told = next((note for note in review.notes if note.startswith("no summary")), "")
    if told:
        return told.partition(": ")[2]
    if len(review.not_read) == len(review.units):
        return f"the change could not be read ({sentences.not_read(review)[0][1]})"
    if not any(says_something(unit) for unit in review.units):
        return "nothing that was said of the change held when it was checked"
    return f'{review.usage.model} is not able to (summary = "on" has it try)'


def _review(repository: Repository, settings: Settings) -> Review | None:
    from reviewer.config.repository import from_worktree
    from reviewer.review import review as make_review
    from reviewer.selection.source import from_repository

    source = from_repository(repository, repository.target(None, staged=True), deadline=settings.hook_deadline)
    if not source.change.files:
        return None
    return make_review(
        source,
        settings,
        from_worktree(repository),
        wait=settings.hook_budget,
        deadline=settings.hook_deadline,
        message=True,
    )


def _form(repository: Repository, file: bytes) -> _Form:
    said = repository.command.attempt("config", "-z", "--get-regexp", _KEYS).out.decode("utf-8", "replace")
    values = dict(entry.partition("\n")[::2] for entry in said.split("\0") if entry)  # the last one counts, as in git
    comments = [value for key, value in values.items() if key.startswith("core.comment")]
    return _Form(
        commit_message.comment_of(file, comments[-1] if comments else "#"), values.get("i18n.commitencoding", "utf-8")
    )


def _write(file: Path, review: Review, form: _Form) -> None:
    """Write the file whole or not at all: git, or a person, reads it next."""
    from reviewer.report import view
    from reviewer.terminal.masking import remembering

    assert review.summary is not None  # noqa: S101 - the caller has looked
    said = review.summary.message
    with remembering(view.secrets(review)):
        message = commit_message.fitted(said.subject, said.body, form.comment)
    remark = f"Suggested by {view.safe(review.usage.model)}. Edit it, or delete it all to stop the commit."
    try:
        data = commit_message.placed(file.read_bytes(), message, form.comment, remark=remark, encoding=form.encoding)
    except (UnicodeEncodeError, LookupError):
        return
    aside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        aside.write_bytes(data)
        aside.replace(file)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
