"""What to post: the findings that have no comment yet, the comments whose finding is gone, and the summary.

The plan follows from the review and from what the forge already shows, so that making and sending it again repeats
nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.posting import comments
from reviewer.posting.marker import Marker
from reviewer.report import view
from reviewer.terminal.masking import remembering

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from reviewer.finding import Finding, Review
    from reviewer.posting.comments import LineComment, Style
    from reviewer.posting.lines import Lines
    from reviewer.report import RenderOptions
    from reviewer.report.view import FindingView

MAX_COMMENTS = 30  # in one review; the summary holds what is over


@dataclass(frozen=True, slots=True)
class Posted:
    """A comment of ours on a line.

    Attributes:
        id: Its name in the forge's API.
        thread: The name of the thread that can be resolved; empty if there is none.
        key: The finding that it reports.
        body: Its text, without the marker.
        gone: Whether it says that the finding is no longer reported.
    """

    id: str
    thread: str
    key: str
    path: str
    body: str
    gone: bool


@dataclass(frozen=True, slots=True)
class State:
    """What a pull request shows now.

    Attributes:
        head: The revision that it would merge.
        posted: Our comments on lines, oldest first.
        summary: The id of our summary; empty if there is none.
        text: The summary's whole text.
        noted: The findings that the summary holds.
        refs: What else the forge needs to place a comment.
    """

    head: str
    posted: tuple[Posted, ...] = ()
    summary: str = ""
    text: str = ""
    noted: frozenset[str] = frozenset()
    refs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send.

    Attributes:
        comments: New comments on lines.
        gone: Comments whose finding is no longer reported.
        summary: The text of the summary; empty if there is nothing to say.
        kept: How many findings have a comment already.
        noted: How many findings only the summary holds.
    """

    comments: tuple[LineComment, ...]
    gone: tuple[Posted, ...]
    summary: str
    kept: int
    noted: int


def make(
    review: Review,
    lines: Lines,
    options: RenderOptions,
    state: State,
    *,
    style: Style,
    refused: Collection[str] = (),
) -> Plan:
    """Compare a review with what the pull request shows.

    Args:
        review: What was found.
        lines: Where comments can be.
        options: How to render the summary.
        state: What is there.
        style: What the forge can show.
        refused: Keys of the findings whose comment the forge refused.
    """
    with remembering(view.secrets(review)):
        found = tuple(_keyed(review))
        shown = {posted.key for posted in state.posted if not posted.gone}
        wanted = [
            (key, finding, prepared)
            for key, finding, prepared in found
            if key not in shown and key not in state.noted and key not in refused
        ]
        wanted.sort(key=lambda one: -one[1].severity.rank)
        new: list[LineComment] = []
        for key, finding, prepared in wanted:
            if len(new) < MAX_COMMENTS:
                comment = comments.on_line(key, finding, prepared, lines, style)
                new += [comment] if comment is not None else []
        placed = shown | {comment.key for comment in new}
        noted = frozenset(key for key, _, _ in found) - placed
        elsewhere = {prepared.id for key, _, prepared in found if key in placed}
        text = ""
        if found or state.summary or review.is_incomplete:
            marker = Marker(head=state.head, noted=noted)
            text = comments.summary(review, options, elsewhere, marker)
    keys = {key for key, _, _ in found}
    gone = tuple(
        posted
        for posted in state.posted
        if not posted.gone and posted.key not in keys and _is_known_to_be_gone(review, posted.path)
    )
    return Plan(tuple(new), gone, text, len(shown & keys), len(noted))


def _keyed(review: Review) -> Iterator[tuple[str, Finding, FindingView]]:
    """The shown findings with their keys: fingerprints, numbered where several lines have the same one."""
    seen: Counter[str] = Counter()
    for finding, prepared in zip(review.shown, view.findings(review), strict=True):
        seen[finding.fingerprint] += 1
        count = seen[finding.fingerprint]
        yield finding.fingerprint if count == 1 else f"{finding.fingerprint}-{count}", finding, prepared


def _is_known_to_be_gone(review: Review, path: str) -> bool:
    """Whether the review would have reported a finding in this file again; it was read as far as it should be."""
    unread = {unit.path for unit in review.not_read} | {one.path for one in review.skimmed if one.unread}
    return review.unavailable is None and path not in unread
