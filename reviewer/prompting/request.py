"""One request to the model: the messages, how the reply is decoded, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from reviewer.engine import tasks
from reviewer.prompting.reply import InvalidReplyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.engine.client.wire import Message


class ReadReply(Protocol):
    """Reads a reply's text; raises ``InvalidReplyError`` if it has another format."""

    def __call__(self, text: str, *, truncated: bool) -> Any:
        """Read ``text``; if ``truncated``, the engine cut it off at its length limit."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the model, with the reader of its reply.

    Attributes:
        read: Reads what the model wrote.
        raw: A prompt that is sent as it is, in place of ``messages``; for fill-in-the-middle.
        least_sure: Least mean log-probability of the reply's tokens at which it counts as sure; None does not ask.
        optional: The review is complete without a reply, so that one which cannot be read is not asked for again.
        draw: Number of this sample where one request has several; part of the cache's key.
    """

    messages: tuple[Message, ...]
    schema: dict[str, Any] | None
    max_tokens: int
    read: ReadReply
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    extra: Mapping[str, Any] | None = None
    raw: str | None = None
    optional: bool = False
    least_sure: float | None = None
    draw: int = 0


@dataclass(frozen=True, slots=True)
class CompletionReader:
    """Reads a completion. It is plain code, because small models write worse code inside JSON.

    Attributes:
        indent: Indentation of the body that a prefilled reply continues; None if the reply is not prefilled.
    """

    task: tasks.CompletionTask
    indent: str | None

    def __call__(self, text: str, *, truncated: bool) -> str:
        """Return the code in the reply; raises InvalidReplyError if it was cut off or is empty."""
        if self.indent is None:
            code = tasks.inserted_code(text, self.task)
            ended = not truncated
        else:
            code = tasks.continued_body(text, self.indent)
            ended = not truncated or len(code) < len(text.strip())
        if not ended:
            raise InvalidReplyError("the completion was cut off at its length limit")
        if not code.strip():
            raise InvalidReplyError("the completion was empty")
        return code
