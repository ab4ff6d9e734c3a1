"""A repository's own ways, for the review of a change in it: from the working tree, or in CI from a revision.

None of it is to be trusted: the sandbox of ``templates`` renders its templates, and its rules only add to a prompt.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reviewer.config.customs import NONE, Customs
from reviewer.errors import UsageError
from reviewer.prompting import rules
from reviewer.silencing import baseline, dismissed

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.finding import Silence
    from reviewer.git import Repository

PROMPTS = ".reviewer/prompts"


def local(repository: Repository | None) -> Customs:
    """The repository's own ways, from its working tree and its git folder.

    Raises:
        UsageError: A file is not UTF-8.
        ConfigError: A rule or the baseline is wrong.
    """
    if repository is None:
        return NONE
    root = repository.root
    known = _baseline(local_file(root, baseline.FILE)) | dismissed.known(repository)
    return Customs(files(root, PROMPTS), rules.read(files(root, rules.FOLDER)), known)


def recorded(repository: Repository, revision: str) -> Customs:
    """The same from a revision, for CI, where the working tree is written by whoever asks for the review.

    Raises:
        UsageError: A file is not UTF-8.
        ConfigError: A rule or the baseline is wrong.
    """
    templates = recorded_files(repository, revision, PROMPTS)
    known = _baseline(repository.show(revision, baseline.FILE))
    return Customs(templates, rules.read(recorded_files(repository, revision, rules.FOLDER)), known)


def files(root: Path, name: str) -> dict[str, str]:
    """The texts of a folder in the working tree, by their path below it.

    Raises:
        UsageError: One of them is not UTF-8.
    """
    # A link may lead out of the repository, and what a repository holds is not to be trusted.
    folder = root.resolve() / name
    if not folder.is_dir() or folder.resolve() != folder:
        return {}
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.resolve().is_relative_to(folder):
            below = path.relative_to(folder).as_posix()
            found[below] = _decode(path.read_bytes(), f"{name}/{below}")
    return found


def local_file(root: Path, name: str) -> bytes | None:
    """One file of the working tree; None where there is none, or a link leads to it."""
    path = root.resolve() / name
    return path.read_bytes() if path.is_file() and path.resolve() == path else None


def recorded_files(repository: Repository, revision: str, name: str) -> dict[str, str]:
    """The same from a revision.

    Raises:
        UsageError: One of them is not UTF-8.
    """
    from reviewer.git import Target, TargetKind

    command = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", revision, "--", f"{name}/")
    paths = [os.fsdecode(path) for path in repository.command.run(*command).split(b"\0") if path]
    contents = repository.contents(Target(TargetKind.COMMIT, None, revision, name), paths)
    return {path.removeprefix(f"{name}/"): _decode(data, path) for path, data in contents.items() if data is not None}


def _baseline(data: bytes | None) -> dict[str, Silence]:
    return {} if data is None else dict(baseline.silences(baseline.load(data)))


def _decode(data: bytes, name: str) -> str:
    """Decode a file.

    Raises:
        UsageError: It is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UsageError(f"{name} is not UTF-8", hint="save it as UTF-8, or remove it") from problem
