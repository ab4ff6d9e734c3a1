"""Whole files as git stores them, read from one process, and files of the working tree without leaving it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
import weakref
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, TYPE_CHECKING

from reviewer.errors import GitError
from reviewer.git.command import native, path_bytes

if TYPE_CHECKING:
    from reviewer.git.command import Command

LARGEST = 16 << 20
"""Longest file that is read whole, in bytes."""

_HEADER = re.compile(rb"[0-9a-f]{40,64} (\w+) (\d+)")
_PIECE = 1 << 20


class Blobs:
    """Reads the files of one tree, one after the other, from a git process that stays.

    Args:
        command: Git.
        tree: A tree or commit, or ``":0"`` for the index.
    """

    def __init__(self, command: Command, tree: str) -> None:
        self._command = command
        self._tree = tree
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def read(self, path: str) -> bytes | None:
        """Return a file; None if there is no such file, or it is longer than ``LARGEST``.

        Raises:
            GitError: Git ended.
        """
        if path.startswith(("./", "../")):  # git would take it relative to a folder, or end
            return None
        name = path_bytes(f"{self._tree}:{path}")
        # Requests are lines, and git takes a carriage return at the end of one for a part of the line's end.
        if b"\n" in name or name.endswith(b"\r"):
            found = self._command.attempt("rev-parse", "--verify", "--quiet", native(f"{self._tree}:{path}"))
            if found.status:
                return None
            name = found.out.strip()
        with self._lock:
            return self._request(name)

    def _request(self, name: bytes) -> bytes | None:
        if self._process is None:
            self._process = self._command.start("cat-file", "--batch", stdin=subprocess.PIPE)
            weakref.finalize(self, _stop, self._process)
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - pipes were asked for
        assert stdout is not None  # noqa: S101
        try:
            stdin.write(name + b"\n")
            stdin.flush()
        except OSError as error:
            raise GitError("git cat-file ended unexpectedly") from error
        line = stdout.readline()
        if not line.endswith(b"\n"):
            raise GitError("git cat-file ended unexpectedly")
        header = _HEADER.fullmatch(line[:-1])
        return None if header is None else _body(stdout, header[1] == b"blob", int(header[2]))


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    process.wait()


def _body(stream: IO[bytes], wanted: bool, size: int) -> bytes | None:
    if wanted and size <= LARGEST:
        return stream.read(size + 1)[:-1]
    left = size + 1
    while left > 0 and (piece := stream.read(min(left, _PIECE))):
        left -= len(piece)
    return None


def worktree_file(root: Path, path: str) -> bytes | None:
    """Read a file of the working tree as it is on disk; for a symbolic link its target, as git stores it.

    None if there is no such file. The path of a patch is untrusted, so it may lead neither out of the working tree nor
    through a link.

    Raises:
        GitError: The file cannot be read.
    """
    parts = PurePosixPath(native(path)).parts
    if not parts or ".." in parts or PurePosixPath(path).is_absolute() or PureWindowsPath(path).anchor:
        return None
    file = root
    for part in parts[:-1]:
        file /= part
        if file.is_symlink():
            return None
    file /= parts[-1]
    try:
        if file.is_symlink():
            return os.fsencode(file.readlink())
        return file.read_bytes() if file.is_file() else None
    except OSError as error:
        raise GitError(f"cannot read {file}: {error.strerror}") from error
