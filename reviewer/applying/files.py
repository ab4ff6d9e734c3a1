"""Files of the working tree, read and replaced whole, never through a link.

A path comes from a review, so it is another's word: it leads neither out of the working tree nor through a symbolic
link that somebody put there meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from reviewer.errors import UsageError
from reviewer.git.command import native
from reviewer.git.content import worktree_file

if TYPE_CHECKING:
    from pathlib import Path


def read(root: Path, path: str) -> bytes:
    """Return a file's bytes.

    Args:
        root: Top folder of the working tree.
        path: As git stores it.

    Raises:
        UsageError: There is no regular file in the working tree's own folders, or it cannot be read.
    """
    file = root / native(path)
    with contextlib.suppress(OSError):
        if file.is_symlink():
            raise UsageError(f"{path} is a symbolic link now")
    data = worktree_file(root, path)
    if data is None:
        raise UsageError(f"{path} is not in the working tree, or behind a symbolic link")
    return data


def replace(root: Path, path: str, before: bytes, after: bytes) -> None:
    """Write a file whole or not at all; its mode stays.

    Args:
        root: Top folder of the working tree.
        path: As git stores it.
        before: What must lie there.
        after: What will.

    Raises:
        UsageError: Something else lies there, or it cannot be written.
    """
    if read(root, path) != before:
        raise UsageError(f"{path} has changed just now")
    file = root / native(path)
    aside = file.with_name(f".reviewer.{os.getpid()}.tmp")  # a longer name might be too long
    try:
        try:
            mode = stat.S_IMODE(file.stat().st_mode)
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(after)
            aside.chmod(mode)
            aside.replace(file)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as problem:
        raise UsageError(f"cannot write {path}: {problem.strerror}") from problem
