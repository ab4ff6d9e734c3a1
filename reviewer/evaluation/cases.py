"""Labelled changes: what a model is evaluated on.

Three formats are read: a folder of TOML files with the text before and after a change, a JSONL file of diffs, and the
pairs of sets like BugsInPy, where one diff introduces a bug and another fixes it.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from reviewer import diff, untrusted
from reviewer.diff import FileStatus, LineKind
from reviewer.errors import ReviewerError, UsageError
from reviewer.selection.source import ChangeSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from reviewer.diff import FileChange

# One place of a defect: a path and a line of its new side.
Place = tuple[str, int]

_PAIR = ("bug_introducing_diff", "fix_diff")


@dataclass(frozen=True)
class Case:
    """One labelled change.

    Attributes:
        id: Unique within its set.
        patch: The change as a unified diff.
        texts: The whole new side of its files by path; empty where only the diff is known.
        defects: For each defect the places at which a finding counts as having found it; empty for a clean change.
        group: Shared by cases of one origin (a bug and its fix), which are sampled together.
        kind: The kind of defect, or of temptation, for display.
        language: For display; may be empty.
        reference: A good explanation of the change; empty where there is none.
    """

    id: str
    patch: str
    texts: Mapping[str, str] = field(default_factory=dict)
    defects: tuple[frozenset[Place], ...] = ()
    group: str = ""
    kind: str = ""
    language: str = ""
    reference: str = ""

    @property
    def clean(self) -> bool:
        """Whether every finding on it is a false alarm."""
        return not self.defects

    @cached_property
    def change(self) -> diff.Change:
        """The parsed patch."""
        return diff.parse(self.patch.encode("utf-8", "surrogateescape"), self.id)

    @cached_property
    def before(self) -> Mapping[str, str]:
        """The old side of its files by path, as far as the new side is known: the patch taken back."""
        return {
            file.old_path or file.path: _taken_back(file, self.texts[file.path])
            for file in self.change.files
            if file.path in self.texts and file.status is not FileStatus.ADDED
        }

    @property
    def source(self) -> ChangeSource:
        """The change with both sides of its files, as a review reads it."""
        return ChangeSource(
            self.change,
            self.texts.get,
            new=functools.partial(_contents, self.texts),
            old=functools.partial(_contents, self.before),
            paths=lambda: self.texts,
        )

    @cached_property
    def anchors(self) -> frozenset[Place]:
        """Every place that a finding may name."""
        return frozenset(
            (file.path, line) for file in self.change.files for hunk in file.hunks for line in hunk.anchors
        )

    @cached_property
    def digest(self) -> str:
        """Identity of what a model is shown, without the labels: a corrected label needs no new review."""
        shown = json.dumps([self.patch, dict(sorted(self.texts.items()))])
        return hashlib.sha256(shown.encode()).hexdigest()[:16]


def _contents(texts: Mapping[str, str], paths: Iterable[str]) -> dict[str, bytes | None]:
    return {path: diff.encode(texts[path]) if path in texts else None for path in paths}


def _taken_back(file: FileChange, text: str) -> str:
    lines = text.split("\n")
    for hunk in reversed(file.hunks):
        first = hunk.new_start - 1 if hunk.new_count else hunk.new_start
        lines[first : first + hunk.new_count] = [line.text for line in hunk.lines if line.kind is not LineKind.ADDED]
    return "\n".join(lines)


def load(path: Path) -> tuple[Case, ...]:
    """Read a set of cases.

    Args:
        path: A folder of ``*.toml`` files, or a JSONL file.

    Raises:
        UsageError: There is none, or one is wrong; the message names it.
    """
    if not path.exists():
        raise UsageError(f"no cases at {path}", hint="give a folder of TOML files, or a JSONL file")
    found = tuple(_from_folder(path) if path.is_dir() else _from_lines(path))
    if not found:
        raise UsageError(f"no cases in {path}")
    seen: set[str] = set()
    for case in found:
        if case.id in seen:
            raise UsageError(f"two cases named {case.id!r} in {path}")
        seen.add(case.id)
    return found


def sample(cases: Sequence[Case], groups: int) -> tuple[Case, ...]:
    """Choose a number of groups, always the same ones, so that models are compared on the same changes."""
    names = dict.fromkeys(case.group for case in cases)
    chosen = set(sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[:groups])
    return tuple(case for case in cases if case.group in chosen)


def _from_folder(folder: Path) -> Iterator[Case]:
    for file in sorted(folder.rglob("*.toml")):
        try:
            data = untrusted.parse_toml(file.read_bytes())
            yield _from_texts(file.stem, data)
        except (untrusted.MalformedError, OSError, _WrongCaseError) as problem:
            raise UsageError(f"{file}: {problem}") from problem


class _WrongCaseError(ValueError):
    """A case lacks something or contradicts itself."""


def _from_texts(name: str, data: Mapping[str, Any]) -> Case:
    """Read one case that is written as whole files."""
    files = _get(data, "file", list)
    patch = "".join(_file_patch(file) for file in files)
    texts = {_get(file, "path", str): _get(file, "after", str) for file in files if "after" in file}
    plain = Case(name, patch, texts)
    if not plain.anchors:
        raise _WrongCaseError("nothing is changed")
    defects = tuple(
        frozenset(_place(plain, line) for line in _get(one, "lines", list)) for one in _defects(data, "defect")
    )
    return Case(
        name,
        patch,
        texts,
        defects,
        group=name,
        kind=str(data.get("kind", "")),
        language=str(data.get("language", "")),
        reference=" ".join(str(data.get("reference", "")).split()),
    )


def _file_patch(file: Mapping[str, Any]) -> str:
    import difflib

    path = _get(file, "path", str)
    before, after = (diff.source_lines(str(file.get(side, ""))) for side in ("before", "after"))
    old = f"a/{path}" if "before" in file else "/dev/null"
    new = f"b/{path}" if "after" in file else "/dev/null"
    return "".join(difflib.unified_diff(before, after, old, new))


def _place(case: Case, label: object) -> Place:
    """Find the changed line that a label quotes: by its text, since numbers change with every edit above."""
    wanted = str(label).strip()
    found = [place for place in case.anchors if case.texts[place[0]].split("\n")[place[1] - 1].strip() == wanted]
    if len(found) != 1:
        raise _WrongCaseError(f"{len(found)} changed lines with the text {wanted!r} instead of one")
    return found[0]


def _defects(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The labelled defects; a change without any must be declared clean, so that no label is forgotten."""
    defects: list[Mapping[str, Any]] = list(data.get(name, []))
    if bool(defects) == bool(data.get("clean", False)):
        raise _WrongCaseError("a case needs either defects or clean = true")
    return defects


def _from_lines(file: Path) -> Iterator[Case]:
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"cannot read {file}: {problem}") from problem
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            data = untrusted.parse_json(line)
            if not isinstance(data, dict):
                raise _WrongCaseError("not a JSON object")
            yield from _pair(data) if all(name in data for name in _PAIR) else [_from_diff(data)]
        except (untrusted.MalformedError, _WrongCaseError, ReviewerError) as problem:
            raise UsageError(f"{file}, line {number}: {problem}") from problem


def _pair(data: Mapping[str, Any]) -> Iterator[Case]:
    """Two cases of one bug: the change that introduces it, all of it a defect, and its fix, which is clean."""
    name = _get(data, "id", str)
    for side, patch in zip(("bug", "fix"), (_get(data, field_, str) for field_ in _PAIR), strict=True):
        case = Case(f"{name}/{side}", patch, group=name, kind=side, language="python")
        if case.anchors:
            yield (
                case
                if side == "fix"
                else Case(case.id, patch, defects=(case.anchors,), group=name, kind=side, language="python")
            )


def _from_diff(data: Mapping[str, Any]) -> Case:
    name = _get(data, "id", str)
    defects = []
    for one in _defects(data, "defects"):
        path = _get(one, "path", str)
        defects.append(frozenset((path, int(line)) for line in _get(one, "lines", list)))
    case = Case(
        name,
        _get(data, "diff", str),
        dict(data.get("files", {})),
        tuple(defects),
        group=str(data.get("group", name)),
        kind=str(data.get("kind", "")),
        language=str(data.get("language", "")),
        reference=str(data.get("reference", "")),
    )
    strange = {place for defect in defects for place in defect} - case.anchors
    if strange:
        path, line = min(strange)
        raise _WrongCaseError(f"the label {path}:{line} is not a changed line")
    return case


def _get(data: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    value = data.get(name)
    if not isinstance(value, kind):
        raise _WrongCaseError(f"{name!r} is missing or not of type {kind.__name__}")
    return value
