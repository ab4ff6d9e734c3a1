"""The last review of a working tree, kept in its git folder, so that ``r1`` means something to the next command.

Unlike the JSON report it is not masked: a suggestion must be written as the model gave it. It quotes nothing but the
code, whose blobs lie in the same folder, and only its owner can read it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer import untrusted
from reviewer.applying.blobs import Blobs
from reviewer.errors import GitError, UsageError
from reviewer.finding import Category, Finding, Severity, Suggestion, SuggestionKind
from reviewer.git import TargetKind
from reviewer.paths import GIT_FOLDER
from reviewer.report import view
from reviewer.terminal.masking import mask, remembering

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from reviewer.finding import Review
    from reviewer.git import Repository, Target

_VERSION = 1
_NAME = "last.json"
_AGAIN = "reviewer review"


@dataclass(frozen=True, slots=True)
class KeptFinding:
    """One finding of the review, under the id that the report gave it.

    Attributes:
        id: ``r1``, ``r2``, …
        finding: As it was shown; without a suggestion where that was not shown.
        language: Name of the file's language.
        blob: Object id that git gives to the reviewed text; empty where there is no such text or no suggestion.
        masked: Whether a secret was masked in the suggestion, so that it must not be written.
    """

    id: str
    finding: Finding
    language: str
    blob: str = ""
    masked: bool = False


@dataclass(frozen=True, slots=True)
class LastReview:
    """A review as it was kept.

    Attributes:
        made: When, as ISO 8601.
        subject: What was reviewed, for people.
        kind: What kind of thing that was.
        head: Object id of its new side; None for the index and the working tree.
        model: Who found it.
    """

    made: str
    subject: str
    kind: TargetKind
    head: str | None
    model: str
    findings: tuple[KeptFinding, ...]

    @property
    def seconds_ago(self) -> float:
        """How long ago it was made."""
        return (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(self.made)).total_seconds()

    def find(self, ids: Iterable[str]) -> tuple[KeptFinding, ...]:
        """Return findings by id or fingerprint, each once, in the order in which they are named.

        Raises:
            UsageError: One is not there.
        """
        names = {one.finding.fingerprint: one for one in reversed(self.findings)}
        names |= {one.id: one for one in self.findings}
        found: dict[str, KeptFinding] = {}
        for name in ids:
            one = names.get(name.lower().strip("[]"))
            if one is None:
                raise UsageError(f"the last review, of {self.subject}, has no {name}", hint=self._choice())
            found.setdefault(one.id, one)
        return tuple(found.values())

    def _choice(self) -> str:
        if not self.findings:
            return "It found nothing."
        first, last = self.findings[0].id, self.findings[-1].id
        return f"It has {first}." if first == last else f"It has {first} to {last}."


def keep(
    repository: Repository,
    target: Target,
    review: Review,
    read: Callable[[str], str | None],
    *,
    masked: Collection[str] = (),
) -> bool:
    """Keep a review in place of the one before it.

    Args:
        repository: Where it was made.
        target: What was reviewed.
        review: Its outcome.
        read: Gives the text that was reviewed.
        masked: Ids of findings whose suggestion had a secret masked.

    Returns:
        Whether it is kept; not where the git folder cannot be written, which is no reason to lose a review.
    """
    try:
        with remembering(view.secrets(review)):
            findings = list(_findings(repository, target, review, read, masked))
        document = {
            "version": _VERSION,
            "made": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            "subject": review.subject,
            "kind": target.kind.value,
            "head": target.head,
            "model": review.usage.model,
            "findings": findings,
        }
        _write(repository.git_dir / GIT_FOLDER / _NAME, document)
    except (OSError, GitError):
        return False
    return True


def load(git_dir: Path) -> LastReview:
    """Read the last review of a working tree.

    Raises:
        UsageError: There is none, or it is another version's.
    """
    try:
        document = untrusted.parse_json((git_dir / GIT_FOLDER / _NAME).read_bytes())
        if document["version"] != _VERSION:
            raise ValueError(document["version"])
        return LastReview(
            made=document["made"],
            subject=document["subject"],
            kind=TargetKind(document["kind"]),
            head=document["head"],
            model=document["model"],
            findings=tuple(_kept(one) for one in document["findings"]),
        )
    except FileNotFoundError as problem:
        raise UsageError("nothing was reviewed here yet", hint=_AGAIN) from problem
    except OSError as problem:
        raise UsageError(f"the last review cannot be read: {problem.strerror}", hint=_AGAIN) from problem
    except (ValueError, LookupError, TypeError) as problem:
        raise UsageError("the last review was kept by another version, or is damaged", hint=_AGAIN) from problem


def _findings(
    repository: Repository,
    target: Target,
    review: Review,
    read: Callable[[str], str | None],
    masked: Collection[str],
) -> Iterator[dict[str, Any]]:
    blobs = Blobs(repository)
    numbers = view.ids(review)
    languages = {unit.path: unit.language for unit in review.units}
    known: dict[str, str] = {}
    for finding in review.shown:
        number, path = numbers[id(finding)], finding.path
        suggestion = finding.suggestion if finding.suggestion and finding.suggestion.shown else None
        if suggestion is not None and path not in known:
            text = None if target.kind is TargetKind.PATCH else read(path)
            known[path] = "" if text is None else blobs.id_of(text)
        yield {
            **_record(number, finding, suggestion, languages[path]),
            "blob": known[path] if suggestion else "",
            "masked": number in masked,
        }


def _record(number: str, finding: Finding, suggestion: Suggestion | None, language: str) -> dict[str, Any]:
    return {
        "id": number,
        "path": finding.path,
        "line": finding.line,
        "line_text": finding.line_text,
        "scope": finding.scope,
        "severity": finding.severity.value,
        "category": finding.category.value,
        "message": mask(finding.message),
        "language": language,
        "suggestion": suggestion
        and {
            "kind": suggestion.kind.value,
            "start": suggestion.start,
            "end": suggestion.end,
            "original": suggestion.original,
            "replacement": suggestion.replacement,
        },
    }


def _kept(one: dict[str, Any]) -> KeptFinding:
    told = one["suggestion"]
    suggestion = told and Suggestion(
        start=int(told["start"]),
        end=int(told["end"]),
        replacement=str(told["replacement"]),
        original=str(told["original"]),
        kind=SuggestionKind(told["kind"]),
    )
    finding = Finding(
        path=str(one["path"]),
        line=int(one["line"]),
        severity=Severity(one["severity"]),
        category=Category(one["category"]),
        message=str(one["message"]),
        line_text=str(one["line_text"]),
        scope=str(one["scope"]),
        suggestion=suggestion,
    )
    return KeptFinding(str(one["id"]), finding, str(one["language"]), str(one["blob"]), bool(one["masked"]))


def _write(path: Path, document: dict[str, Any]) -> None:
    if not path.parent.parent.is_dir():  # never bring a repository back that was deleted
        raise FileNotFoundError(path.parent.parent)
    path.parent.mkdir(exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # Two processes never share an id, so what lies here is a dead one's.
        with contextlib.suppress(FileNotFoundError):
            aside.unlink()
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
