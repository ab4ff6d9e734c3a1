"""The patch of one target, read from git while it is made: one file at a time, within bounds and a deadline.

Patches come from the plumbing commands (``diff-index``, ``diff-tree``, ``diff-files``), which ignore the user's
``color.*`` and most ``diff.*`` settings; those that they honour are overridden here.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import IO, TYPE_CHECKING, NamedTuple

from reviewer.errors import GitError
from reviewer.git.command import Result, path_bytes, path_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reviewer.git.command import Command

_CONFIG = (
    *("-c", "core.quotePath=true"),
    *("-c", "core.bigFileThreshold=512m"),  # a lower one would call text binary
    *("-c", "core.safecrlf=false"),  # a warning for each file otherwise
    *("-c", "diff.suppressBlankEmpty=false"),
)
# Some of these are plumbing's own defaults, which another version of git may change.
_PATCH = (
    "--patch",
    "--full-index",
    "--unified=3",
    "--inter-hunk-context=0",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--diff-algorithm=myers",
    "--indent-heuristic",
    "--find-renames=50%",
    "-l1000",  # finding inexact renames is quadratic
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--submodule=short",
)
# A commit records a submodule's commit whatever .gitmodules says about ignoring it, and never its uncommitted changes;
# it leaves out a file added with --intent-to-add.
RECORDED = ("--ignore-submodules=dirty", "--ita-invisible-in-index")

_BEGINNINGS = (b"diff --git ", b"* Unmerged path ", b"diff --cc ")
_UNMERGED_SHOWN = 5
_PIECE = 1 << 16


class FilePatch(NamedTuple):
    """One file's part of a patch.

    Attributes:
        header: Everything before the first hunk.
        hunks: None if they are longer than their limit.
        added: How many lines they add.
    """

    header: bytes
    hunks: bytes | None
    added: int


class Patches:
    """The differences of one target.

    Args:
        command: Git, with the work tree and index whose attributes count.
        comparison: The command that compares, such as ``("diff-tree", OLD, NEW)``.
        config: More settings for it.

    Attributes:
        expired: Whether the deadline passed before all of it was read.
    """

    def __init__(self, command: Command, comparison: Sequence[str], config: Sequence[str] = ()) -> None:
        self.command = command
        self._name, *self._sides = comparison
        self._config = (*_CONFIG, *config)
        self.expired = False

    def paths(self) -> list[str]:
        """Return the paths that differ on either side, without reading any content.

        Raises:
            GitError: Git failed.
        """
        recursive = ("-r",) if self._name == "diff-tree" else ()
        names = self.command.run(*self._config, self._name, "--name-only", "--no-renames", "-z", *recursive, *self._end)
        return list(dict.fromkeys(path_text(name) for name in names.split(b"\0") if name))

    def attributes(self, names: Sequence[str], paths: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the git attributes that are specified: by path, then by name; ``set``, ``unset`` or a value.

        Raises:
            GitError: Git failed.
        """
        in_worktree = self._name == "diff-files" or (self._name == "diff-index" and "--cached" not in self._sides)
        cached = () if in_worktree else ("--cached",)
        data = b"".join(path_bytes(path) + b"\0" for path in paths)
        fields = self.command.run("check-attr", "-z", "--stdin", *cached, *names, stdin=data).split(b"\0")[:-1]
        found: dict[str, dict[str, str]] = {}
        for path, name, value in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
            if value != b"unspecified":
                found.setdefault(path_text(path), {})[name.decode()] = path_text(value)
        return found

    def whole(self) -> bytes:
        """Return the patch; it is the same on every machine and under every configuration.

        Raises:
            GitError: Paths are unmerged, or git failed.
        """
        return b"".join(file.header + (file.hunks or b"") for file in self.read(lambda _: 1 << 62))

    def read(self, limit: Callable[[bytes], int], until: float | None = None) -> Iterator[FilePatch]:
        """Read the patch file by file.

        Args:
            limit: Returns the longest length of a file's hunks, in bytes, for its header.
            until: When to stop, in seconds of ``time.monotonic``; ``expired`` is then set.

        Raises:
            GitError: Paths are unmerged, or git failed.
        """
        process = self.command.start(*self._config, self._name, *_PATCH, *self._end)
        stdout, stderr = process.stdout, process.stderr
        assert stdout is not None  # noqa: S101 - pipes were asked for
        assert stderr is not None  # noqa: S101
        errors: list[bytes] = []
        draining = threading.Thread(target=lambda: errors.append(stderr.read()), daemon=True)
        draining.start()
        timer = None if until is None else threading.Timer(max(0, until - time.monotonic()), process.terminate)
        if timer:
            timer.start()
        unmerged: set[str] = set()
        try:
            for file in _split(stdout, limit):
                self.expired = until is not None and time.monotonic() >= until
                if self.expired:  # this file may not be complete
                    return
                if file.header.startswith(_BEGINNINGS[0]):
                    yield file
                else:
                    unmerged.add(_unmerged_path(file.header))
            status = process.wait()
        finally:
            if timer:
                timer.cancel()
            process.terminate()
            process.wait()
            draining.join()
            stdout.close()
            stderr.close()
        self.expired = until is not None and time.monotonic() >= until
        if status and not self.expired:
            raise self.command.refusal(Result(status, b"", b"".join(errors).decode("utf-8", "replace")))
        if unmerged:
            raise _conflict(sorted(unmerged))

    @property
    def _end(self) -> tuple[str, ...]:
        return (*RECORDED, *self._sides, "--")


def _split(stream: IO[bytes], limit: Callable[[bytes], int]) -> Iterator[FilePatch]:
    header, hunks = bytearray(), bytearray()
    room, added = -1, 0  # no room: not in the hunks yet
    fits = begins = True
    for piece in iter(partial(stream.readline, _PIECE), b""):  # a line may be longer than memory
        if begins and room < 0 and piece.startswith(b"@@ -"):
            room = limit(bytes(header))
        elif begins and header and piece.startswith(_BEGINNINGS):  # no line of content begins like these
            yield FilePatch(bytes(header), bytes(hunks) if fits else None, added)
            header, hunks, room, added, fits = bytearray(), bytearray(), -1, 0, True
        if room < 0:
            header += piece
        else:
            added += begins and piece.startswith(b"+")
            fits = fits and len(hunks) + len(piece) <= room
            if fits:
                hunks += piece
            elif hunks:
                hunks = bytearray()
        begins = piece.endswith(b"\n")
    if header:
        yield FilePatch(bytes(header), bytes(hunks) if fits else None, added)


def _unmerged_path(header: bytes) -> str:
    line = header.partition(b"\n")[0]
    return path_text(line.removeprefix(_BEGINNINGS[1]).removeprefix(_BEGINNINGS[2]))


def _conflict(paths: Sequence[str]) -> GitError:
    more = f" and {len(paths) - _UNMERGED_SHOWN} more" if len(paths) > _UNMERGED_SHOWN else ""
    return GitError(
        f"a merge is not finished: {', '.join(paths[:_UNMERGED_SHOWN])}{more}",
        hint="Resolve the conflicts, then stage the files: git add FILE",
    )
