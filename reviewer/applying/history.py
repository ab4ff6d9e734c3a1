"""The patches that were applied to the working tree, and how to undo the newest.

Each patch is two files in the git folder: ``applied/0001.patch``, for reading and for ``git apply -R``, and
``applied/0001.json``, with the bytes of each file before and after, so that undoing is exact.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import shlex
from typing import TYPE_CHECKING, Any

from reviewer import files, untrusted
from reviewer.applying.applied import Applied, Written
from reviewer.applying.contents import WorkingTree
from reviewer.diff import decode, encode
from reviewer.errors import UsageError
from reviewer.paths import GIT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from reviewer.applying.plan import Plan
    from reviewer.git import Repository

_KEPT = 20  # patches that can be undone, the newest last
_WAIT = 10.0  # seconds for another reviewer process that writes


class History:
    """The patches that were applied to one working tree."""

    def __init__(self, repository: Repository) -> None:
        self._tree = WorkingTree(repository)
        self._home = repository.git_dir / GIT_FOLDER
        self._folder = self._home / "applied"

    def all(self) -> list[Applied]:
        """Every patch that can be undone, the oldest first."""
        return [one for one in map(self._read, self._numbers()) if one is not None]

    def patch_file(self, applied: Applied) -> Path:
        """The file of its patch."""
        return self._folder / f"{applied.number:04}.patch"

    def write(self, plan: Plan, review: str, subject: str) -> Applied:
        """Write all files of a plan, or none.

        Args:
            plan: What to write.
            review: When the review was made.
            subject: What it was about.

        Raises:
            UsageError: A file has changed since the plan was made, or cannot be written.
        """
        with self._alone():
            applied = Applied(
                number=max(self._numbers(), default=0) + 1,
                review=review,
                subject=subject,
                ids=plan.ids,
                files={file.path: Written(file.before, file.after) for file in plan.files},
                made=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            )
            # Recorded first, so that every change can be undone.
            self._record(applied, plan.patch)
            try:
                self._replace_all({path: (one.before, one.after) for path, one in applied.files.items()})
            except BaseException:
                self._forget(applied.number)
                raise
            for number in self._numbers()[:-_KEPT]:
                self._forget(number)
        return applied

    def undo(self) -> Applied:
        """Undo the newest patch.

        Raises:
            UsageError: There is none, or a file has changed since; nothing is written then.
        """
        with self._alone():
            patches = self.all()
            if not patches:
                raise UsageError("nothing to undo")
            newest = patches[-1]
            wanted = {}
            changed = []
            for path, one in newest.files.items():
                there = self._tree.read(path)
                if there == one.after:
                    wanted[path] = (one.after, one.before)
                elif there != one.before:  # else it was undone by hand
                    changed.append(path)
            if changed:
                raise UsageError(
                    f"cannot undo {', '.join(newest.ids)}: {', '.join(changed)} changed since",
                    hint=f"to try anyway: git apply -R {shlex.quote(str(self.patch_file(newest)))}",
                )
            self._replace_all(wanted)
            self._forget(newest.number)
        return newest

    def _replace_all(self, wanted: Mapping[str, tuple[bytes, bytes]]) -> None:
        done: list[str] = []
        try:
            for path, (before, after) in wanted.items():
                self._tree.replace(path, before, after)
                done.append(path)
        except BaseException:
            for path in done:
                with contextlib.suppress(UsageError):
                    self._tree.replace(path, wanted[path][1], wanted[path][0])
            raise

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._home / "apply.lock", timeout=_WAIT)
            lock.acquire()
        except Timeout:
            raise UsageError("another 'reviewer apply' is running in this working tree") from None
        except OSError as problem:
            raise UsageError(f"cannot write in {self._home}: {problem.strerror}") from problem
        try:
            yield
        finally:
            lock.release()

    def _numbers(self) -> list[int]:
        try:
            names = [path.stem for path in self._folder.iterdir() if path.suffix == ".json"]
        except OSError:
            return []
        return sorted(int(name) for name in names if name.isdigit())

    def _read(self, number: int) -> Applied | None:
        try:
            document = untrusted.parse_json(self._path(number).read_bytes())
            return Applied(
                number,
                document["review"],
                document["subject"],
                tuple(document["ids"]),
                {path: Written(encode(one["before"]), encode(one["after"])) for path, one in document["files"].items()},
                document["made"],
            )
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None  # removed in the meantime, or written by another version

    def _record(self, applied: Applied, patch: str) -> None:
        document: dict[str, Any] = {
            "review": applied.review,
            "subject": applied.subject,
            "ids": applied.ids,
            "made": applied.made,
            # Exact: bytes that are not UTF-8 become surrogates, which JSON escapes.
            "files": {
                path: {"before": decode(one.before), "after": decode(one.after)} for path, one in applied.files.items()
            },
        }
        try:
            files.write(self.patch_file(applied), encode(patch))
            files.write(self._path(applied.number), json.dumps(document))
        except OSError as problem:
            raise UsageError(f"cannot write in {self._folder}: {problem.strerror}") from problem

    def _forget(self, number: int) -> None:
        for path in (self._path(number), self._path(number).with_suffix(".patch")):
            with contextlib.suppress(OSError):
                path.unlink()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:04}.json"
