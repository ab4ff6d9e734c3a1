"""What the chosen suggestions make of the files of the working tree, decided before anything is written.

A suggestion is for the text that was reviewed. It goes into a file of the working tree only where git would store
exactly that text of it: the same bytes, or others that line endings and filters make the same. And the result is
accepted only where git would store exactly the text that was shown.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.applying import edits, files, patch
from reviewer.applying.blobs import Blobs
from reviewer.diff import decode, encode
from reviewer.errors import UsageError
from reviewer.git import TargetKind
from reviewer.git.command import native
from reviewer.syntax import new_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reviewer.applying.history import Applied
    from reviewer.applying.last import KeptFinding, LastReview
    from reviewer.finding import Suggestion
    from reviewer.git import Repository


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What becomes of one file.

    Attributes:
        before: The bytes that lie in the working tree.
        after: Those that will.
        patch: The same as git would record it, as a unified diff; ``diff.decode``'s kind of text.
        ids: The suggestions that it holds.
    """

    path: str
    before: bytes
    after: bytes
    patch: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one suggestion is not applied, and what to do about it; ``settled`` where it is in the file already."""

    id: str
    reason: str
    hint: str = ""
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of everything chosen."""

    files: tuple[FilePlan, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def patch(self) -> str:
        """All files' patches in one."""
        return "".join(file.patch for file in self.files)

    @property
    def ids(self) -> tuple[str, ...]:
        """The suggestions that it applies."""
        return tuple(sorted((number for file in self.files for number in file.ids), key=_number))


@dataclass(frozen=True, slots=True)
class _Open:
    """A file of the working tree that is what was reviewed, some suggestions of that review perhaps in it already."""

    raw: bytes
    reviewed: str
    done: Mapping[str, Suggestion]


class Planner:
    """Plans for one review; each file is looked at once.

    Args:
        repository: Where the files are.
        last: What was reviewed.
        applied: What was applied before.
    """

    def __init__(self, repository: Repository, last: LastReview, applied: Iterable[Applied]) -> None:
        self._repository = repository
        self._blobs = Blobs(repository)
        self._last = last
        self._applied = [one for one in applied if one.review == last.made]
        self._opened: dict[str, _Open | UsageError] = {}

    def plan(self, chosen: Sequence[KeptFinding]) -> Plan:
        """Plan some suggestions together; an earlier one goes before a later one that it excludes."""
        found: list[FilePlan] = []
        refusals: list[Refusal] = []
        for path in dict.fromkeys(one.finding.path for one in chosen):
            file = self._file(path, [one for one in chosen if one.finding.path == path], refusals)
            if file is not None:
                found.append(file)
        return Plan(tuple(found), tuple(sorted(refusals, key=lambda one: _number(one.id))))

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
            told = {one.id for one in refusals}
            refusals.extend(Refusal(one.id, problem.message, problem.hint or "") for one in able if one.id not in told)
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
        raw = files.read(self._repository.root, path)
        reviewed = self._reviewed(path, blob, raw)
        if reviewed is not None:
            done = self._done(path)
            for there in (done, {}) if done else ({},):
                text = edits.compose(reviewed, there.values())
                if text is not None and self._stored_as(path, raw, text):
                    return _Open(raw, reviewed, there)
        raise self._changed(path, blob)

    def _reviewed(self, path: str, blob: str, raw: bytes) -> str | None:
        """The text that was reviewed: a blob of the repository, or a file of the working tree, as it is or was."""
        stored = self._blobs.read(blob)
        if stored is not None:
            return stored
        earlier = [one.files[path].before for one in self._applied if path in one.files]
        for data in (*earlier, raw):
            for candidate in dict.fromkeys((data, data.replace(b"\r\n", b"\n"))):
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
                f"{path} has changes that are not staged, and what was reviewed is what is staged",
                hint=f"stage them or set them aside, and review again: git add {shlex.quote(path)} && {again}",
            )
        return UsageError(f"{path} is not what was reviewed any more", hint=again)

    def _is_staged(self, path: str, blob: str) -> bool:
        found = self._repository.command.attempt("rev-parse", "--verify", "--quiet", native(f":0:{path}"))
        return found.status == 0 and found.out.decode().strip() == blob

    def _change(self, path: str, opened: _Open, accepted: Mapping[str, Suggestion]) -> FilePlan:
        done = opened.done.values()
        before = edits.compose(opened.reviewed, done) or ""
        chosen = [edits.shifted(one, done) for one in accepted.values()]
        shown = edits.compose(before, chosen)
        raw = edits.compose(decode(opened.raw), chosen)
        if shown is None or raw is None:
            raise UsageError(f"{path} has other lines where they should be replaced", hint="review it again")
        after = encode(raw)
        if not self._stored_as(path, after, shown):
            raise UsageError(
                f"{path} goes through a filter on its way into git, which would make something else of it",
                hint="change it by hand; the patch is: reviewer apply",
            )
        return FilePlan(path, opened.raw, after, patch.unified(path, before, chosen), tuple(accepted))


def _unable(one: KeptFinding) -> tuple[str, str] | None:
    """Why a finding has nothing to apply, wherever its file is."""
    if one.finding.suggestion is None:
        return "it comes with no suggestion", ""
    if one.masked:
        return "it was stored with a secret masked, so the real text is not known", "review the commit again"
    if not one.blob:
        return "a patch was reviewed, and no file goes with it", ""
    return None


def _accept(able: Iterable[KeptFinding], opened: _Open, refusals: list[Refusal]) -> dict[str, Suggestion]:
    """Those that go together, in the order chosen."""
    accepted: dict[str, Suggestion] = {}
    for one in able:
        suggestion = one.finding.suggestion
        assert suggestion is not None  # noqa: S101 - told by _unable
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
        if edits.overlap(suggestion, other):
            return f"it replaces lines that {number} replaces"
    after = edits.compose(opened.reviewed, (*there.values(), suggestion))
    if after is None:
        return "the lines that it replaces are not there"
    # Each was parsed by itself when it was reviewed; two together can still break what neither breaks alone.
    if (new_errors(one.language, opened.reviewed, after) or 0) > 0:
        return f"the file would not parse with {' and '.join((*there, 'it'))}"
    return ""


def _number(name: str) -> int:
    return int(name[1:])
