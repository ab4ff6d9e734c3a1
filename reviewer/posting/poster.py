"""Reads what a pull request shows, makes a plan and carries it out.

A request without an answer may have had its effect, and a batch may be refused for one of its comments. In both cases
the state is read again and a new plan made, which repeats nothing; comments are then sent one by one, and one that is
refused goes into the summary.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from reviewer.errors import PostingError
from reviewer.posting import comments, plan
from reviewer.posting.lines import Lines
from reviewer.posting.plan import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reviewer.diff import Change
    from reviewer.finding import Review
    from reviewer.posting.comments import LineComment, Style
    from reviewer.posting.destination import PullRequest
    from reviewer.posting.plan import Plan, Posted
    from reviewer.report import RenderOptions

    Show = Callable[[str, str, object], None]

_ROUNDS = 4


class Api(Protocol):
    """What each forge's module offers."""

    style: Style

    def read(self) -> State:
        """Read what the pull request shows."""

    def post_all(self, state: State, new: Sequence[LineComment]) -> None:
        """Post comments as one review.

        Raises:
            RefusedError: At least one of them is refused; some may have been posted.
            UnsureError: There was no answer.
        """

    def post_one(self, state: State, comment: LineComment) -> None:
        """Post one comment; raises as ``post_all``."""

    def retire(self, posted: Posted, body: str) -> bool:
        """Replace the text of a comment and resolve its thread; False if the forge does not let us resolve it."""

    def write_summary(self, state: State, body: str) -> None:
        """Write the summary, or rewrite it."""

    def close(self) -> None:
        """Close the connections."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done.

    Attributes:
        moved_to: The pull request's head where it is not the revision reviewed; nothing was posted then.
        new: Comments posted.
        kept: Findings that had a comment already.
        noted: Findings that only the summary holds.
        gone: Comments marked as no longer reported.
        unresolved: How many of ``gone`` could not be resolved as well.
    """

    moved_to: str = ""
    new: int = 0
    kept: int = 0
    noted: int = 0
    gone: int = 0
    unresolved: int = 0


def post(
    review: Review,
    change: Change,
    revisions: tuple[str, str],
    options: RenderOptions,
    *,
    pull: PullRequest,
    token: str,
    show: Show | None = None,
) -> Outcome:
    """Post a review to a pull request.

    Args:
        review: What was found.
        change: What was reviewed; says on which lines comments can be.
        revisions: The merge base and the head of what was reviewed, as commit ids.
        options: How to render the summary.
        pull: Where to post.
        token: Sent to the forge alone. Without one, a dry run supposes that nothing was posted before.
        show: Makes this a dry run: receives method, URL and body of each request that would change something.

    Raises:
        PostingError: The forge refuses, or cannot be reached. Part of the review may have been posted; posting it
            again repeats nothing.
    """
    api: Api = importlib.import_module(f"reviewer.posting.{pull.forge}").connect(pull, token, show)
    base, head = revisions
    supposed = None if token else State(head, refs=(("base_sha", base), ("start_sha", base), ("head_sha", head)))
    try:
        return _Poster(api, review, Lines(change), options, supposed).post(head)
    finally:
        api.close()


class _Poster:
    def __init__(self, api: Api, review: Review, lines: Lines, options: RenderOptions, supposed: State | None) -> None:
        self._api, self._review, self._lines, self._options = api, review, lines, options
        self._supposed = supposed
        self._refused: set[str] = set()

    def post(self, head: str) -> Outcome:
        from reviewer.posting.http import RefusedError, UnsureError

        problem: Exception | None = None
        before: int | None = None
        for _ in range(_ROUNDS):
            state = self._supposed or self._api.read()
            if state.head != head:
                return Outcome(moved_to=state.head)
            made = self._plan(state)
            before = made.kept if before is None else before
            try:
                self._comment(state, made.comments, alone=problem is not None)
                made = self._plan(state)
                unresolved = self._retire(made.gone, head)
                if made.summary and made.summary != state.text:
                    self._api.write_summary(state, made.summary)
            except (RefusedError, UnsureError) as error:
                problem = error
                continue
            new = made.kept + len(made.comments) - before
            return Outcome("", new, before, made.noted, len(made.gone), unresolved)
        raise PostingError(str(problem))

    def _plan(self, state: State) -> Plan:
        return plan.make(self._review, self._lines, self._options, state, style=self._api.style, refused=self._refused)

    def _comment(self, state: State, new: Sequence[LineComment], *, alone: bool) -> None:
        from reviewer.posting.http import RefusedError

        if not new:
            return
        if not alone:
            self._api.post_all(state, new)
            return
        for comment in new:
            try:
                self._api.post_one(state, comment)
            except RefusedError:
                self._refused.add(comment.key)

    def _retire(self, gone: Sequence[Posted], head: str) -> int:
        """Mark comments whose finding is gone; return how many could not be resolved."""
        return sum(not self._api.retire(one, comments.retired(one.body, one.key, head)) for one in gone)
