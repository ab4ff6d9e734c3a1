"""``reviewer ci --post``: where to post, and what was posted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from reviewer.errors import PostingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reviewer.cli.forge import Job
    from reviewer.config import Settings
    from reviewer.diff import Change
    from reviewer.errors import ExitCode
    from reviewer.finding import Review
    from reviewer.git import Target
    from reviewer.posting.destination import PullRequest
    from reviewer.posting.poster import Outcome

_AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Destination:
    """A pull request, and the token to post to it with; empty in a dry run without one."""

    pull: PullRequest
    token: str = field(repr=False)
    dry_run: bool = False


def post_options(function: Callable[..., int]) -> Callable[..., int]:
    """Whether, where and how to post."""
    for option in (
        click.option("--dry-run", is_flag=True, help="With --post: print the requests instead of sending them."),
        click.option("--pull-request", metavar="URL", help="Post to this pull request instead of the CI job's."),
        click.option(
            "--post",
            is_flag=False,
            flag_value=_AUTO,
            type=click.Choice([_AUTO, "github", "gitlab", "gitea"]),
            metavar="[=FORGE]",
            help="Post the review to the pull request: github, gitlab, gitea (also Forgejo), or the CI job's forge.",
        ),
    ):
        function = option(function)
    return function


def destination(
    job: Job, env: Mapping[str, str], *, post: str | None, url: str | None, dry_run: bool
) -> Destination | None:
    """Return where to post; None if nothing is to be posted.

    Raises:
        UsageError: It is not clear where, the forge is another one, or there is no token.
    """
    from reviewer.posting import destination as posting
    from reviewer.terminal import output

    if post is None:
        if url is not None or dry_run:
            raise UsageError("--pull-request and --dry-run need --post")
        return None
    pull = job.pull if url is None else posting.PullRequest.from_url(url)
    if pull is None:
        if not job.name:
            raise UsageError("cannot determine the pull request", hint="--pull-request URL")
        output.note("nothing is posted: this job does not belong to a pull request")
        return None
    if post not in (_AUTO, pull.forge):
        raise UsageError(f"--post {post}, but {pull} is on {pull.forge}")
    try:
        return Destination(pull, posting.token(pull, env), dry_run)
    except UsageError:
        if not dry_run:
            raise
        output.note("no token: existing comments are not read")
        return Destination(pull, "", dry_run)


def deliver(
    review: Review,
    change: Change,
    target: Target,
    settings: Settings,
    *,
    verdict: ExitCode,
    where: Destination | None,
) -> PostingError | None:
    """Post a review and print what was done. An error is printed and returned: the review itself was made."""
    if where is None:
        return None
    from reviewer.posting.poster import post
    from reviewer.report import RenderOptions, gate
    from reviewer.terminal import live, output

    revisions = (target.base or "", target.head or "")
    options = RenderOptions(show_explanations=settings.explanations, fail_on=gate.severity(settings), verdict=verdict)
    show = _show if where.dry_run else None
    try:
        with live.progress() as progress:
            progress.step(f"posting to {where.pull}")  # a rate limit can take minutes
            outcome = post(review, change, revisions, options, pull=where.pull, token=where.token, show=show)
    except PostingError as problem:
        output.error(problem)
        return problem
    output.note(_sentence(outcome, where.pull, dry_run=where.dry_run))
    return None


def _show(method: str, url: str, body: object) -> None:
    from reviewer.report import encoding
    from reviewer.terminal import output

    output.say(f"{method} {url}" + ("" if body is None else f"\n{encoding.json_text(body)}") + "\n")


def _sentence(outcome: Outcome, pull: PullRequest, *, dry_run: bool) -> str:
    if outcome.moved_to:
        return f"nothing is posted: the head of {pull} is {outcome.moved_to[:10]}, which is not what was reviewed"
    parts = [
        _count(outcome.new, "new comment"),
        *([f"{outcome.kept} from earlier"] if outcome.kept else []),
        *([f"{_count(outcome.noted, 'finding')} in the summary only"] if outcome.noted else []),
        *([f"{outcome.gone} no longer reported"] if outcome.gone else []),
    ]
    text = f"{'would post' if dry_run else 'posted'} to {pull}: {', '.join(parts)}"
    if outcome.unresolved:
        text += f"\n{_count(outcome.unresolved, 'thread')} could not be resolved with this token"
    return text


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
