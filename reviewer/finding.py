"""Findings, suggestions, explanations and the review that holds them, as immutable values.

One ``Finding`` goes from the reply to the report. Steps in between never drop it: they add marks, and reporters show
what has none (``Finding.shown``).
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reviewer.diff import SourceLine
    from reviewer.errors import EngineError


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for info, 1 for warning, 2 for error."""
        return {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}[self]


class Category(StrEnum):
    """The kind of defect."""

    BUG = "bug"
    SECURITY = "security"
    PERFORMANCE = "performance"
    CONCURRENCY = "concurrency"
    RESOURCE = "resource"
    COMPATIBILITY = "compatibility"
    UNFINISHED = "unfinished"


class Mark(StrEnum):
    """Why a finding, a suggestion or an explanation is hidden."""

    OFF_CHANGE = "off-change"  # cites a line outside the unit's changed lines
    MISQUOTED = "misquoted"  # the quoted text is not that of the cited line
    UNGROUNDED = "ungrounded"  # cites code, files or lines that the model was not shown
    ECHO = "echo"  # repeats the prompt's example or instructions
    DUPLICATE = "duplicate"  # repeats an earlier finding
    EMPTY = "empty"  # has no content
    NIT = "nit"  # concerns only style
    SUPPRESSED = "suppressed"  # suppressed by the user
    BELOW_SEVERITY = "below-severity"  # below ``min_severity``
    OVER_LIMIT = "over-limit"  # above ``max_findings_per_file``
    DOES_NOT_APPLY = "does-not-apply"  # suggestion: its lines do not exist
    DOES_NOT_PARSE = "does-not-parse"  # suggestion: it adds syntax errors
    NO_CHANGE = "no-change"  # suggestion: it changes nothing
    CHANGES_MORE = "changes-more"  # suggestion: a completion changes more than the missing body
    GIVES_ORDERS = "gives-orders"  # commit message: has a directive, such as one that closes an issue or skips CI


class SilencedBy(StrEnum):
    """How a finding was suppressed."""

    COMMENT = "ignore comment"
    BASELINE = "baseline"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Silence:
    """A user's suppression of a finding.

    Attributes:
        reason: In the user's words; may be empty.
    """

    by: SilencedBy
    reason: str = ""


class SuggestionKind(StrEnum):
    """Whether a suggestion fixes a defect or completes unfinished code."""

    FIX = "fix"
    COMPLETION = "completion"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A replacement for whole lines of the reviewed text.

    Attributes:
        start: First line replaced, 1-based, in the new side of the file.
        end: Last line replaced, inclusive.
        replacement: The new lines, without a final newline; empty deletes the lines.
        original: The lines that are replaced, without a final newline.
        marks: Why it is hidden; empty means that it applies and parses.
        proof: What else was proven, such as ``"ruff no longer reports B006; parses; only these lines change"``; empty
            where nothing was.
    """

    start: int
    end: int
    replacement: str
    original: str = ""
    kind: SuggestionKind = SuggestionKind.FIX
    marks: frozenset[Mark] = frozenset()
    proof: str = ""

    @property
    def shown(self) -> bool:
        """Whether reports show it."""
        return not self.marks


class SourceKind(StrEnum):
    """What reported a finding."""

    RULE = "rule"
    TOOL = "tool"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a finding comes from.

    Attributes:
        name: The reporter, such as ``"ruff"``, a model's name, or ``"built-in"`` for the packaged rules.
        rule: The reporter's name for the rule, such as ``"B006"``; may be empty.
        url: Documentation of the rule; may be empty.
    """

    kind: SourceKind
    name: str
    rule: str = ""
    url: str = ""


_FINGERPRINT_NOISE = re.compile(r"[\s\d]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect on one changed line.

    Attributes:
        path: Path in the new revision, as git stores it, ``/`` between parts.
        line: 1-based line in the new side.
        line_text: Text of that line, for display and for the fingerprint.
        scope: Enclosing function or class, from git's hunk heading or the parser; may be empty.
        marks: Why it is hidden; empty means shown.
        silence: Who suppressed it; set together with ``Mark.SUPPRESSED``.
        quoted: Whether the model quoted the line; None where it was not asked to.
        also: Other lines of the file with the same finding, ascending.
        context: What the fault means in this code, as the model explains it; where there is no such sentence, what the
            rule advises. May be empty.
        sources: What reported it, the principal source first; may be empty for a finding of the model.
        secret: The secret that was found on the line. It is masked in every output and never stored.
        stored_fingerprint: The fingerprint, where the finding was read from a file in which its line may be masked.
    """

    path: str
    line: int
    severity: Severity
    category: Category
    message: str
    line_text: str = ""
    scope: str = ""
    suggestion: Suggestion | None = None
    marks: frozenset[Mark] = frozenset()
    silence: Silence | None = None
    quoted: bool | None = None
    also: tuple[int, ...] = ()
    sources: tuple[Source, ...] = ()
    context: str = ""
    secret: str = field(default="", repr=False)
    stored_fingerprint: str = ""

    @property
    def shown(self) -> bool:
        """Whether reports show it."""
        return not self.marks

    @property
    def source(self) -> Source | None:
        """The principal source."""
        return self.sources[0] if self.sources else None

    @property
    def fingerprint(self) -> str:
        """Identity that survives moves: a hash of path, category and code line, without digits and white space.

        16 hexadecimal digits. The message is left out because a model words the same defect differently each time.
        Findings of rules and tools add the rule, because one line can violate several.
        """
        if self.stored_fingerprint:
            return self.stored_fingerprint
        source = self.source
        exact = source is not None and source.kind is not SourceKind.MODEL
        kind = f"{self.category}\0{source.name}:{source.rule}" if source is not None and exact else self.category
        return _fingerprint(self.path, kind, self.line_text or self.message)

    def marked(self, *marks: Mark) -> Finding:
        """Return a copy with further marks."""
        return dataclasses.replace(self, marks=self.marks | frozenset(marks))

    def silenced(self, silence: Silence) -> Finding:
        """Return a suppressed copy."""
        return dataclasses.replace(self, marks=self.marks | {Mark.SUPPRESSED}, silence=silence)


@functools.lru_cache(maxsize=4096)
def _fingerprint(path: str, category: str, text: str) -> str:
    normal = _FINGERPRINT_NOISE.sub("", text)
    return hashlib.sha256("\0".join((path, category, normal)).encode("utf-8", "surrogateescape")).hexdigest()[:16]


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
