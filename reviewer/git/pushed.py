"""What a push sends, from git's lines to the pre-push hook or from pre-commit's variables.

A push sends commits, so neither the index nor the working tree is read.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

from reviewer.errors import GitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from reviewer.git import Repository, Target
    from reviewer.git.command import Command

_BOUNDARIES = 200  # points where the pushed history leaves the remote's; they become arguments of git


class Ref(NamedTuple):
    """One line of git's input to the hook. An object id of zeros stands for no object."""

    local_ref: str
    local: str
    remote_ref: str
    remote: str


def from_framework(env: Mapping[str, str]) -> bool:
    """Return whether pre-commit runs the hook; it reads git's lines itself and passes on variables."""
    return env.get("PRE_COMMIT") == "1"


def read_lines(stream: TextIO | None) -> list[Ref]:
    """Read git's lines.

    Raises:
        UsageError: Standard input is a terminal, or contains something else.
    """
    if stream is None or stream.isatty():
        raise UsageError(
            "this hook is run by git push, which passes the pushed refs on standard input",
            hint="Review a branch: reviewer review main...HEAD",
        )
    refs = []
    for line in stream.read().split("\n"):
        if not line.strip():
            continue
        fields = line.rsplit(" ", 3)
        if len(fields) != len(Ref._fields):
            raise UsageError(f"not a line of git's pre-push: {line[:200]!r}")
        refs.append(Ref(*fields))
    return refs


def targets(repository: Repository, refs: list[Ref], remote: str | None, env: Mapping[str, str]) -> list[Target]:
    """Return what to review, each range once.

    Raises:
        GitError: Git failed.
    """
    found = _framework_targets(repository, env) if from_framework(env) else _git_targets(repository, refs, remote)
    return list({(target.base, target.head): target for target in found}.values())


def _framework_targets(repository: Repository, env: Mapping[str, str]) -> list[Target]:
    base, head = env.get("PRE_COMMIT_FROM_REF"), env.get("PRE_COMMIT_TO_REF")
    if base and head:
        return [_named(repository.merge_base_target(base, head), head)]
    # There is no range if the pushed history has nothing in common with the remote's.
    branch = env.get("PRE_COMMIT_LOCAL_BRANCH")
    if branch:
        return _new(repository, branch, repository.resolve(branch), env.get("PRE_COMMIT_REMOTE_NAME"))
    raise UsageError("pre-commit passed no range", hint="pre-commit run --from-ref main --to-ref HEAD …")


def _git_targets(repository: Repository, refs: list[Ref], remote: str | None) -> list[Target]:
    found: list[Target] = []
    for ref in refs:
        if _is_nothing(ref.local):  # a deletion
            continue
        try:
            head = repository.resolve(ref.local)
        except GitError:  # a tag of a blob or a tree
            continue
        found += _updated(repository, ref, head) or _new(repository, ref.local_ref, head, remote)
    return found


def _updated(repository: Repository, ref: Ref, head: str) -> list[Target]:
    """Return what an existing branch gains; nothing if its old tip is not in this clone or shares no history."""
    if _is_nothing(ref.remote):
        return []
    try:
        return [_named(repository.merge_base_target(ref.remote, head), ref.local_ref)]
    except GitError:
        return []


def _new(repository: Repository, name: str, head: str, remote: str | None) -> list[Target]:
    """Return what a new branch adds to everything that the remote is known to have."""
    from reviewer.git.command import text

    git = repository.command
    listed = git.run("rev-list", "--boundary", head, "--not", _known_to(git, remote), "--").decode().split()
    if not any(not line.startswith("-") for line in listed):
        return []
    boundaries = [line[1:] for line in listed if line.startswith("-")][:_BOUNDARIES]
    if boundaries:
        base = text(git.run("merge-base", head, *boundaries))
    else:
        base = text(git.run("hash-object", "-t", "tree", "--stdin", stdin=b""))
    return [_named(repository.target(f"{base}..{head}", staged=False), name)]


def _known_to(git: Command, remote: str | None) -> str:
    """Return git's option for the branches of a remote; of all remotes if the push goes to a URL."""
    if remote and git.run("for-each-ref", "--count=1", f"refs/remotes/{remote}/"):
        return f"--remotes={remote}"
    return "--remotes"


def _named(target: Target, name: str) -> Target:
    short = name.removeprefix("refs/heads/").removeprefix("refs/tags/")
    return dataclasses.replace(
        target, subject=f"push of {short} ({(target.base or '')[:10]}..{(target.head or '')[:10]})"
    )


def _is_nothing(object_id: str) -> bool:
    return not object_id.strip("0")
