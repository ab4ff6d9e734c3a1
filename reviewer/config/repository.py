"""Reads the files under ``.reviewer`` of a repository: prompt templates, rules and the baseline.

They come from the working tree or, in CI, from a revision. They are untrusted: links are not followed, sizes are
bounded, and files with another suffix, such as ``.DS_Store``, are ignored.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reviewer.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from reviewer.git import Repository

PROMPTS = ".reviewer/prompts"
RULES = ".reviewer/rules"
BASELINE = ".reviewer/baseline.json"

RULE_FILES = {
    "agents": re.compile(r"(?:.*/)?AGENTS\.md"),
    "copilot": re.compile(r"\.github/(?:copilot-instructions\.md|instructions/.*\.instructions\.md)"),
    "cursor": re.compile(r"\.cursor/rules/.*\.mdc"),
    "gitlab": re.compile(r"\.gitlab/duo/mr-review-instructions\.yaml"),
}
"""Which files each of the other tools reads rules from, by the tool's name in ``rule_files``."""

_SUFFIXES = {PROMPTS: (".j2",), RULES: (".md",)}
_MAX_BYTES = 256 * 1024
_MAX_BASELINE_BYTES = 16 * 1024 * 1024
_MAX_FILES = 500


@dataclass(frozen=True, slots=True)
class RepositoryFiles:
    """Files of a repository that shape its reviews.

    Attributes:
        prompts: Text of the prompt templates by path below ``.reviewer/prompts``.
        rules: Text of the rules by path below ``.reviewer/rules``.
        borrowed: Text of rule files for other tools by path in the repository, as ``rule_files`` names them.
        baseline: Content of ``.reviewer/baseline.json``; None if there is none.
        dismissals: Folder that holds the list of dismissed findings; None ignores dismissals.
    """

    prompts: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)
    baseline: bytes | None = None
    dismissals: Path | None = None
    borrowed: Mapping[str, str] = field(default_factory=dict)


def from_worktree(repository: Repository | None, tools: Collection[str] = ()) -> RepositoryFiles:
    """Read the files from the working tree, with the dismissals made in this clone.

    Args:
        repository: The repository.
        tools: Other tools whose tracked rule files are read, by names in ``RULE_FILES``.

    Raises:
        ConfigError: A file is too large or not UTF-8, or there are too many.
    """
    if repository is None:
        return RepositoryFiles()
    root = repository.root
    return RepositoryFiles(
        _worktree_texts(root, PROMPTS),
        _worktree_texts(root, RULES),
        worktree_baseline(root),
        repository.common_dir,
        _worktree_borrowed(repository, tools) if tools else {},
    )


def from_revision(repository: Repository, revision: str, tools: Collection[str] = ()) -> RepositoryFiles:
    """Read the files from a revision, for CI, where the author of a change controls the working tree.

    Raises:
        ConfigError: A file is too large or not UTF-8, or there are too many.
    """
    return RepositoryFiles(
        _revision_texts(repository, revision, PROMPTS),
        _revision_texts(repository, revision, RULES),
        repository.show(revision, BASELINE),
        borrowed=_revision_borrowed(repository, revision, tools) if tools else {},
    )


def worktree_baseline(root: Path) -> bytes | None:
    """Read the baseline in the working tree; None if there is none or its path contains a link.

    Raises:
        ConfigError: It is too large.
    """
    path = root.resolve() / BASELINE
    if not path.is_file() or path.resolve() != path:
        return None
    return _bounded(path, BASELINE, _MAX_BASELINE_BYTES)


def _worktree_texts(root: Path, name: str) -> dict[str, str]:
    folder = root.resolve() / name
    if not folder.is_dir() or folder.resolve() != folder:
        return {}
    wanted = (path for path in sorted(folder.rglob("*")) if path.suffix in _SUFFIXES[name])
    inside = [path for path in wanted if path.is_file() and path.resolve().is_relative_to(folder)]
    _check_count(len(inside), name)
    found = {}
    for path in inside:
        below = path.relative_to(folder).as_posix()
        found[below] = _decode(_bounded(path, f"{name}/{below}", _MAX_BYTES), f"{name}/{below}")
    return found


def _revision_texts(repository: Repository, revision: str, name: str) -> dict[str, str]:
    from reviewer.git import Target, TargetKind
    from reviewer.git.command import path_text

    command = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", revision, "--", f"{name}/")
    paths = [path_text(path) for path in repository.command.run(*command).split(b"\0") if path]
    wanted = [path for path in paths if path.endswith(_SUFFIXES[name])]
    _check_count(len(wanted), name)
    contents = repository.contents(Target(TargetKind.COMMIT, None, revision, name), wanted)
    return {
        path.removeprefix(f"{name}/"): _decode(_checked(data, path), path)
        for path, data in contents.items()
        if data is not None
    }


def _worktree_borrowed(repository: Repository, tools: Collection[str]) -> dict[str, str]:
    root = repository.root.resolve()
    found = {}
    for path in _wanted(repository.command.run("ls-files", "-z", "--full-name", "--", ":/"), tools):
        file = root / path
        if file.is_file() and file.resolve() == file:
            with contextlib.suppress(OSError), file.open("rb") as opened:
                found[path] = _beginning(opened.read(_MAX_BYTES))
    return found


def _revision_borrowed(repository: Repository, revision: str, tools: Collection[str]) -> dict[str, str]:
    from reviewer.git import Target, TargetKind

    listed = repository.command.run("ls-tree", "-r", "-z", "--name-only", "--full-tree", revision)
    target = Target(TargetKind.COMMIT, None, revision, "rule files")
    contents = repository.contents(target, _wanted(listed, tools))
    return {path: _beginning(data) for path, data in contents.items() if data is not None}


def _beginning(data: bytes) -> str:
    """The text of a file for another tool, which is no error where it is too large or not UTF-8."""
    return data[:_MAX_BYTES].decode("utf-8-sig", "replace")


def _wanted(listed: bytes, tools: Collection[str]) -> list[str]:
    """The rule files of some tools among the files that git lists."""
    from reviewer.git.command import path_text

    paths = [path_text(path) for path in listed.split(b"\0") if path]
    wanted = [path for path in paths if any(RULE_FILES[tool].fullmatch(path) for tool in tools)]
    _check_count(len(wanted), "rule_files")
    return wanted


def _bounded(path: Path, name: str, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            return _checked(file.read(limit + 1), name, limit)
    except OSError as problem:
        raise ConfigError(f"cannot read {name}: {problem.strerror}") from problem


def _checked(data: bytes, name: str, limit: int = _MAX_BYTES) -> bytes:
    if len(data) > limit:
        raise ConfigError(f"{name} is larger than {limit // 1024} KiB")
    return data


def _check_count(count: int, name: str) -> None:
    if count > _MAX_FILES:
        raise ConfigError(f"{name} holds {count} files; the limit is {_MAX_FILES}")


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise ConfigError(f"{name} is not UTF-8", hint="save it as UTF-8, or remove it") from problem
