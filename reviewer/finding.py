"""What a review says: findings, suggestions and explanations, as immutable values.

One ``Finding`` travels from the reply to the report. Steps in between never drop one: they add marks, and reporters
decide what to show (``Finding.shown``).
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
    """How bad a finding is; ``rank`` orders them."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for info, 1 for warning, 2 for error."""
        return {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}[self]


class Category(StrEnum):
    """What kind of defect a finding names."""

    BUG = "bug"
    SECURITY = "security"
    PERFORMANCE = "performance"
    CONCURRENCY = "concurrency"
    RESOURCE = "resource"
    COMPATIBILITY = "compatibility"
    UNFINISHED = "unfinished"


class Mark(StrEnum):
    """Why a finding, a suggestion or an explanation is not shown as fact."""

    OFF_CHANGE = "off-change"  # names a line outside the unit's changed lines
    MISQUOTED = "misquoted"  # quotes another text than that of the line it names
    UNGROUNDED = "ungrounded"  # names code, files or lines that are not in what was read
    ECHO = "echo"  # repeats the prompt's own example or instructions
    DUPLICATE = "duplicate"  # says what an earlier finding says
    EMPTY = "empty"  # says nothing
    NIT = "nit"  # speaks of form alone, as a formatter or linter would
    SUPPRESSED = "suppressed"  # the user asked not to hear of it
    BELOW_SEVERITY = "below-severity"  # slighter than the settings ask for
    OVER_LIMIT = "over-limit"  # more than the settings ask for in one file
    DOES_NOT_APPLY = "does-not-apply"  # suggestion: its lines are not there
    DOES_NOT_PARSE = "does-not-parse"  # suggestion: the file has new syntax errors with it
    NO_CHANGE = "no-change"  # suggestion: the text stays the same
    CHANGES_MORE = "changes-more"  # suggestion: a completion changes more than the body that is missing
    GIVES_ORDERS = "gives-orders"  # commit message: it would do something, such as close an issue or skip the tests


class SilencedBy(StrEnum):
    """How a person asked not to hear of a finding."""

    COMMENT = "ignore comment"
    BASELINE = "baseline"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Silence:
    """A person's wish not to hear of a finding.

    Attributes:
        by: How it was said.
        reason: Why, in that person's words; may be empty.
    """

    by: SilencedBy
    reason: str = ""


class SuggestionKind(StrEnum):
    """Whether a suggestion mends a defect or finishes unfinished code."""

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
        marks: Why it is not shown; empty means that it applies and parses.
        proof: What was shown of it beyond that, such as ``"ruff no longer reports B006; parses; nothing else
            changed"``; empty where nothing was.
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
        """Whether a reporter shows it."""
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
        rule: The reporter's own name for the rule, such as ``"B006"``; empty where it has none.
        url: Where the rule is documented; empty where that is unknown.
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
        line_text: That line's text, for display and for the fingerprint.
        scope: Enclosing function or class as git's hunk heading or the parser names it; may be empty.
        marks: Why it is not shown as fact; empty means shown.
        silence: Who asked not to hear of it; goes with ``Mark.SUPPRESSED``.
        quoted: Whether the model quoted the line; None where it was not asked to.
        also: Further lines of the file where the same was found, ascending.
        context: What the fault means in this code, as the model explains it; empty where it was not asked or its answer
            did not hold.
        sources: What reported it, the principal source first; empty for a model's finding that names none.
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

    @property
    def shown(self) -> bool:
        """Whether a reporter shows it."""
        return not self.marks

    @property
    def source(self) -> Source | None:
        """The principal source."""
        return self.sources[0] if self.sources else None

    @property
    def fingerprint(self) -> str:
        """Identity that survives moves: path, category and the code line, with line numbers and white space left out.

        16 hexadecimal digits. The message is left out because a model words the same defect anew each time. A rule's
        or tool's finding adds the rule, because one line can break several.
        """
        source = self.source
        exact = source is not None and source.kind is not SourceKind.MODEL
        kind = f"{self.category}\0{source.name}:{source.rule}" if source is not None and exact else self.category
        return _fingerprint(self.path, kind, self.line_text or self.message)

    def marked(self, *marks: Mark) -> Finding:
        """Return a copy with further marks."""
        return dataclasses.replace(self, marks=self.marks | frozenset(marks))

    def silenced(self, silence: Silence) -> Finding:
        """Return a copy that a person asked not to hear of."""
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
        """Whether a reporter shows it."""
        return bool(self.text) and not self.marks


class UnitStatus(StrEnum):
    """How far one unit was read."""

    READ = "read"
    NOT_READ = "not read"
    NOT_ASKED = "not asked"  # checked by rules and analyzers alone


@dataclass(frozen=True, slots=True)
class UnitReview:
    """What came back for one unit.

    Attributes:
        lines: The unit's lines as the model saw them, for the annotated report.
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
        """Where a reader should look first: the first shown finding, else the first changed line, else the start."""
        found = min((finding.line for finding in self.findings if finding.shown), default=None)
        changed = (line.new for line in self.lines if line.kind != " " and line.new is not None)
        return next(changed, self.start) if found is None else found


class RiskLevel(StrEnum):
    """How much could go wrong with a change, as the model guesses it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Risk:
    """A guess at how much could go wrong, and why."""

    level: RiskLevel
    reason: str
    marks: frozenset[Mark] = frozenset()

    @property
    def shown(self) -> bool:
        """Whether a reporter shows it."""
        return bool(self.reason) and not self.marks


@dataclass(frozen=True, slots=True)
class CommitMessage:
    """A suggested commit message, as the model worded it; ``commit_message.fitted`` makes it fit for git.

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
    """What a change does as a whole. It is advice: no verdict follows from it.

    Attributes:
        text: One to three sentences.
        path, line: Where a reviewer should look first, in the new side; always a place of the change.
        marks: Why it is not shown; the commit message is judged by itself.
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
        """Whether a reporter shows it."""
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
        requests: Answers that the engine gave; ``cached`` ones are not among them.
        retried: Those among them that were asked for since the first answer did not read.
        seconds: Wall time from the first request to the last answer.
        engine: Where the answers came from, for people; empty when nothing was asked.
    """

    requests: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    model: str = ""
    engine: str = ""
    retried: int = 0


@dataclass(frozen=True, slots=True)
class Review:
    """One whole review, ready for a reporter.

    Attributes:
        subject: What was reviewed, for people: ``"staged changes"``, ``"HEAD~1..HEAD"``.
        units: Every unit, in order of path and line, read or not.
        skimmed: Files listed but not sent (binary, deleted, renamed without a change, …).
        notes: Sentences a reader must know, such as that a part was left out.
        summary: What the change does as a whole; None where that was not asked for, or got no answer.
        unavailable: Why no model was asked, where one was wanted; the review then holds evidence alone.
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
        """Every finding, marked ones included, in order of path, line and severity."""
        found = [finding for unit in self.units for finding in unit.findings]
        return tuple(sorted(found, key=lambda f: (f.path, f.line, -f.severity.rank)))

    @property
    def shown(self) -> tuple[Finding, ...]:
        """The findings that a reporter shows, in that order; the report's ids (r1, r2, …) count along this tuple."""
        return tuple(finding for finding in self.findings if finding.shown)

    @property
    def is_incomplete(self) -> bool:
        """Whether a unit or a file that should have been read was not."""
        return bool(self.not_read) or any(one.unread for one in self.skimmed)

    @property
    def not_read(self) -> tuple[UnitReview, ...]:
        """Units without a usable answer."""
        return tuple(unit for unit in self.units if unit.status is UnitStatus.NOT_READ)
