"""What a model's callers need to know before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# Prose and code have 3 to 4 characters a token with current tokenizers, dense code fewer. Budgets use a low value.
CHARS_PER_TOKEN = 2.6
CHARS_PER_TOKEN_OF_PROSE = 4.5  # with names of code in it: measured 4.4 to 4.8 in explanations by Qwen2.5-Coder
# Longest subject of a commit message: what git and forges show in one line.
SUBJECT_CHARS = 72


@dataclass(frozen=True, slots=True)
class ReplyBounds:
    """Longest parts of a reply, in characters, and the most findings of one unit.

    0 for ``fix_chars``, ``quote_chars``, ``reason_chars`` or ``body_chars`` leaves that part out of the request.
    Without ``reason_chars`` the risk is not asked for either; without ``body_chars`` the summary is the commit
    message's body.
    """

    explanation_chars: int = 400
    message_chars: int = 300
    fix_chars: int = 400
    quote_chars: int = 80
    code_chars: int = 2000
    text_chars: int = 3000
    max_findings: int = 5
    summary_chars: int = 400
    reason_chars: int = 200
    body_chars: int = 500


@dataclass(frozen=True, slots=True)
class FimTokens:
    """The special tokens of fill-in-the-middle, as in Qwen's documentation: prefix, code before, suffix, code after."""

    prefix: str
    suffix: str
    middle: str
    stops: tuple[str, ...] = ()  # tokens that end the code, besides the model's own end; vLLM accepts four


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """One model as it will be served.

    Attributes:
        id: Its name, as shown and as part of the cache's key.
        digest: Identifies its weights and how they are served.
        context_tokens: Longest prompt and reply together, in tokens, as the engine serves it.
        max_num_seqs: Requests that the engine decodes at once.
        few_shot: Whether it needs examples to stay on topic.
        prefill: Whether it writes code better if its reply is begun for it.
        summaries: Whether its summaries of a whole change are useful.
        least_sure: Least mean log-probability of the tokens of an explanation that is shown; None shows all.
        reasoning: Whether it writes an analysis before its answer, which needs room in ``max_tokens``.
        sampling: Fields of the request that improve this model's answers, such as ``repetition_penalty``.
        special_tokens: Spellings of its tokenizer's special tokens; empty if they are not known.
        embedded: Whether it is the small embedded model.
    """

    id: str
    digest: str
    context_tokens: int
    max_num_seqs: int = 32
    few_shot: bool = False
    prefill: bool = False
    summaries: bool = True
    least_sure: float | None = None
    reasoning: bool = False
    embedded: bool = False
    bounds: ReplyBounds = field(default_factory=ReplyBounds)
    fim: FimTokens | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    special_tokens: tuple[str, ...] = ()

    def prompt_tokens(self, chars: int) -> int:
        """Estimate the tokens of a prompt of ``chars`` characters, on the high side."""
        return int(chars / CHARS_PER_TOKEN) + 16

    def reply_tokens(self, chars: int, chars_per_token: float = CHARS_PER_TOKEN, spare: int = 64) -> int:
        """The cap, in tokens, for a reply of ``chars`` characters: at most half of the context.

        A reasoning model gets additional room for its analysis.
        """
        wanted = int(chars / chars_per_token) + spare + (1024 if self.reasoning else 0)
        return max(16, min(wanted, self.context_tokens // 2))

    @property
    def review_reply_tokens(self) -> int:
        """The cap for one unit's review, in tokens."""
        bounds = self.bounds
        finding = bounds.message_chars + bounds.fix_chars + bounds.quote_chars + 100  # 100: the finding's own JSON
        return self.reply_tokens(bounds.explanation_chars + bounds.max_findings * finding + 40)

    @property
    def explanation_reply_tokens(self) -> int:
        """The cap for the explanation of one unit, which is used as far as it goes: without room for dense text."""
        return self.reply_tokens(self.bounds.explanation_chars, CHARS_PER_TOKEN_OF_PROSE, 8)

    @property
    def summary_reply_tokens(self) -> int:
        """The cap for the summary of a whole change, in tokens."""
        bounds = self.bounds
        return self.reply_tokens(bounds.summary_chars + bounds.reason_chars + bounds.body_chars + SUBJECT_CHARS + 120)

    @property
    def prompt_chars(self) -> int:
        """Longest prompt in characters that leaves room for a review's reply."""
        return self.chars_beside(self.review_reply_tokens)

    def chars_beside(self, tokens: int) -> int:
        """Longest prompt in characters that leaves room for a reply of ``tokens``."""
        return int((self.context_tokens - tokens) * CHARS_PER_TOKEN)
