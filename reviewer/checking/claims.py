"""What the model claims about one unit, checked against the change. Nothing is dropped: it is marked."""

from __future__ import annotations

import dataclasses
import re
from functools import cached_property
from typing import TYPE_CHECKING

from reviewer import unfinished
from reviewer.checking import suggestion as suggestions
from reviewer.checking.claimed import unsupported
from reviewer.checking.direction import contradicts
from reviewer.checking.grounding import Source, code_styled, is_ungrounded, names_unknown
from reviewer.checking.padding import speaks_of_prompt, speculates, still_speaks_of_prompt, without_padding
from reviewer.checking.sentences import LONGEST, copies, is_echo, is_nit, says_nothing, telling, whole, without_filler
from reviewer.diff import LineKind, printable, restore
from reviewer.finding import Category, Explanation, Finding, Mark, Severity, Suggestion
from reviewer.finding import SuggestionKind as Kind
from reviewer.selection.evident import is_comment
from reviewer.unfinished.filling import fills_only
from reviewer.unfinished.placeholders import only_trivial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.context import Piece
    from reviewer.engine.profile import ReplyBounds
    from reviewer.prompting.reply import RawFinding, Reply
    from reviewer.selection.units import ReviewUnit
    from reviewer.unfinished.gaps import Gap


# A shorter quote means nothing: `)` is in every second line.
_SHORTEST_QUOTE = 6
_SENTENCES = 2  # of an explanation
# What the prompt prints in front of a line.
_PRINTED_NUMBER = re.compile(r"^(?:\d{1,7}\s)?\s*[+\- ]")

_NAME = re.compile(r"[^\W\d]\w*")
# As ``prompting.fence.marker`` makes it.
_FENCE = re.compile(r"\b[0-9a-f]{12}\b")


class Claims:
    """Checks what the model wrote about one unit.

    Args:
        unit: What the model was shown.
        text: The whole new side of the file, for trying suggestions; empty where it is not known.
        pieces: What the model was shown beside the unit.
        examples: The sentences of the prompt's own examples, to catch their echo.
        bounds: How long each part of the reply could be.
    """

    def __init__(
        self, unit: ReviewUnit, text: str, pieces: Sequence[Piece], examples: Sequence[str], bounds: ReplyBounds
    ) -> None:
        self._unit = unit
        self._text = text
        self._examples = examples
        self._bounds = bounds
        self._shown = "\n".join((unit.path, unit.scope, *(line.text for line in unit.lines)))
        self._around = "\n".join(f"{piece.path} {piece.name}\n{piece.text}" for piece in pieces)
        numbers = {number for line in unit.lines for number in (line.old, line.new) if number is not None}
        self._source = Source(unit.path, printable(self._shown), frozenset(numbers), printable(self._around))

    def explanation(self, reply: Reply, *, unsure: bool = False) -> Explanation | None:
        """Check the unit's explanation, of which the model may be unsure; None if it had nothing to add to the diff."""
        if not reply.explanation.strip():
            return None
        most_chars = 0 if reply.cut else self._bounds.explanation_chars
        text, *more = self._concise(telling(without_filler(whole(reply.explanation, most_chars)))) or ("",)
        marks = self._sentence_marks(text)
        if self._is_wrong(text):
            marks |= {Mark.UNGROUNDED}
        if copies(text, self._comments):
            marks |= {Mark.EMPTY}
        if unsure:
            marks |= {Mark.UNSURE}
        # A second sentence may be left out; without the first there is nothing to show.
        good = [sentence for sentence in more if not (self._sentence_marks(sentence) or self._is_wrong(sentence))]
        return Explanation(" ".join((text, *good[: _SENTENCES - 1])), marks)

    @cached_property
    def _comments(self) -> str:
        """The words of the unit's comments; an explanation that repeats them is needless."""
        texts = (line.text.strip() for line in self._unit.lines)
        return " ".join(text for text in texts if is_comment(text, self._unit.language))

    def _concise(self, sentences: Sequence[str]) -> list[str]:
        """Leave out what is not about the change."""
        changed = (line.text for line in self._unit.lines if line.kind is not LineKind.CONTEXT)
        names = frozenset(name for text in changed for name in _NAME.findall(text))
        about = [sentence for sentence in sentences if not speaks_of_prompt(sentence)] or sentences[:1]
        kept = [one for number, one in enumerate(about) if not (number and speculates(one, names))]
        return [without_padding(sentence, names) for sentence in kept]

    def _is_wrong(self, sentence: str) -> bool:
        """Whether a sentence of the explanation claims what the lines do not show."""
        said, lines = code_styled(sentence), self._unit.lines
        return (
            contradicts(said, lines)
            or unsupported(said, lines, self._unit.language.name, self._unit.path)
            or names_unknown(said, self._source)
            or self._tells_of_the_prompt(sentence)
            or still_speaks_of_prompt(sentence)
        )

    def _tells_of_the_prompt(self, text: str) -> bool:
        """Whether a sentence cites the marker that fences the change in the prompt."""
        return any(found not in self._shown for found in _FENCE.findall(text))

    def findings(self, reply: Reply) -> tuple[Finding, ...]:
        """Check the unit's findings, in the reply's order."""
        return tuple(self._finding(raw) for raw in reply.findings)

    def _finding(self, raw: RawFinding) -> Finding:
        unit = self._unit
        message, marks = self._sentence(raw.message, self._bounds.message_chars)
        line = raw.line if raw.line in unit.anchors else 0
        line_text = unit.line_text(line)
        quoted = None if raw.quote is None or not line else is_quote(raw.quote, line_text)
        if not line:
            marks |= {Mark.OFF_CHANGE}
        if quoted is False:
            marks |= {Mark.MISQUOTED}
        if is_nit(message):
            marks |= {Mark.NIT}
        return Finding(
            path=unit.path,
            line=line or unit.anchors[0],
            severity=raw.severity,
            category=raw.category,
            message=message,
            line_text=line_text,
            scope=unit.scope,
            suggestion=self._fix(line, raw.fix) if raw.fix and self._text and line else None,
            marks=marks,
            quoted=quoted,
        )

    def _fix(self, line: int, shown: str) -> Suggestion:
        """The model saw characters that cannot be printed as pictures; the file gets the characters themselves."""
        fix = restore(shown, "\n".join((self._text, self._shown, self._around)))
        if fix is None:
            original = suggestions.line_fix(self._text, line, "").original
            return Suggestion(line, line, shown, original, marks=frozenset({Mark.DOES_NOT_APPLY}))
        return suggestions.check(suggestions.line_fix(self._text, line, fix), self._text, self._unit.language.name)

    def _sentence(self, text: str, most: int) -> tuple[str, frozenset[Mark]]:
        """Tidy a message and mark what does not hold."""
        text = " ".join(telling(without_filler(whole(text, most))))
        return text, self._sentence_marks(text)

    def _sentence_marks(self, text: str) -> frozenset[Mark]:
        marks = set()
        if says_nothing(text, self._source.code_lines):
            marks.add(Mark.EMPTY)
        if is_echo(text, self._examples):
            marks.add(Mark.ECHO)
        if is_ungrounded(text, self._source):
            marks.add(Mark.UNGROUNDED)
        return frozenset(marks)


def is_quote(quote: str, line: str) -> bool:
    """Whether ``quote`` is the text of ``line`` or a part of it, white space aside.

    A finding's line is always one that exists, since only the numbers of changed lines can be decoded. A quote that is
    not part of that line shows that the model had another one in mind.

    Args:
        quote: As the model wrote it; of several lines the first one that is not blank counts. The number and sign
            that the prompt prints and Markdown's backticks do not count.
        line: The line that the finding names.
    """
    first = next((one for one in quote[:LONGEST].split("\n") if one.strip()), "").strip()
    ticked = first.strip("`")
    whole_line = _without_space(line)
    parts = (_without_space(one) for one in (first, ticked, _PRINTED_NUMBER.sub("", ticked, count=1)))
    least = min(_SHORTEST_QUOTE, len(whole_line))
    # Nothing at all quotes a blank line only.
    return any(len(part) >= least and (part in whole_line if whole_line else not part) for part in parts)


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
    start, end, placeholder = gap.found.start, gap.found.end, gap.placeholder
    actual = restore(code, text)
    if actual is None:
        refused = Suggestion(start, end, code, placeholder, Kind.COMPLETION, frozenset({Mark.DOES_NOT_APPLY}))
        return dataclasses.replace(finding, suggestion=refused)
    proposed = Suggestion(start, end, suggestions.fitted(actual, placeholder, text), placeholder, Kind.COMPLETION)
    checked = suggestions.check(proposed, text, gap.language.name)
    if checked.shown:
        after = suggestions.apply(text, checked) or ""
        if _still_unfinished(gap, checked, after):
            checked = dataclasses.replace(checked, marks=frozenset({Mark.NO_CHANGE}))
        elif not fills_only(gap.language.name, gap.found, text, after):
            checked = dataclasses.replace(checked, marks=frozenset({Mark.CHANGES_MORE}))
    return dataclasses.replace(finding, suggestion=checked)


def _still_unfinished(gap: Gap, checked: Suggestion, after: str) -> bool:
    """Whether one placeholder only replaces another, such as a function that just returns nothing."""
    language, code = gap.language.name, checked.replacement.strip()
    if only_trivial(language, code) or unfinished.is_placeholder(language, code):
        return True
    lines = range(checked.start, checked.start + checked.replacement.count("\n") + 1)
    return bool(unfinished.find(language, after, lines, path=gap.path))


def _without_space(text: str) -> str:
    return "".join(printable(text).split())
