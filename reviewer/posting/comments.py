"""The text of the comments. Whatever comes from the change or the model is inert in it, as in the Markdown report."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from reviewer.posting.marker import Marker
from reviewer.report import markdown

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from reviewer.finding import Finding, Review, Suggestion
    from reviewer.posting.lines import Lines
    from reviewer.report import RenderOptions
    from reviewer.report.view import FindingView

MAX_CHARS = 65_536  # the longest comment that GitHub accepts; the other forges accept more
_CUT = "*The rest is left out here; the JSON report is complete.*"
# GitLab carries out lines that begin so, also in a block that it takes for ended at a fence within it.
_QUICK_ACTION = re.compile(r"^/[A-Za-z]|```", re.MULTILINE)
_GITLAB_REACH = 100  # lines above and below a comment that a suggestion may replace


class Style(Enum):
    """How a forge writes a suggestion that can be committed with a click."""

    GITHUB = "a block that replaces the lines of the comment"
    GITLAB = "a block that names the lines around the comment"
    NONE = "not at all"


@dataclass(frozen=True, slots=True)
class LineComment:
    """A comment on lines of the new side.

    Attributes:
        key: The finding that it reports.
        old_path: The file's path before the change.
        line: The line of the finding.
        old_line: Its number in the old side; None for an added line.
        start, end: The lines that the comment spans: those of the suggestion that it offers, or ``line`` alone.
    """

    key: str
    path: str
    old_path: str
    line: int
    old_line: int | None
    start: int
    end: int
    body: str


def on_line(key: str, finding: Finding, prepared: FindingView, lines: Lines, style: Style) -> LineComment | None:
    """Return a finding as a comment; None where no comment can be."""
    place = lines.find(finding.path, finding.line)
    if place is None:
        return None
    start = end = finding.line
    blocks, marker, fix = list(markdown.finding(prepared)), Marker(key=key), prepared.suggestion
    if fix is not None:
        committable = not prepared.changed and _can_be_committed(fix, finding, lines, style)
        offer = list(_block(fix, finding.line, style) if committable else markdown.suggestion_diff(fix))
        if len("\n\n".join((*blocks, *offer, str(marker)))) <= MAX_CHARS:
            blocks += offer
            if committable and style is Style.GITHUB:
                start, end = fix.start, fix.end
    old_path = lines.old_path(finding.path)
    return LineComment(
        key, finding.path, old_path, finding.line, place.old, start=start, end=end, body=_fitted(blocks, marker)
    )


def summary(review: Review, options: RenderOptions, elsewhere: Container[str], marker: Marker) -> str:
    """Return the comment about the whole change."""
    return _fitted(markdown.overview(f"Review of {marker.head[:10]}", review, options, elsewhere), marker)


def retired(body: str, key: str, head: str) -> str:
    """Return the text of a comment whose finding is no longer reported: a note, and the finding in one paragraph."""
    blocks = (f"**No longer reported** as of {head[:10]}.", body.partition("\n\n")[0])
    return _fitted(blocks, Marker(key=key, gone=True))


def _can_be_committed(fix: Suggestion, finding: Finding, lines: Lines, style: Style) -> bool:
    """Whether a click would commit exactly what was checked."""
    if style is Style.NONE or not fix.start <= finding.line <= fix.end:
        return False
    if style is Style.GITLAB and (_QUICK_ACTION.search(fix.replacement) or fix.end - fix.start > _GITLAB_REACH):
        return False
    return lines.together(finding.path, fix.start, fix.end)


def _block(fix: Suggestion, line: int, style: Style) -> Iterator[str]:
    name = "suggestion" if style is Style.GITHUB else f"suggestion:-{line - fix.start}+{fix.end - line}"
    yield markdown.suggestion_heading(fix)
    yield markdown.fence(fix.replacement, name) if fix.replacement else f"```{name}\n```"


def _fitted(blocks: Iterable[str], marker: Marker) -> str:
    """Join blocks as far as they fit; the marker is always there."""
    room = MAX_CHARS - len(f"\n\n{_CUT}\n\n{marker}")
    kept: list[str] = []
    for block in blocks:
        if len(block) > room:
            if not kept:  # one line of prose, which may end at any space
                kept.append(block[:room].rpartition(" ")[0])
            kept.append(_CUT)
            break
        kept.append(block)
        room -= len(block) + 2
    return "\n\n".join((*kept, str(marker)))
