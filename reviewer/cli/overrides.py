"""A repository's own prompt templates: from the working tree, or in CI from a revision.

They are not to be trusted; the sandbox of ``templates.py`` renders them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reviewer.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.git import Repository

PROMPTS = ".reviewer/prompts"


def local(root: Path | None) -> dict[str, str]:
    """The repository's own prompt templates, from its working tree, by their name below ``.reviewer/prompts``.

    Raises:
        UsageError: One of them is not UTF-8.
    """
    if root is None:
        return {}
    # A link may lead out of the repository, and a repository's templates are not to be trusted.
    folder = root.resolve() / PROMPTS
    if not folder.is_dir() or folder.resolve() != folder:
        return {}
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.resolve().is_relative_to(folder):
            name = path.relative_to(folder).as_posix()
            found[name] = _decode(path.read_bytes(), f"{PROMPTS}/{name}")
    return found


def recorded(repository: Repository, revision: str) -> dict[str, str]:
    """The same from a revision, for CI, where the working tree is written by whoever asks for the review.

    Raises:
        UsageError: One of them is not UTF-8.
    """
    from reviewer.git import Target, TargetKind

    command = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", revision, "--", PROMPTS + "/")
    paths = [os.fsdecode(path) for path in repository.command.run(*command).split(b"\0") if path]
    contents = repository.contents(Target(TargetKind.COMMIT, None, revision, PROMPTS), paths)
    return {
        path.removeprefix(PROMPTS + "/"): _decode(data, path) for path, data in contents.items() if data is not None
    }


def _decode(data: bytes, name: str) -> str:
    """Decode a template.

    Raises:
        UsageError: It is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UsageError(f"{name} is not UTF-8", hint="save the template as UTF-8, or remove it") from problem
