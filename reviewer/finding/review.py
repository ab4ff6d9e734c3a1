"""A complete review: its units with their explanations and findings, what was not read, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reviewer.diff import SourceLine
    from reviewer.errors import EngineError
    from reviewer.finding.finding import Finding, Mark
    from reviewer.finding.summary import ChangeSummary


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one unit of the change does, in a sentence or two."""

    text: str
    marks: frozenset[Mark] = frozenset()

    @property
    def shown(self) -> bool:
        """Whether reports show it."""
        return bool(self.text) and not self.marks


class UnitStatus(StrEnum):
    """Whether the model read a unit."""

    READ = "read"
    NOT_READ = "not read"
    NOT_ASKED = "not asked"  # checked by rules and analyzers alone


@dataclass(frozen=True, slots=True)
class UnitReview:
    """The result for one unit.

    Attributes:
        lines: The unit's lines as the model was shown them.
        cached: Whether the answer came from the cache.
        reason: Why it was not read; empty when it was.
    """

    path: str
    start: int
    end: int
    scope: str
    language: str
    lines: tuple[SourceLine, ...]
    status: UnitStatus
    explanation: Explanation | None = None
    findings: tuple[Finding, ...] = ()
    cached: bool = False
    reason: str = ""

    @property
    def first_line(self) -> int:
        """Where to start reading: the first shown finding, else the first changed line, else the start."""
        found = min((finding.line for finding in self.findings if finding.shown), default=None)
        changed = (line.new for line in self.lines if line.kind != " " and line.new is not None)
        return next(changed, self.start) if found is None else found


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was not sent, with the reason.

    Attributes:
        lines: How many lines it adds.
        unread: Whether it should have been read, so that a required review is incomplete.
    """

    path: str
    reason: str
    lines: int = 0
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What a review cost.

    Attributes:
        requests: Answers of the engine; excludes ``cached`` ones.
        retried: How many of ``requests`` repeated one whose answer was invalid.
        seconds: Wall time from the first request to the last answer.
        engine: Where the answers came from, for display; empty when nothing was asked.
        memory, memory_limit: The engine's memory after the last answer, and what it may use, in bytes; 0 where unknown.
    """

    requests: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    model: str = ""
    engine: str = ""
    retried: int = 0
    memory: int = 0
    memory_limit: int = 0


@dataclass(frozen=True, slots=True)
class Review:
    """A complete review.

    Attributes:
        subject: What was reviewed, for display: ``"staged changes"``, ``"HEAD~1..HEAD"``.
        units: Every unit, in order of path and line, read or not.
        skimmed: Files listed but not sent (binary, deleted, renamed without a change, …).
        notes: What a reader must know, such as that a part was left out.
        summary: What the change does as a whole; None where it was not requested or not answered.
        unavailable: Why the model could not be asked; the review then holds evidence only.
    """

    subject: str
    units: tuple[UnitReview, ...] = ()
    skimmed: tuple[Skipped, ...] = ()
    usage: Usage = field(default_factory=Usage)
    notes: tuple[str, ...] = ()
    summary: ChangeSummary | None = None
    unavailable: EngineError | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding, hidden ones included, ordered by path, line and severity."""
        found = [finding for unit in self.units for finding in unit.findings]
        return tuple(sorted(found, key=lambda f: (f.path, f.line, -f.severity.rank)))

    @property
    def shown(self) -> tuple[Finding, ...]:
        """The findings that reports show, in the same order."""
        return tuple(finding for finding in self.findings if finding.shown)

    @property
    def is_incomplete(self) -> bool:
        """Whether a unit or a file that should have been read was not."""
        return bool(self.not_read) or any(one.unread for one in self.skimmed)

    @property
    def not_read(self) -> tuple[UnitReview, ...]:
        """Units without a usable answer."""
        return tuple(unit for unit in self.units if unit.status is UnitStatus.NOT_READ)
