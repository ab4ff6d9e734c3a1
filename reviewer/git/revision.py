"""Resolving revisions to object ids, with a hint if one is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.errors import GitError
from reviewer.git.command import text

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.git.command import Command


class Revisions:
    """The revisions of one repository."""

    def __init__(self, command: Command, common_dir: Path) -> None:
        self._git = command
        self._common_dir = common_dir

    def object_id(self, revision: str, *kinds: str) -> str:
        """Return the id of a revision, peeled to the first kind (``commit``, ``tree``) that fits.

        Raises:
            GitError: The revision names no object of these kinds.
        """
        found = self.find(revision, *kinds)
        if found is not None:
            return found
        if self.find("HEAD", "commit") is None:
            hint = "The repository has no commits yet. Review the staged changes: reviewer review --staged"
            raise GitError(f"unknown revision {revision}", hint=hint)
        raise GitError(f"unknown revision {revision}", hint=self.history_hint())

    def find(self, revision: str, *kinds: str) -> str | None:
        """Return the same, or None if there is no such object.

        Raises:
            GitError: This cannot be a revision.
        """
        # No revision begins with a dash; git would take it for an option.
        if not revision or revision.startswith("-") or "\0" in revision:
            raise GitError(f"{revision!r} is not a revision", hint="List the newest commits: git log --oneline")
        for kind in kinds:
            result = self._git.attempt("rev-parse", "--verify", "--quiet", f"{revision}^{{{kind}}}")
            if not result.status:
                return text(result.out)
        if revision.startswith(":/"):  # everything after it is the pattern, "^{commit}" included
            result = self._git.attempt("rev-parse", "--verify", "--quiet", revision)
            return None if result.status else text(result.out)
        return None

    def head_or_empty_tree(self) -> str:
        """Return what the index is compared with: HEAD, or the empty tree before the first commit."""
        return self.find("HEAD", "commit") or self.empty_tree()

    def empty_tree(self) -> str:
        """Return the id of git's empty tree, which depends on the repository's hash algorithm."""
        return text(self._git.run("hash-object", "-t", "tree", "--stdin", stdin=b""))

    def parents_or_empty_tree(self, commit: str) -> list[str]:
        """Return what a commit is compared with: its parents, or the empty tree for a root commit.

        Raises:
            GitError: A parent is cut off by a shallow clone.
        """
        # From the raw object: "REV^" would call the oldest commit of a shallow clone a root commit, and so the whole
        # repository new.
        header, _, _ = self._git.run("cat-file", "commit", commit).partition(b"\n\n")
        parents = [line[7:].decode() for line in header.split(b"\n") if line.startswith(b"parent ")]
        for parent in parents:
            if self.find(parent, "tree") is None:
                raise GitError(f"the parent of commit {commit[:10]} is not in this clone", hint=self.history_hint())
        return parents or [self.empty_tree()]

    def merge_base(self, base: str, head: str) -> tuple[str, str]:
        """Return the ids of the merge base and of ``head``.

        Raises:
            GitError: A revision is unknown, or they share no history.
        """
        old, new = self.object_id(base, "commit"), self.object_id(head, "commit")
        result = self._git.attempt("merge-base", old, new)
        if result.status:
            raise GitError(f"{base} and {head} have no commit in common", hint=self.history_hint())
        return text(result.out), new

    def history_hint(self) -> str:
        """Return the hint for a missing commit."""
        if (self._common_dir / "shallow").exists():
            return (
                "This clone is shallow. Fetch its history: git fetch --unshallow\n"
                "(in GitHub Actions: fetch-depth: 0; in GitLab CI: GIT_DEPTH: 0; in Azure Pipelines: fetchDepth: 0)"
            )
        return "List the branches: git branch --all. Fetch those of the remote: git fetch"
