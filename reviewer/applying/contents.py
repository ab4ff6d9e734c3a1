"""Contents of files: those of the working tree, and the blobs that git would store of them.

A path comes from a stored review, so it is untrusted: it must lead neither out of the working tree, nor through a
symbolic link, nor into git's own folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from reviewer import diff, files
from reviewer.errors import UsageError
from reviewer.git.command import native, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.git import Repository

# A stream of NTFS, or the blanks and full stops at the end that Windows ignores.
_NTFS_TAIL = re.compile(r"(?::.*|[. ]+)\Z", re.DOTALL)
# Code points that HFS+ ignores in names (git's utf8.c, next_hfs_char).
_HFS_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_GIT_FOLDER = re.compile(r"\.git|git~\d+", re.IGNORECASE)


class WorkingTree:
    """Files of one working tree, read and replaced whole.

    Args:
        repository: Whose working tree.
    """

    def __init__(self, repository: Repository) -> None:
        self._root = repository.root
        self._git_folders = tuple(
            _identity(folder.stat()) for folder in (repository.git_dir, repository.common_dir) if folder.is_dir()
        )

    def read(self, path: str) -> bytes:
        """Return a file's bytes.

        Args:
            path: As git stores it.

        Raises:
            UsageError: It is not a regular file of the working tree's own folders, or cannot be read.
        """
        with self._folder(path) as folder:
            return self._read(folder, path)

    def replace(self, path: str, before: bytes, after: bytes) -> None:
        """Write a file whole or not at all; its mode stays.

        Args:
            path: As git stores it.
            before: What it must contain.
            after: What it will contain.

        Raises:
            UsageError: It contains something else, or cannot be written.
        """
        with self._folder(path) as folder:
            if self._read(folder, path) != before:
                raise UsageError(f"{path} was changed at the same time")
            try:
                files.write_at(folder, self._root / native(path), after)
            except OSError as problem:
                raise UsageError(f"cannot write {path}: {problem.strerror}") from problem

    @contextlib.contextmanager
    def _folder(self, path: str) -> Iterator[int | None]:
        """Open the folder of a file step by step: whoever swaps one for a link in the meantime gains nothing."""
        parts = PurePosixPath(path).parts
        anchored = PurePosixPath(path).is_absolute() or (os.name == "nt" and PureWindowsPath(path).anchor)
        if not parts or ".." in parts or anchored or "\0" in path or not _is_bytes(path):
            raise UsageError(f"{path} is not a path in the working tree")
        if any(_is_git_folder(part) for part in re.split(r"[/\\]", path)):
            raise UsageError(f"{path} is inside a git folder")
        with contextlib.ExitStack() as stack:
            try:
                opened = files.opened((self._root / native(path)).parent, self._root, self._refuse_git_folders)
                folder = stack.enter_context(opened)
            except OSError as problem:
                raise UsageError(f"{path} is not in the working tree, or behind a symbolic link") from problem
            yield folder

    def _refuse_git_folders(self, status: os.stat_result) -> None:
        if _identity(status) in self._git_folders:
            raise UsageError("a path leads into the git folder")

    def _read(self, folder: int | None, path: str) -> bytes:
        file = self._root / native(path)
        name = file.name if folder is not None else file
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                raise UsageError(f"{path} is a symbolic link now")
            if stat.S_ISREG(status.st_mode):
                handle = os.open(name, flags, dir_fd=folder)
                with os.fdopen(handle, "rb") as stream:
                    if stat.S_ISREG(os.fstat(handle).st_mode):
                        return stream.read()
        except FileNotFoundError:
            pass
        except OSError as problem:
            raise UsageError(f"cannot read {path}: {problem.strerror}") from problem
        raise UsageError(f"{path} is not in the working tree, or behind a symbolic link")


class Blobs:
    """The blobs of one repository, by their object ids; nothing is written."""

    def __init__(self, repository: Repository) -> None:
        self._git = repository.command

    def id_of(self, content: str | bytes, path: str | None = None) -> str:
        """Return the object id of a content.

        Args:
            content: Bytes, or text as ``diff.decode`` gives it.
            path: A path of the working tree whose line endings and filters apply; None takes the content as it is.

        Raises:
            GitError: Git refuses, or a filter of the user's failed.
        """
        data = content if isinstance(content, bytes) else diff.encode(content)
        how = "--no-filters" if path is None else f"--path={native(path)}"
        return text(self._git.run("hash-object", "--stdin", how, stdin=data))

    def read(self, blob: str) -> str | None:
        """Return a blob's text; None where the repository does not have it (any more)."""
        found = self._git.attempt("cat-file", "blob", blob)
        return None if found.status else diff.decode(found.out)


def _is_git_folder(name: str) -> bool:
    """Whether some file system takes a name for ``.git``."""
    plain = _HFS_IGNORED.sub("", name)
    while (shorter := _NTFS_TAIL.sub("", plain)) != plain:
        plain = shorter
    return _GIT_FOLDER.fullmatch(plain) is not None


def _is_bytes(path: str) -> bool:
    """Whether a path stands for bytes, as those that ``diff.decode`` makes do."""
    try:
        diff.encode(path)
    except UnicodeEncodeError:
        return False
    return True


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
