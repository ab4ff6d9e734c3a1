"""The result of one review of one case, as a line of the log.

It has facts, not scores, so that scoring and labels can change without a new review.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer import files, untrusted
from reviewer.asking.answers import NO_PROGRESS
from reviewer.errors import UsageError
from reviewer.finding import Mark, SourceKind, SuggestionKind

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.finding import Finding, Review


@dataclass(frozen=True, slots=True)
class Found:
    """One finding.

    Attributes:
        fix: Its suggestion's marks; None where it has none.
        quoted: As in ``Finding``.
        sources: The kinds of what reported it: ``"rule"``, ``"tool"``, or ``"model"`` for the model's own findings.
        proven: Whether its fix is proven.
    """

    path: str
    line: int
    severity: str
    category: str
    message: str
    marks: tuple[str, ...] = ()
    fix: tuple[str, ...] | None = None
    quoted: bool | None = None
    sources: tuple[str, ...] = ("model",)
    proven: bool = False

    @property
    def shown(self) -> bool:
        """Whether a user sees it."""
        return not self.marks

    @classmethod
    def of(cls, finding: Finding) -> Found:
        """Keep what scoring needs."""
        fix = finding.suggestion if finding.suggestion and finding.suggestion.kind is SuggestionKind.FIX else None
        return cls(
            finding.path,
            finding.line,
            str(finding.severity),
            str(finding.category),
            finding.message,
            _names(finding.marks),
            _names(fix.marks) if fix is not None else None,
            finding.quoted,
            tuple(dict.fromkeys(str(source.kind) for source in finding.sources)) or (str(SourceKind.MODEL),),
            proven=fix is not None and bool(fix.proof) and not fix.marks,
        )


@dataclass(frozen=True, slots=True)
class Record:
    """One review of one case.

    Attributes:
        case, digest: The case's id and digest.
        setup: Digest of everything else that affects a reply, apart from the model.
        model, weights: The model's name and the digest of its weights.
        turn: 0 for the first review of the case, 1 for the second, ….
        units, read: Units of the change, and how many of them got a usable answer.
        explanations: Those that are shown.
        summary, message: The summary of the whole change and the subject of its commit message; empty where there is
            none.
        requests: Answers that the engine gave; ``retried`` of them were second tries.
        seconds: Wall time of the review.
        problem: Why nothing was read; empty otherwise.
    """

    case: str
    digest: str
    setup: str
    model: str
    weights: str
    turn: int
    units: int
    read: int
    findings: tuple[Found, ...] = ()
    explanations: tuple[str, ...] = ()
    summary: str = ""
    message: str = ""
    requests: int = 0
    retried: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    problem: str = ""

    @property
    def shown(self) -> tuple[Found, ...]:
        """The findings that a user sees."""
        return tuple(finding for finding in self.findings if finding.shown)

    @property
    def late(self) -> bool:
        """Whether the engine fell silent over a part of it, as under load; a rerun asks again."""
        return self.read < self.units and NO_PROGRESS in self.problem

    def with_review(self, review: Review) -> Record:
        """Fill in a review's results."""
        usage, summary = review.usage, review.summary
        return dataclasses.replace(
            self,
            units=len(review.units),
            read=len(review.units) - len(review.not_read),
            findings=tuple(Found.of(finding) for finding in review.findings),
            explanations=tuple(u.explanation.text for u in review.units if u.explanation and u.explanation.shown),
            summary=summary.text if summary is not None and summary.shown else "",
            message=summary.message.subject if summary is not None and summary.message.shown else "",
            requests=usage.requests,
            retried=usage.retried,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            seconds=round(usage.seconds, 3),
            problem="; ".join(dict.fromkeys(unit.reason for unit in review.not_read)),
        )

    @classmethod
    def of(cls, data: dict[str, Any]) -> Record:
        """Read one from JSON."""
        found = tuple(
            Found(
                **{
                    **one,
                    "marks": tuple(one["marks"]),
                    "fix": None if one["fix"] is None else tuple(one["fix"]),
                    "sources": tuple(one.get("sources", (str(SourceKind.MODEL),))),
                }
            )
            for one in data["findings"]
        )
        return cls(**{**data, "findings": found, "explanations": tuple(data["explanations"])})


def read_log(path: Path) -> tuple[Record, ...]:
    """Read every record of a log; a line that is cut or from another version is skipped."""
    if not path.is_file():
        return ()
    records = []
    for line in path.read_bytes().split(b"\n"):
        try:
            records.append(Record.of(untrusted.parse_json(line)))
        except (ValueError, TypeError, KeyError):
            continue
    return tuple(records)


def append(path: Path, record: Record) -> None:
    """Append one record, on a line of its own even where the last one was cut.

    Raises:
        UsageError: The log cannot be written, or is a link, which a repository could bring.
    """
    line = json.dumps(dataclasses.asdict(record), ensure_ascii=True).encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.append(path, line, private=False)
    except OSError as problem:
        raise UsageError(f"cannot write {path}: {problem.strerror}") from problem


def _names(marks: frozenset[Mark]) -> tuple[str, ...]:
    return tuple(sorted(marks))
