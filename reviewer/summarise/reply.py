"""The format of a summary's reply: its JSON schema and its strict parser.

The place to start at is an enum of the listed numbers, so that no other can be decoded. The texts are unbounded, since
the grammar of a bounded one costs the engine seconds; the limit for tokens ends a reply. The reason for the risk comes
before the risk: a model rates it better after writing what could break.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer.finding import RiskLevel
from reviewer.prompting.reply import InvalidReplyError, read_object, read_string

if TYPE_CHECKING:
    from reviewer.engine.profile import ReplyBounds


@dataclass(frozen=True, slots=True)
class RawSummary:
    """A summary as the model wrote it; ``look_first`` is the number of a point, 1 for the first.

    ``reason`` is empty where the risk was not asked for, and ``body`` is None where no body was.
    """

    text: str
    reason: str
    risk: RiskLevel
    look_first: int
    subject: str
    body: str | None


def schema(points: int, bounds: ReplyBounds) -> dict[str, Any]:
    """Build the JSON schema of a reply (draft 2020-12, the subset that xgrammar compiles).

    Args:
        points: How many points are listed; they are called 1 to ``points``.
        bounds: Which parts to ask for.
    """
    properties: dict[str, Any] = {
        "summary": {"type": "string"},
        "risk_reason": {"type": "string"},
        "risk": {"type": "string", "enum": [str(level) for level in RiskLevel]},
        "look_first": {"type": "integer", "enum": list(range(1, points + 1))},
        "commit_subject": {"type": "string"},
        "commit_body": {"type": "string"},
    }
    if not bounds.reason_chars:
        del properties["risk_reason"], properties["risk"]
    if not bounds.body_chars:
        del properties["commit_body"]
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
        risk = RiskLevel(read_string(data, "risk")) if "risk" in data else RiskLevel.MEDIUM
    except ValueError as error:
        raise InvalidReplyError(f"the reply has an unknown risk: {error}") from error
    return RawSummary(
        text=read_string(data, "summary"),
        reason=read_string(data, "risk_reason") if "risk" in data else "",
        risk=risk,
        look_first=first,
        subject=read_string(data, "commit_subject"),
        body=read_string(data, "commit_body") if "commit_body" in data else None,
    )
