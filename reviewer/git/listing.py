"""Every file of a revision or of the index by path, and blobs by their ids."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.git.content import batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reviewer.git.command import Command

_ENTRY = re.compile(rb"(?P<mode>\d{6}) (?:blob )?(?P<id>[0-9a-f]{40,64})(?: 0)?")
_FILES = (b"100644", b"100755")


def listed(command: Command, tree: str | None) -> dict[str, str]:
    """Return the blob id of every regular file by path; links, submodules and unmerged files are left out.

    Args:
        command: Git in the top folder.
        tree: A tree or commit; None for the index.
    """
    args = ("ls-files", "--stage", "-z") if tree is None else ("ls-tree", "-r", "-z", "--full-tree", tree)
    found: dict[str, str] = {}
    for entry in command.run(*args).split(b"\0"):
        facts, _, path = entry.partition(b"\t")
        match = _ENTRY.fullmatch(facts)
        if match is not None and match["mode"] in _FILES:
            found[path.decode("utf-8", "surrogateescape")] = match["id"].decode()
    return found


def sizes(command: Command, ids: Iterable[str]) -> dict[str, int]:
    """Return the size in bytes of each blob that is there."""
    lines = command.run("cat-file", "--batch-check", stdin=_lines(ids)).splitlines()
    words = (line.split() for line in lines)
    return {parts[0].decode(): int(parts[2]) for parts in words if len(parts) == 3 and parts[1] == b"blob"}  # noqa: PLR2004 - id, type, size


def contents(command: Command, ids: Sequence[str]) -> dict[str, bytes]:
    """Return the blobs that are there; all of them are held in memory."""
    found = zip(ids, batch(command.run("cat-file", "--batch", stdin=_lines(ids))), strict=True)
    return {name: data for name, data in found if data is not None}


def _lines(ids: Iterable[str]) -> bytes:
    return "".join(f"{name}\n" for name in ids).encode()
