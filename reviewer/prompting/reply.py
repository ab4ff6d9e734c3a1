"""The format of a unit's reply: an explanation as one line of text, or with findings as JSON; and their strict readers.

In JSON a small model writes an explanation half as long again, and ends it at a quotation mark (decision 64). Findings
need it: the schema's ``line`` is an enum of the file's own line numbers, so that the model cannot name another one, and
every string is bounded, so that the reply ends. The engine enforces the schema while it decodes; the reader checks
again.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer import untrusted
from reviewer.finding import Category, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.engine.profile import ReplyBounds

FORMAT_VERSION = 8
"""Part of the cache's key; changed with the prompts and with the meaning of a reply."""

# Unfinished code is found by a parser.
ASKED_CATEGORIES = tuple(category for category in Category if category is not Category.UNFINISHED)
_MAX_REPLY_CHARS = 200_000
_NO_SENTENCE = ("{", "[", "```", "<")  # an object or list in JSON, a fence, a tag
EXPLANATION_ENDS = ("\n",)
"""What ends the reply about a unit for which no findings were asked for: it is one line."""


class InvalidReplyError(ValueError):
    """A reply does not follow the schema; the text says how."""


@dataclass(frozen=True, slots=True)
class RawFinding:
    """One finding as the model wrote it.

    Attributes:
        line: The line's number in the new file.
        fix: Replacement for that one line, without its line ending; None if there is none.
        quote: The line as the model copied it; None if it was not asked to.
    """

    line: int
    severity: Severity
    category: Category
    message: str
    fix: str | None
    quote: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """One unit's reply; ``cut`` if the explanation ends where the limit for tokens was."""

    explanation: str
    findings: tuple[RawFinding, ...]
    cut: bool = False


def review_schema(lines: Sequence[int], bounds: ReplyBounds) -> dict[str, Any]:
    """Build the JSON schema of one unit's reply with findings (draft 2020-12, the subset that xgrammar compiles).

    Args:
        lines: Numbers of the lines that a finding may name.
        bounds: How long each part may be.
    """
    explanation = {"type": "string", "maxLength": bounds.explanation_chars}
    properties: dict[str, Any] = {
        "line": {"type": "integer", "enum": list(lines)},
        "severity": {"type": "string", "enum": [str(severity) for severity in Severity]},
        "category": {"type": "string", "enum": [str(category) for category in ASKED_CATEGORIES]},
        "message": {"type": "string", "minLength": 1, "maxLength": bounds.message_chars},
    }
    if bounds.quote_chars:
        # Before the number, which the model finds by copying the line.
        properties = {"quote": {"type": "string", "maxLength": bounds.quote_chars}, **properties}
    if bounds.fix_chars:
        properties["fix"] = {"type": "string", "maxLength": bounds.fix_chars}
    finding = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "explanation": explanation,
            "findings": {"type": "array", "items": finding, "maxItems": bounds.max_findings},
        },
        "required": ["explanation", "findings"],
        "additionalProperties": False,
    }


def read_review(text: str, *, truncated: bool) -> Reply:
    """Read one unit's reply.

    Raises:
        InvalidReplyError: It was cut off, is not JSON or is incomplete.
    """
    data = read_object(text, truncated=truncated)
    findings = data.get("findings")
    if not isinstance(findings, list):
        raise InvalidReplyError("the reply has no list of findings")
    return Reply(_explanation(data), tuple(_finding(item) for item in findings))


def read_explanation(text: str, *, truncated: bool) -> Reply:
    """Read the reply about a unit for which no findings were asked for; one that was cut off, as far as it goes.

    A repository's own template may still ask for a JSON object with the explanation.

    Raises:
        InvalidReplyError: It is empty, or something else than a sentence.
    """
    if text.lstrip().startswith("{"):
        with suppress(InvalidReplyError):
            return Reply(_explanation(read_object(text, truncated=False)), ())
    first, *more = (line.strip() for line in text.strip().split("\n"))
    if not first:
        raise InvalidReplyError("the reply was empty")
    if first.startswith(_NO_SENTENCE):
        raise InvalidReplyError("the reply is not a sentence")
    return Reply(_begun(first), (), cut=truncated and not more)


def read_object(text: str, *, truncated: bool) -> dict[str, Any]:
    """Read a reply that is one JSON object.

    Raises:
        InvalidReplyError: It was cut off, or is something else.
    """
    if truncated:
        raise InvalidReplyError("the reply was cut off at its length limit")
    if not text.strip():
        raise InvalidReplyError("the reply was empty")
    if len(text) > _MAX_REPLY_CHARS:
        raise InvalidReplyError(f"the reply has {len(text)} characters")
    try:
        data = untrusted.parse_json(text)
    except untrusted.MalformedError as error:
        raise InvalidReplyError("the reply is not JSON") from error
    if not isinstance(data, dict):
        raise InvalidReplyError("the reply is not a JSON object")
    return data


def _finding(item: object) -> RawFinding:
    if not isinstance(item, dict):
        raise InvalidReplyError("a finding is not a JSON object")
    line = item.get("line")
    if not isinstance(line, int) or isinstance(line, bool):
        raise InvalidReplyError("a finding names no line")
    try:
        severity = Severity(read_string(item, "severity"))
        category = Category(read_string(item, "category"))
    except ValueError as error:
        raise InvalidReplyError(f"a finding has an unknown severity or category: {error}") from error
    fix, quote = _optional(item, "fix"), _optional(item, "quote")
    return RawFinding(line, severity, category, read_string(item, "message"), fix or None, quote)


def _optional(item: dict[str, Any], name: str) -> str | None:
    value = item.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidReplyError(f"a finding's {name} is not text")
    return value


def read_string(data: dict[str, Any], name: str) -> str:
    """Read one string of a reply, without white space around it.

    Raises:
        InvalidReplyError: It is missing, or not a string.
    """
    value = data.get(name)
    if not isinstance(value, str):
        raise InvalidReplyError(f"the reply has no text for {name!r}")
    return value.strip()


def _explanation(data: dict[str, Any]) -> str:
    return _begun(read_string(data, "explanation"))


def _begun(explanation: str) -> str:
    """Drop what a small model begins an explanation with: a comma, or the word that the request gives as an example."""
    return re.sub(r"\AChanges?: (?=[A-Z])", "", explanation.lstrip(" ,;:"))
