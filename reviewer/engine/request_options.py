"""What a request to a model is sent with: the limit of its reply, its sampling, and texts without special tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer.engine.special_tokens import SpecialTokens
from reviewer.errors import PromptTooLongError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewer.engine.client.wire import Message
    from reviewer.engine.config import ModelConfig
    from reviewer.engine.profile import ModelProfile
    from reviewer.engine.tasks import CompletionRequest

COMPLETION_TEMPERATURE = 0.3
_MIN_REPLY_TOKENS = 16


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """The options for requests to one model."""

    profile: ModelProfile
    config: ModelConfig

    @property
    def special_tokens(self) -> SpecialTokens:
        """Breaks the model's special tokens in texts, and restores them in replies."""
        return SpecialTokens(self.profile.special_tokens)

    def fields(self, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Fields beyond the OpenAI API's usual ones; ``more`` replaces those of the model."""
        # A hook needs a short answer: the least thinking that a reasoning model offers.
        thinking = {"reasoning_effort": "low"} if self.profile.reasoning else {}
        return {**thinking, **self.profile.sampling, **(more or {})}

    def answer(self, messages: Sequence[Message]) -> dict[str, Any]:
        """The options for an answer in prose.

        Raises:
            PromptTooLongError: The context length leaves no room for it.
        """
        return {"max_tokens": self._reply_cap(messages), "temperature": self.config.temperature}

    def completion(self, request: CompletionRequest) -> dict[str, Any]:
        """The options for a completion of code.

        Raises:
            PromptTooLongError: The context length leaves no room for it.
        """
        messages = request.messages or ({"role": "user", "content": request.prompt},)
        cap = self._reply_cap(messages, self.profile.bounds.code_chars)
        return {"max_tokens": cap, "temperature": COMPLETION_TEMPERATURE, "stop": request.stop}

    def _reply_cap(self, messages: Sequence[Message], chars: int | None = None) -> int:
        """Longest reply that the context length leaves room for, in tokens."""
        profile = self.profile
        prompt = profile.prompt_tokens(sum(len(message["content"]) for message in messages))
        room = profile.context_tokens - prompt
        if room < _MIN_REPLY_TOKENS:
            raise PromptTooLongError(
                f"the prompt has about {prompt} tokens; {profile.id} is served with {profile.context_tokens}",
                hint="shorten the prompt, or raise max_model_len",
            )
        wanted = self.config.max_tokens or profile.reply_tokens(chars or profile.bounds.text_chars)
        return min(wanted, room)
