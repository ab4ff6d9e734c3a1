"""The last review of a working tree, kept in its git folder, so that the next command knows its findings by their ids.

It is masked, as the JSON report is. A suggestion must be written as it was proven, so one that has a secret is kept for
display only. Only its owner can read the file.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer import diff, files, untrusted
from reviewer.applying.contents import Blobs
from reviewer.errors import GitError, UsageError
from reviewer.finding import Category, Finding, Severity, Suggestion, SuggestionKind
from reviewer.git import TargetKind
from reviewer.languages import LANGUAGES
from reviewer.paths import GIT_FOLDER
from reviewer.report import ids as finding_ids
from reviewer.report import view
from reviewer.terminal.masking import mask, remembering

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from reviewer.finding import Review
    from reviewer.git import Repository, Target

_VERSION = 2
_NAME = "last.json"
_AGAIN = "reviewer review"
_CHOICE = 8  # ids shown where one is unknown
_OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class KeptFinding:
    """One finding of the review.

    Attributes:
        id: As the report shows it.
        name: What every id of it is a prefix of (``report.ids.full_names``).
        finding: As it was shown, masked; without a suggestion where that was not shown.
        language: Name of the file's language.
        blob: Object id of the reviewed text; empty where there is no such text or no suggestion.
        masked: Whether a secret was masked in the suggestion, so that it must not be written.
    """

    id: str
    name: str
    finding: Finding
    language: str
    blob: str = ""
    masked: bool = False


@dataclass(frozen=True, slots=True)
class LastReview:
    """A review as it was kept.

    Attributes:
        made: When, as ISO 8601.
        subject: What was reviewed, for display.
        kind: Whether that was the index, the working tree, a commit, …
        head: Object id of its new side; None for the index and the working tree.
        model: The model's name.
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
        """Return findings by id, fingerprint or a prefix of one, each once, in the order given.

        Raises:
            UsageError: One is unknown or ambiguous.
        """
        found: dict[str, KeptFinding] = {}
        for name in ids:
            able = [one for one in self.findings if finding_ids.matches(name, one.name)]
            if not able:
                raise UsageError(f"no finding {name} in the last review ({self.subject})", hint=self._choice())
            if len(able) > 1:
                raise UsageError(f"{name} is ambiguous: {' or '.join(one.id for one in able)}")
            found.setdefault(able[0].id, able[0])
        return tuple(found.values())

    def _choice(self) -> str:
        if not self.findings:
            return "It has no findings."
        more = len(self.findings) - _CHOICE
        ids = ", ".join(one.id for one in self.findings[:_CHOICE])
        return f"It has {ids} and {more} more." if more > 0 else f"It has {ids}."


def keep(
    repository: Repository,
    target: Target,
    review: Review,
    read: Callable[[str], str | None],
    *,
    masked: Collection[str] = (),
) -> bool:
    """Keep a review, replacing the one before it.

    Args:
        repository: Where it was made.
        target: What was reviewed.
        review: Its outcome.
        read: Gives the text that was reviewed.
        masked: Ids of findings whose suggestion had a secret masked.

    Returns:
        Whether it is kept; False where the git folder cannot be written, which must not fail the review.
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
        if not repository.git_dir.is_dir():  # never bring back a repository that was deleted
            return False
        folder = repository.git_dir / GIT_FOLDER
        folder.mkdir(exist_ok=True)
        files.write(folder / _NAME, json.dumps(document, indent=1))
    except (OSError, GitError):
        return False
    return True


def load(git_dir: Path) -> LastReview:
    """Read the last review of a working tree.

    Raises:
        UsageError: There is none, or it cannot be read.
    """
    try:
        document = untrusted.parse_json((git_dir / GIT_FOLDER / _NAME).read_bytes())
        if document["version"] != _VERSION:
            raise ValueError(document["version"])
        return LastReview(
            made=dt.datetime.fromisoformat(document["made"]).astimezone(dt.UTC).isoformat(timespec="milliseconds"),
            subject=str(document["subject"]),
            kind=TargetKind(document["kind"]),
            head=None if document["head"] is None else _object(document["head"]),
            model=str(document["model"]),
            findings=_numbered([_kept(one) for one in document["findings"]]),
        )
    except FileNotFoundError as problem:
        raise UsageError("no review yet in this working tree", hint=_AGAIN) from problem
    except OSError as problem:
        raise UsageError(f"cannot read the last review: {problem.strerror}", hint=_AGAIN) from problem
    except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as problem:
        raise UsageError("the last review is damaged or from another version", hint=_AGAIN) from problem


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
    for finding in {id(finding): finding for finding in review.shown}.values():
        number, path = numbers[id(finding)], finding.path
        suggestion = finding.suggestion if finding.suggestion and finding.suggestion.shown else None
        if suggestion is not None and path not in known:
            text = None if target.kind is TargetKind.PATCH else read(path)
            known[path] = "" if text is None else blobs.id_of(text)
        yield {
            **_record(finding, suggestion, languages[path]),
            "blob": known[path] if suggestion else "",
            "masked": number in masked or (suggestion is not None and _has_secret(suggestion)),
        }


def _has_secret(suggestion: Suggestion) -> bool:
    return any(mask(text) != text for text in (suggestion.original, suggestion.replacement))


def _record(finding: Finding, suggestion: Suggestion | None, language: str) -> dict[str, Any]:
    return {
        "path": finding.path,
        "line": finding.line,
        "line_text": mask(finding.line_text),
        "scope": finding.scope,
        "severity": finding.severity.value,
        "category": finding.category.value,
        "message": mask(finding.message),
        "fingerprint": finding.fingerprint,
        "language": language,
        "suggestion": suggestion
        and {
            "kind": suggestion.kind.value,
            "start": suggestion.start,
            "end": suggestion.end,
            "original": mask(suggestion.original),
            "replacement": mask(suggestion.replacement),
        },
    }


def _kept(one: dict[str, Any]) -> KeptFinding:
    """Read one finding.

    Raises:
        ValueError, LookupError, TypeError, ArithmeticError: It is not one.
    """
    if one["language"] not in LANGUAGES:
        raise ValueError(one["language"])
    kept = one["suggestion"]
    suggestion = kept and Suggestion(
        start=int(kept["start"]),
        end=int(kept["end"]),
        replacement=_text(kept["replacement"]),
        original=_text(kept["original"]),
        kind=SuggestionKind(kept["kind"]),
    )
    finding = Finding(
        path=_text(one["path"]),
        line=int(one["line"]),
        severity=Severity(one["severity"]),
        category=Category(one["category"]),
        message=str(one["message"]),
        line_text=str(one["line_text"]),
        scope=str(one["scope"]),
        suggestion=suggestion,
        stored_fingerprint=finding_ids.fingerprint(str(one["fingerprint"])),
    )
    return KeptFinding("", "", finding, one["language"], one["blob"] and _object(one["blob"]), bool(one["masked"]))


def _numbered(found: Sequence[KeptFinding]) -> tuple[KeptFinding, ...]:
    """Give findings the ids that the report gave them."""
    findings = [one.finding for one in found]
    named = zip(found, finding_ids.assign(findings), finding_ids.full_names(findings), strict=True)
    return tuple(dataclasses.replace(one, id=short, name=name) for one, short, name in named)


def _object(name: str) -> str:
    """Check an object id, which becomes an argument of git."""
    if not _OBJECT.fullmatch(name):
        raise ValueError(name)
    return name


def _text(value: object) -> str:
    """Text that stands for bytes: it has no surrogates but those of ``diff.decode``."""
    diff.encode(str(value))
    return str(value)
