"""Turns a reply into a ``ChangeSummary``: checks it against the listed points, and marks what fails."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.checking.grounding import Source, is_ungrounded, names_others
from reviewer.checking.sentences import is_echo, says_nothing, whole, without_filler
from reviewer.engine.profile import SUBJECT_CHARS
from reviewer.finding import ChangeSummary, CommitMessage, Mark, Risk, RiskLevel, Severity
from reviewer.summarise import commit_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.engine.profile import ReplyBounds
    from reviewer.summarise.points import Points
    from reviewer.summarise.reply import RawSummary

_NUMBER = re.compile(r"\b\d{1,7}\b")
# What a model puts around or before a subject.
_WRAPPING = "\"'`*. "
# Git's own convention is the imperative.
_VERB = re.compile(
    r"\A(Add|Allow|Call|Change|Convert|Drop|Enable|Include|Make|Move|Remove|Rename|Replace|Return|Set|Update|Use)s(?= )"
)
# What may follow a whole subject.
_PHRASE = re.compile(
    r",? (?:after|and|as|at|because|before|by|for|from|if|in|instead|into|of|on|or|so|that|to|using|when|which|with)\b"
)
_SHORTEST = 20  # characters
# A clause that is not whole says something else.
_CLAUSE = re.compile(r",? (?:because|if|so|that|when|which)\b")
_HEADING = re.compile(r"\A#+\s+")


def checked(
    raw: RawSummary,
    points: Points,
    shown: str,
    examples: Sequence[str],
    bounds: ReplyBounds,
    *,
    cached: bool = False,
) -> ChangeSummary:
    """Check a reply.

    Args:
        raw: The reply.
        points: What the model was shown.
        shown: The same, as it was printed in the prompt.
        examples: Sentences of the prompt's example, to detect an echo.
        bounds: Maximum lengths; a part of that length was cut.
        cached: Whether the answer came from the cache.
    """
    source = Source("", shown, frozenset(int(number) for number in _NUMBER.findall(shown)))
    text = without_filler(whole(raw.text, bounds.summary_chars))
    # The schema restricts the number; a server that ignores it gets the first place.
    point = points.listed[raw.look_first - 1 if 1 <= raw.look_first <= len(points.listed) else 0]
    marks = _marks(text, source, examples, one_part=len(points.listed) == 1)
    if is_ungrounded(text, source):
        marks |= {Mark.UNGROUNDED}
    return ChangeSummary(
        text=text,
        risk=_risk(raw, points, source, examples, bounds),
        path=point.path,
        line=point.line,
        message=_message(raw, text, source, examples, bounds),
        marks=marks,
        cached=cached,
    )


def _risk(raw: RawSummary, points: Points, source: Source, examples: Sequence[str], bounds: ReplyBounds) -> Risk:
    if not bounds.reason_chars:
        return Risk(raw.risk, "")
    reason = without_filler(whole(raw.reason, bounds.reason_chars))
    marks = _marks(reason, source, examples)
    failing = any(remark.severity is Severity.ERROR for point in points.listed for remark in point.remarks)
    if names_others(reason, source) or (raw.risk is RiskLevel.LOW and failing):
        marks |= {Mark.UNGROUNDED}  # a low risk contradicts an error among the findings
    return Risk(raw.risk, reason, marks)


def _message(
    raw: RawSummary, summary: str, source: Source, examples: Sequence[str], bounds: ReplyBounds
) -> CommitMessage:
    subject = _subject(raw.subject)
    body = summary if raw.body is None else _body(raw.body, cut=len(raw.body) >= bounds.body_chars)
    text = f"{subject}\n\n{body}" if body else subject
    marks = _marks(subject, source, examples)
    if body:
        marks |= _marks(body, source, examples)
    if is_ungrounded(subject, source) or names_others(body, source):
        marks |= {Mark.UNGROUNDED}
    # The layout moves other words to the start of a line.
    if commit_message.gives_orders(text) or commit_message.gives_orders(commit_message.fitted(subject, body, "")):
        marks |= {Mark.GIVES_ORDERS}
    return CommitMessage(subject, body, marks)


def _marks(text: str, source: Source, examples: Sequence[str], *, one_part: bool = True) -> frozenset[Mark]:
    """The checks of every sentence. A copy of one unit's explanation does not summarise several units."""
    marks = set()
    if says_nothing(text, () if one_part else source.code_lines):
        marks.add(Mark.EMPTY)
    if is_echo(text, examples):
        marks.add(Mark.ECHO)
    return frozenset(marks)


def _subject(text: str) -> str:
    """Tidy a subject; one that was cut ends before the phrase that is not whole, and is empty if too little is left."""
    subject = _HEADING.sub("", " ".join(text.split())).strip(_WRAPPING)
    subject = _VERB.sub(lambda verb: verb[1], subject)
    if len(text) < SUBJECT_CHARS:
        return subject
    clause = _CLAUSE.search(subject, _SHORTEST)
    subject = subject[: clause.end()] if clause else subject
    ends = (found.start() for found in _PHRASE.finditer(subject))
    whole_ones = [
        subject[:end] for end in ends if _SHORTEST <= end <= SUBJECT_CHARS and subject[:end].count("`") % 2 == 0
    ]
    return whole_ones[-1].rstrip(", ") if whole_ones else ""


def _body(text: str, *, cut: bool) -> str:
    """Tidy the spaces of each line; drop a last sentence that was cut."""
    lines = [" ".join(line.split()) for line in text.strip().split("\n")]
    if cut:
        lines[-1] = whole(lines[-1], 0)
    return "\n".join(lines).rstrip()
