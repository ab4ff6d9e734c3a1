"""One request to the model as a value: what is sent, how it is decoded, and how its reply is read."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from reviewer.engine import tasks
from reviewer.prompting.reply import InvalidReplyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reviewer.engine.client.wire import Completion, Message

# Answers that are counted as votes must differ where the model is not sure, and still make sense.
_SAMPLE_TEMPERATURE = 0.7


class ReadReply(Protocol):
    """Reads a reply's text; raises ``InvalidReplyError`` where it is not what was asked for."""

    def __call__(self, text: str, *, truncated: bool) -> Any:
        """Read ``text``; ``truncated`` says that the engine cut it at its longest length."""


def _said(completion: Completion) -> str:
    return completion.text


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the model, with the reader for its reply.

    Attributes:
        read: Reads the text that ``keep`` gives.
        draw: Which of several answers this asks for; tells them apart in the cache.
        logprobs: Whether the likely tokens are asked for.
        keep: What of the answer is read, and cached; by default what the model wrote.
    """

    messages: tuple[Message, ...]
    schema: dict[str, Any] | None
    max_tokens: int
    read: ReadReply
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    extra: Mapping[str, Any] | None = None
    draw: int = 0
    logprobs: bool = False
    keep: Callable[[Completion], str] = _said

    def sample(self, number: int) -> Request:
        """The same request for its answer number ``number``: 0 is the likeliest one, the others are drawn."""
        if not number:
            return self
        return dataclasses.replace(self, temperature=_SAMPLE_TEMPERATURE, draw=number)


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
