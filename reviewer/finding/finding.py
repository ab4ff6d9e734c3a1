"""One finding, with its source, its suggestion and the marks that hide it."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum


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
    UNSURE = "unsure"  # explanation: the model was not sure enough of its words
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
