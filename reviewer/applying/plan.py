"""How the chosen suggestions change the files of the working tree, decided before anything is written.

A suggestion is for the text that was reviewed. A file is changed only if git would store exactly that text for it:
the same bytes, or others that line endings, encodings and filters turn into the same. And the result is accepted only
if git would store exactly the text that was shown.
"""

from __future__ import annotations

import codecs
import contextlib
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.applying import patch
from reviewer.applying.contents import Blobs, WorkingTree
from reviewer.diff import decode, encode
from reviewer.errors import UsageError
from reviewer.git import TargetKind
from reviewer.git.command import native
from reviewer.syntax import new_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reviewer.applying.applied import Applied
    from reviewer.applying.last import KeptFinding, LastReview
    from reviewer.finding import Suggestion
    from reviewer.git import Repository


@dataclass(frozen=True, slots=True)
class FilePlan:
    """The change of one file.

    Attributes:
        before: The bytes in the working tree.
        after: The new bytes.
        patch: The change as git would record it, a unified diff; text as ``diff.decode`` gives it.
        ids: The suggestions that it applies.
    """

    path: str
    before: bytes
    after: bytes
    patch: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one suggestion is not applied, and what to do; ``settled`` if it is applied already."""

    id: str
    reason: str
    hint: str = ""
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes of all files, and what cannot be applied."""

    files: tuple[FilePlan, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def patch(self) -> str:
        """All files' patches in one."""
        return "".join(file.patch for file in self.files)

    @property
    def ids(self) -> tuple[str, ...]:
        """The suggestions that it applies, file by file."""
        return tuple(number for file in self.files for number in file.ids)


@dataclass(frozen=True, slots=True)
class _Open:
    """A file of the working tree that is what was reviewed, with the suggestions that are applied to it already."""

    raw: bytes
    reviewed: str
    done: Mapping[str, Suggestion]


class Planner:
    """Plans for one review; each file is read once.

    Args:
        repository: Where the files are.
        last: The review.
        applied: What was applied before.
    """

    def __init__(self, repository: Repository, last: LastReview, applied: Iterable[Applied]) -> None:
        self._repository = repository
        self._blobs = Blobs(repository)
        self._tree = WorkingTree(repository)
        self._last = last
        self._applied = [one for one in applied if one.review == last.made]
        self._opened: dict[str, _Open | UsageError] = {}

    def plan(self, chosen: Sequence[KeptFinding]) -> Plan:
        """Plan some suggestions together; of two that exclude each other, the earlier one is planned."""
        found: list[FilePlan] = []
        refusals: list[Refusal] = []
        for path in dict.fromkeys(one.finding.path for one in chosen):
            file = self._file(path, [one for one in chosen if one.finding.path == path], refusals)
            if file is not None:
                found.append(file)
        order = [one.id for one in self._last.findings]
        return Plan(tuple(found), tuple(sorted(refusals, key=lambda one: order.index(one.id))))

    def _file(self, path: str, chosen: Sequence[KeptFinding], refusals: list[Refusal]) -> FilePlan | None:
        able = []
        for one in chosen:
            reason = _unable(one)
            if reason:
                refusals.append(Refusal(one.id, *reason))
            else:
                able.append(one)
        if not able:
            return None
        try:
            opened = self._open(path, able[0].blob)
            accepted = _accept(able, opened, refusals)
            return self._change(path, opened, accepted) if accepted else None
        except UsageError as problem:
            refused = {one.id for one in refusals}
            refusals.extend(
                Refusal(one.id, problem.message, problem.hint or "") for one in able if one.id not in refused
            )
            return None

    def _open(self, path: str, blob: str) -> _Open:
        if path not in self._opened:
            try:
                self._opened[path] = self._look(path, blob)
            except UsageError as problem:
                self._opened[path] = problem
        opened = self._opened[path]
        if isinstance(opened, UsageError):
            raise opened
        return opened

    def _look(self, path: str, blob: str) -> _Open:
        raw = self._tree.read(path)
        reviewed = self._reviewed(path, blob, raw)
        if reviewed is not None:
            done = self._done(path)
            for there in (done, {}) if done else ({},):
                text = patch.compose(reviewed, there.values())
                if text is not None and self._stored_as(path, raw, text):
                    return _Open(raw, reviewed, there)
        raise self._changed(path, blob)

    def _reviewed(self, path: str, blob: str, raw: bytes) -> str | None:
        """The text that was reviewed: a blob of the repository, or the file of the working tree as it is or was."""
        stored = self._blobs.read(blob)
        if stored is not None:
            return stored
        earlier = [one.files[path].before for one in self._applied if path in one.files]
        encoding = self._encoding(path)
        for data in (*earlier, raw):
            for candidate in dict.fromkeys((data, data.replace(b"\r\n", b"\n"), *_as_utf8(data, encoding))):
                if self._blobs.id_of(candidate) == blob:
                    return decode(candidate)
        return None

    def _done(self, path: str) -> dict[str, Suggestion]:
        """The suggestions of this review that were written into a file."""
        ids = {number for one in self._applied if path in one.files for number in one.ids}
        here = [one for one in self._last.findings if one.finding.path == path and one.id in ids]
        return {one.id: one.finding.suggestion for one in here if one.finding.suggestion is not None}

    def _stored_as(self, path: str, raw: bytes, text: str) -> bool:
        """Whether git would store ``text`` of a file that holds ``raw``."""
        data = encode(text)
        return raw == data or self._blobs.id_of(raw, path) == self._blobs.id_of(data)

    def _changed(self, path: str, blob: str) -> UsageError:
        staged = self._last.kind is TargetKind.STAGED
        again = "reviewer review" if staged else "review it again"
        if staged and self._is_staged(path, blob):
            return UsageError(
                f"{path} has changes that are not staged, but the staged content was reviewed",
                hint=f"stage or stash them, then review again: git add {shlex.quote(path)} && {again}",
            )
        return UsageError(f"{path} has changed since the review", hint=again)

    def _is_staged(self, path: str, blob: str) -> bool:
        found = self._repository.command.attempt("rev-parse", "--verify", "--quiet", native(f":0:{path}"))
        return found.status == 0 and found.out.decode().strip() == blob

    def _change(self, path: str, opened: _Open, accepted: Mapping[str, Suggestion]) -> FilePlan:
        done = opened.done.values()
        before = patch.compose(opened.reviewed, done) or ""
        chosen = [patch.shifted(one, done) for one in accepted.values()]
        shown = patch.compose(before, chosen)
        after = self._edited(path, opened.raw, chosen)
        if shown is None or after is None:
            raise UsageError(f"{path} has other lines in the working tree than in git", hint="change it by hand")
        if not self._stored_as(path, after, shown):
            raise UsageError(
                f"a filter or an encoding would make git store something else for {path}",
                hint="change it by hand",
            )
        return FilePlan(path, opened.raw, after, patch.unified(path, before, chosen), tuple(accepted))

    def _edited(self, path: str, raw: bytes, chosen: Sequence[Suggestion]) -> bytes | None:
        """The bytes of the working tree with the suggestions; None where their lines are not there."""
        encoding = self._encoding(path)
        if encoding is None:
            after = patch.compose(decode(raw), chosen)
            return None if after is None else encode(after)
        try:
            mark, codec = _byte_order(raw, encoding)
            after = patch.compose(raw[len(mark) :].decode(codec), chosen)
            return None if after is None else mark + after.encode(codec)
        except (LookupError, UnicodeError):
            return None

    def _encoding(self, path: str) -> str | None:
        """The attribute ``working-tree-encoding``: git stores UTF-8 for such a file."""
        found = self._repository.command.attempt("check-attr", "-z", "working-tree-encoding", "--", native(path))
        value = found.out.decode("utf-8", "replace").split("\0")[2:3]
        return value[0] if found.status == 0 and value and value[0] not in {"unspecified", "unset", "set"} else None


def _byte_order(raw: bytes, encoding: str) -> tuple[bytes, str]:
    """The byte order mark of a file, and Python's name for the encoding of the rest."""
    name = encoding.lower().removesuffix("-bom").replace("_", "-")
    marks = {"utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE), "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)}
    little, big = marks.get(name[:6], (b"", b""))
    mark = next((one for one in (little, big) if one and raw.startswith(one)), b"")
    if name in marks:
        name += "-le" if mark == little else "-be"
    return mark, name


def _as_utf8(raw: bytes, encoding: str | None) -> Iterator[bytes]:
    """What git stores of a file with an encoding of its own."""
    if encoding is not None:
        with contextlib.suppress(LookupError, UnicodeError):
            mark, codec = _byte_order(raw, encoding)
            yield raw[len(mark) :].decode(codec).encode()


def _unable(one: KeptFinding) -> tuple[str, str] | None:
    """Why a finding has nothing to apply, and what to do; None where it has."""
    if one.finding.suggestion is None:
        return "it has no suggestion", ""
    if one.masked:
        return "its exact text was not stored: it has a secret, or bytes that are not UTF-8", ""
    if not one.blob:
        return "a patch was reviewed, not a file", ""
    return None


def _accept(able: Iterable[KeptFinding], opened: _Open, refusals: list[Refusal]) -> dict[str, Suggestion]:
    """Those that can be applied together, in the order chosen."""
    accepted: dict[str, Suggestion] = {}
    for one in able:
        suggestion = one.finding.suggestion
        assert suggestion is not None  # noqa: S101 - _unable has checked it
        if one.id in opened.done:
            refusals.append(Refusal(one.id, "it is applied already", settled=True))
            continue
        reason = _excluded(one, suggestion, opened, accepted)
        if reason:
            refusals.append(Refusal(one.id, reason))
        else:
            accepted[one.id] = suggestion
    return accepted


def _excluded(one: KeptFinding, suggestion: Suggestion, opened: _Open, accepted: Mapping[str, Suggestion]) -> str:
    there = {**opened.done, **accepted}
    for number, other in there.items():
        if patch.overlap(suggestion, other):
            return f"it replaces the same lines as {number}"
    after = patch.compose(opened.reviewed, (*there.values(), suggestion))
    if after is None:
        return "the lines that it replaces are missing"
    # Each was parsed alone during the review; two together can still break what neither breaks alone.
    if (new_errors(one.language, opened.reviewed, after) or 0) > 0:
        return f"the file does not parse with {' and '.join((*there, one.id))} together"
    return ""
