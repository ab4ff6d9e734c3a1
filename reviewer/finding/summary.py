"""What a change does as a whole: a summary, its risk and a suggested commit message."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reviewer.finding.finding import Mark


class RiskLevel(StrEnum):
    """The risk of a change, as the model estimates it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Risk:
    """An estimate of the risk, with its reason."""

    level: RiskLevel
    reason: str
    marks: frozenset[Mark] = frozenset()

    @property
    def shown(self) -> bool:
        """Whether reports show it."""
        return bool(self.reason) and not self.marks


@dataclass(frozen=True, slots=True)
class CommitMessage:
    """A suggested commit message in the model's words; ``commit_message.fitted`` lays it out for git.

    Attributes:
        subject: One line, without a full stop.
        body: Lines and paragraphs; may be empty.
    """

    subject: str
    body: str = ""
    marks: frozenset[Mark] = frozenset()

    @property
    def shown(self) -> bool:
        """Whether it is offered."""
        return bool(self.subject) and not self.marks


@dataclass(frozen=True, slots=True)
class ChangeSummary:
    """What a change does as a whole. It is advice and never affects the verdict.

    Attributes:
        text: One to three sentences.
        path, line: Where to start reading, in the new side; always a place in the change.
        marks: Why it is hidden; the commit message has its own.
        cached: Whether the answer came from the cache.
    """

    text: str
    risk: Risk
    path: str
    line: int
    message: CommitMessage
    marks: frozenset[Mark] = frozenset()
    cached: bool = False

    @property
    def shown(self) -> bool:
        """Whether reports show it."""
        return bool(self.text) and not self.marks
