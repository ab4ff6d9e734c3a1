"""The format of a summary's reply: its JSON schema and its strict parser.

The place to start at is an enum of the listed numbers, so that no other can be decoded, and every string is bounded.
The reason for the risk comes before the risk: a model rates it better after writing what could break.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer.engine.profile import SUBJECT_CHARS
from reviewer.finding import RiskLevel
from reviewer.prompting.reply import InvalidReplyError, read_object, read_string

if TYPE_CHECKING:
    from reviewer.engine.profile import ReplyBounds


@dataclass(frozen=True, slots=True)
class RawSummary:
    """A summary as the model wrote it; ``look_first`` is the number of a point, 1 for the first."""

    text: str
    reason: str
    risk: RiskLevel
    look_first: int
    subject: str
    body: str


def schema(points: int, bounds: ReplyBounds) -> dict[str, Any]:
    """Build the JSON schema of a reply (draft 2020-12, the subset that xgrammar compiles).

    Args:
        points: How many points are listed; they are called 1 to ``points``.
        bounds: Maximum lengths.
    """
    properties: dict[str, Any] = {
        "summary": {"type": "string", "minLength": 1, "maxLength": bounds.summary_chars},
        "risk_reason": {"type": "string", "minLength": 1, "maxLength": bounds.reason_chars},
        "risk": {"type": "string", "enum": [str(level) for level in RiskLevel]},
        "look_first": {"type": "integer", "enum": list(range(1, points + 1))},
        "commit_subject": {"type": "string", "minLength": 1, "maxLength": SUBJECT_CHARS},
        "commit_body": {"type": "string", "maxLength": bounds.body_chars},
    }
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def read(text: str, *, truncated: bool) -> RawSummary:
    """Read a reply.

    Raises:
        InvalidReplyError: It was cut, is not JSON, or is incomplete.
    """
    data = read_object(text, truncated=truncated)
    first = data.get("look_first")
    if not isinstance(first, int) or isinstance(first, bool):
        raise InvalidReplyError("the reply has no place to start at")
    try:
        risk = RiskLevel(read_string(data, "risk"))
    except ValueError as error:
        raise InvalidReplyError(f"the reply has an unknown risk: {error}") from error
    return RawSummary(
        text=read_string(data, "summary"),
        reason=read_string(data, "risk_reason"),
        risk=risk,
        look_first=first,
        subject=read_string(data, "commit_subject"),
        body=read_string(data, "commit_body"),
    )
