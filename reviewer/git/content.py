"""Whole files as git stores them: many blobs from one process, and files of the working tree without leaving it."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from reviewer.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reviewer.git.command import Command

_HEADER = re.compile(rb"[0-9a-f]{40,64} (\w+) (\d+)")


def blobs(command: Command, tree: str, paths: Iterable[str]) -> dict[str, bytes | None]:
    """Read files of a tree, or of the index where ``tree`` is ``":0"``; None stands for what is no file there."""
    found: dict[str, bytes | None] = dict.fromkeys(paths)
    # One request per line: a path with a line feed in it is asked for by itself.
    plain = [path for path in found if "\n" not in path]
    if plain:
        requests = b"".join(os.fsencode(f"{tree}:{path}\n") for path in plain)
        found.update(zip(plain, batch(command.run("cat-file", "--batch", stdin=requests)), strict=True))
    for path in found.keys() - set(plain):
        result = command.attempt("cat-file", "blob", f"{tree}:{path}")
        found[path] = None if result.status else result.out
    return found


def batch(out: bytes) -> Iterator[bytes | None]:
    """Read the output of ``cat-file --batch``; None stands for what is no blob, or not there."""
    position = 0
    while position < len(out):
        end = out.index(b"\n", position)
        header = _HEADER.fullmatch(out, position, end)
        position = end + 1
        if header is None:  # "NAME missing"
            yield None
            continue
        size = int(header[2])
        yield out[position : position + size] if header[1] == b"blob" else None
        position += size + 1


def worktree_file(root: Path, path: str) -> bytes | None:
    """Read a file of the working tree as it lies there; for a symbolic link its target, as git stores it.

    None where there is no such file. A patch's path is another's word, so it may lead neither out of the working tree
    nor through a link.

    Raises:
        GitError: The file can not be read.
    """
    parts = PurePosixPath(path).parts
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
