"""Git attributes of many files from one process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.git.command import Command


def attributes(
    command: Command, names: Sequence[str], paths: Sequence[str], *options: str
) -> dict[str, dict[str, str]]:
    """Return the attributes that are specified: by path, then by name; ``set``, ``unset`` or a value.

    Args:
        command: Git, where the files are.
        names: The attributes.
        paths: The files, ``/`` between parts.
        options: Of ``git check-attr``, such as ``--cached``.

    Raises:
        GitError: Git failed.
    """
    data = b"".join(os.fsencode(path) + b"\0" for path in paths)
    out = command.run("check-attr", "-z", "--stdin", *options, *names, stdin=data)
    fields = [os.fsdecode(field) for field in out.split(b"\0")[:-1]]
    found: dict[str, dict[str, str]] = {}
    for path, name, value in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
        if value != "unspecified":
            found.setdefault(path, {})[name] = value
    return found
