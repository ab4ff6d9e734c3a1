"""One request to the model as a value: what is sent, how it is decoded, and how its reply is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from reviewer.engine import tasks
from reviewer.prompting.reply import InvalidReplyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.engine.client.wire import Message


class ReadReply(Protocol):
    """Reads a reply's text; raises ``InvalidReplyError`` where it is not what was asked for."""

    def __call__(self, text: str, *, truncated: bool) -> Any:
        """Read ``text``; ``truncated`` says that the engine cut it at its longest length."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the model, with the reader for its reply.

    Attributes:
        read: Reads what the model wrote.
        raw: A prompt that is sent as it is, in place of ``messages``; for fill-in-the-middle.
        draw: Which of several samples of one answer this asks for; it tells them apart in the cache.
    """

    messages: tuple[Message, ...]
    schema: dict[str, Any] | None
    max_tokens: int
    read: ReadReply
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    extra: Mapping[str, Any] | None = None
    raw: str | None = None
    draw: int = 0


@dataclass(frozen=True, slots=True)
class CompletionReader:
    """Reads a completion: plain code, since code inside JSON costs a small model its thread.

    Attributes:
        indent: Of the body that a prefilled reply goes on with; None where the reply stands alone.
    """

    task: tasks.CompletionTask
    indent: str | None

    def __call__(self, text: str, *, truncated: bool) -> str:
        """Bring the reply down to code; InvalidReplyError where it was cut or is empty."""
        if self.indent is None:
            code = tasks.inserted_code(text, self.task)
            ended = not truncated
        else:
            code = tasks.continued_body(text, self.indent)
            ended = not truncated or len(code) < len(text.strip())
        if not ended:
            raise InvalidReplyError("the completion was cut at its longest length")
        if not code.strip():
            raise InvalidReplyError("the completion was empty")
        return code
