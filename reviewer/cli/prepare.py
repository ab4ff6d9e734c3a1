"""The prepare-commit-msg hook: suggests the message of a plain ``git commit``.

Git runs it before it opens the editor, also with ``--no-verify``. The pre-commit hook has just reviewed the same
change, so all answers but the summary are cached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reviewer.summarise import commit_message

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reviewer.config import Settings
    from reviewer.finding import Review
    from reviewer.git import Repository

# pre-commit passes git's second argument in this variable.
_SOURCE = "PRE_COMMIT_COMMIT_MSG_SOURCE"
_KEYS = r"^(core\.comment(char|string)|i18n\.commitencoding)$"


class _Form(NamedTuple):
    """How git reads the message file."""

    comment: str
    encoding: str


def is_wanted(source: str | None, env: Mapping[str, str]) -> bool:
    """Whether this commit's message will be written in an editor.

    With ``-m``, a merge, a squash or an amended commit there is text already. Git sets ``GIT_EDITOR=:`` if no editor
    will run.

    Args:
        source: Git's second argument to the hook.
        env: The environment.
    """
    return (source or env.get(_SOURCE) or "") in ("", "template") and env.get("GIT_EDITOR") != ":"


def suggest(file: Path, flags: Mapping[str, object]) -> None:
    """Write a suggested message into git's message file, or print one line that says why there is none.

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
    if settings.summary == "off" or settings.background:  # a later review cannot suggest a message now
        return
    try:
        review = _review(repository, settings)
    except EngineError as problem:
        output.note(f"no commit message suggested: {' '.join(problem.message.split())}")
        return
    if review is None:
        return
    if review.summary is None or not review.summary.message.shown:
        output.note(f"no commit message suggested: {why_none(review)}")
        return
    _write(file, review, form)


def why_none(review: Review) -> str:
    """Why a review has no commit message."""
    from reviewer.report import summary as sentences
    from reviewer.summarise import says_something

    if not review.units:
        return "the change has nothing to review"
    if review.summary is not None:
        marks = ", ".join(sorted(mark.value.replace("-", " ") for mark in review.summary.message.marks))
        return f"the model's message was rejected ({marks})"
    reason = next((note for note in review.notes if note.startswith("no summary")), "")
    if reason:
        return reason.partition(": ")[2]
    if len(review.not_read) == len(review.units):
        return f"the change could not be read ({sentences.not_read(review)[0][1]})"
    if not any(says_something(unit) for unit in review.units):
        return "no explanation of the change passed the checks"
    return f'{review.usage.model} is not suited for summaries (try anyway: summary = "on")'


def _review(repository: Repository, settings: Settings) -> Review | None:
    from reviewer.cli import common

    target = repository.target(None, staged=True)
    how: dict[str, Any] = {"wait": settings.hook_budget, "deadline": settings.hook_deadline, "message": True}
    source, review = common.review_target(repository, target, settings, **how)
    return review if source.change.files else None


def _form(repository: Repository, file: bytes) -> _Form:
    listed = repository.command.attempt("config", "-z", "--get-regexp", _KEYS).out.decode("utf-8", "replace")
    values = dict(entry.partition("\n")[::2] for entry in listed.split("\0") if entry)  # the last one wins, as in git
    comments = [value for key, value in values.items() if key.startswith("core.comment")]
    return _Form(
        commit_message.comment_of(file, comments[-1] if comments else "#"), values.get("i18n.commitencoding", "utf-8")
    )


def _write(file: Path, review: Review, form: _Form) -> None:
    from reviewer import files
    from reviewer.report import view
    from reviewer.terminal.masking import remembering

    assert review.summary is not None  # noqa: S101 - checked by the caller
    suggested = review.summary.message
    with remembering(view.secrets(review)):
        message = commit_message.fitted(suggested.subject, suggested.body, form.comment)
    remark = f"Suggested by {view.safe(review.usage.model)}. Edit it, or delete everything to abort the commit."
    try:
        data = commit_message.placed(file.read_bytes(), message, form.comment, remark=remark, encoding=form.encoding)
    except (UnicodeEncodeError, LookupError):
        return
    files.write(file, data, mode=None)
