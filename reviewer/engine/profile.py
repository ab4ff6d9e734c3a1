"""What the callers of a model need to know about it before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# Prose and code run at 3 to 4 characters a token with current tokenizers, dense code below. Budgets take the low end.
CHARS_PER_TOKEN = 2.6
# Longest subject of a commit message: what git and forges show in one line.
SUBJECT_CHARS = 72


@dataclass(frozen=True, slots=True)
class ReplyBounds:
    """How long the parts of a reply may be, in characters, and how many findings one unit may have.

    Of ``fix_chars`` and ``quote_chars``, 0 means that it is not asked for.
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
    """The special tokens of fill-in-the-middle, in the order prefix, suffix, middle."""

    prefix: str
    suffix: str
    middle: str


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """One model as it will be served.

    Attributes:
        id: Its name, for people and for the cache's key.
        digest: What tells its weights apart from another revision's; a manifest's SHA-256 where it is ours.
        context_tokens: Longest prompt and reply together, in tokens, as the engine serves it.
        max_num_seqs: Requests that the engine decodes at once.
        few_shot: Whether it needs worked examples to stay on topic.
        prefill: Whether it completes code better when its reply is begun for it.
        summaries: Whether what it says of a whole change is worth asking for.
        reasoning: Whether it thinks before it answers, and so needs room in ``max_tokens`` for that.
        sampling: Fields of the request that this model answers better with, such as ``repetition_penalty``.
        embedded: Whether it is the small model that only proves the machinery.
    """

    id: str
    digest: str
    context_tokens: int
    max_num_seqs: int = 32
    few_shot: bool = False
    prefill: bool = False
    summaries: bool = True
    reasoning: bool = False
    embedded: bool = False
    bounds: ReplyBounds = field(default_factory=ReplyBounds)
    fim: FimTokens | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)

    def prompt_tokens(self, chars: int) -> int:
        """About how many tokens a prompt of ``chars`` characters has; an estimate on the high side."""
        return int(chars / CHARS_PER_TOKEN) + 16

    def reply_tokens(self, chars: int) -> int:
        """The cap for a reply of at most ``chars`` characters: it follows from the bounds and the context length.

        A reply may take half of the context at most. A reasoning model gets room for its analysis on top.
        """
        wanted = int(chars / CHARS_PER_TOKEN) + 64 + (1024 if self.reasoning else 0)
        return max(16, min(wanted, self.context_tokens // 2))

    @property
    def review_reply_tokens(self) -> int:
        """The cap for one unit's review."""
        bounds = self.bounds
        finding = bounds.message_chars + bounds.fix_chars + bounds.quote_chars + 100  # 100: the finding's own JSON
        return self.reply_tokens(bounds.explanation_chars + bounds.max_findings * finding + 40)

    @property
    def explanation_reply_tokens(self) -> int:
        """The cap for the explanation of one unit."""
        return self.reply_tokens(self.bounds.explanation_chars + 20)

    @property
    def summary_reply_tokens(self) -> int:
        """The cap for the summary of a whole change."""
        bounds = self.bounds
        return self.reply_tokens(bounds.summary_chars + bounds.reason_chars + bounds.body_chars + SUBJECT_CHARS + 120)

    @property
    def prompt_chars(self) -> int:
        """Longest prompt in characters that leaves room for a review's reply."""
        return self.chars_beside(self.review_reply_tokens)

    def chars_beside(self, tokens: int) -> int:
        """Longest prompt in characters that leaves room for a reply of ``tokens``."""
        return int((self.context_tokens - tokens) * CHARS_PER_TOKEN)
