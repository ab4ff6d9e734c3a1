"""Every answer is checked against the change before it becomes a finding. Nothing is dropped: it is marked."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reviewer import unfinished
from reviewer.checking import quote
from reviewer.checking import suggestion as suggestions
from reviewer.checking.grounding import Source, is_echo, is_ungrounded, says_nothing
from reviewer.checking.nits import is_nit
from reviewer.finding import Category, Explanation, Finding, Mark, Severity, Suggestion
from reviewer.finding import SuggestionKind as Kind
from reviewer.unfinished.filling import fills_only

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.context import Piece
    from reviewer.prompting.reply import RawFinding, Reply
    from reviewer.selection.units import ReviewUnit
    from reviewer.unfinished.gaps import Gap


def explanation(
    reply: Reply, unit: ReviewUnit, examples: Sequence[str], pieces: Sequence[Piece] = ()
) -> Explanation | None:
    """Check one unit's explanation; None if the model had nothing to add to the diff.

    Args:
        reply: What the model wrote.
        unit: What it was shown.
        examples: The sentences of the prompt's own examples, to catch their echo.
        pieces: What it was shown beside the unit.
    """
    text = whole_sentences(reply.explanation)
    if not text:
        return None
    return Explanation(text, _sentence_marks(text, _source(unit, pieces), examples))


def findings(
    reply: Reply, unit: ReviewUnit, text: str, examples: Sequence[str], pieces: Sequence[Piece] = ()
) -> tuple[Finding, ...]:
    """Check one unit's findings, in the reply's order.

    Args:
        reply: What the model wrote.
        unit: What it was shown.
        text: The whole new side of the file, for trying suggestions; empty where it is not known.
        examples: The sentences of the prompt's own examples.
        pieces: What it was shown beside the unit.
    """
    source = _source(unit, pieces)
    return tuple(_finding(raw, unit, text, source, examples) for raw in reply.findings)


def completion(gap: Gap, code: str | None, text: str) -> Finding:
    """Make the finding for one piece of unfinished code; its suggestion is tried on the text like any other.

    Args:
        gap: The unfinished code.
        code: What the model would put there; None where it gave nothing usable.
        text: The whole new side of the file.
    """
    name = f"{gap.found.name} is" if gap.found.name else "this is"
    finding = Finding(
        path=gap.path,
        line=gap.found.start,
        severity=Severity.INFO,
        category=Category.UNFINISHED,
        message=f"{name} unfinished: {gap.found.kind}",
        line_text=gap.placeholder.partition("\n")[0],
        scope=gap.scope,
    )
    if not code or not code.strip():
        return finding
    proposed = Suggestion(
        gap.found.start,
        gap.found.end,
        suggestions.fitted(code, gap.placeholder, text),
        gap.placeholder,
        Kind.COMPLETION,
    )
    checked = suggestions.check(proposed, text, gap.language.name)
    if checked.shown:
        after = suggestions.apply(text, checked) or ""
        if _still_unfinished(gap, checked, after):
            checked = dataclasses.replace(checked, marks=frozenset({Mark.NO_CHANGE}))
        elif not fills_only(gap.language.name, gap.found, text, after):
            checked = dataclasses.replace(checked, marks=frozenset({Mark.CHANGES_MORE}))
    return dataclasses.replace(finding, suggestion=checked)


def _still_unfinished(gap: Gap, checked: Suggestion, after: str) -> bool:
    """Whether a placeholder was only replaced by another."""
    lines = range(checked.start, checked.start + checked.replacement.count("\n") + 1)
    return bool(unfinished.find(gap.language.name, after, lines, path=gap.path))


def _finding(raw: RawFinding, unit: ReviewUnit, text: str, source: Source, examples: Sequence[str]) -> Finding:
    message = whole_sentences(raw.message)
    marks = _sentence_marks(message, source, examples)
    line = raw.line if raw.line in unit.anchors else 0
    line_text = unit.line_text(line)
    quoted = None if raw.quote is None or not line else quote.agrees(raw.quote, line_text)
    if not line:
        marks |= {Mark.OFF_CHANGE}
    if quoted is False:
        marks |= {Mark.MISQUOTED}
    if is_nit(message):
        marks |= {Mark.NIT}
    finding = Finding(
        path=unit.path,
        line=line or unit.anchors[0],
        severity=raw.severity,
        category=raw.category,
        message=message,
        line_text=line_text,
        scope=unit.scope,
        marks=marks,
        quoted=quoted,
    )
    if not raw.fix or not text or not line:
        return finding
    fix = suggestions.check(suggestions.line_fix(text, line, raw.fix), text, unit.language.name)
    return dataclasses.replace(finding, suggestion=fix)


def whole_sentences(text: str) -> str:
    """Leave out a last sentence that the longest length cut, where a whole one stands before it; else show the cut."""
    text = " ".join(text.split())
    if not text or text[-1] in ".!?`\"')":
        return text
    end = max(text.rfind(mark) for mark in (". ", "! ", "? "))
    return text[: end + 1] if end > 0 else f"{text}\u2026"


def _sentence_marks(sentence: str, source: Source, examples: Sequence[str]) -> frozenset[Mark]:
    marks = set()
    if says_nothing(sentence, source):
        marks.add(Mark.EMPTY)
    if is_echo(sentence, examples):
        marks.add(Mark.ECHO)
    if is_ungrounded(sentence, source):
        marks.add(Mark.UNGROUNDED)
    return frozenset(marks)


def _source(unit: ReviewUnit, pieces: Sequence[Piece]) -> Source:
    text = "\n".join((unit.path, unit.scope, *(line.text for line in unit.lines)))
    numbers = {number for line in unit.lines for number in (line.old, line.new) if number is not None}
    around = "\n".join(f"{piece.path} {piece.name}\n{piece.text}" for piece in pieces)
    return Source(unit.path, text, frozenset(numbers), around)
