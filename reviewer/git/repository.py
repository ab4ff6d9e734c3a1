"""One repository with a working tree: what to review, its patch and its files.

Patches come from the plumbing commands (``diff-index``, ``diff-tree``, ``diff-files``), which do not read the user's
``color.*`` and most ``diff.*`` settings; what they do read is set on their command line.
"""

from __future__ import annotations

import os
import re
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer.errors import GitError
from reviewer.git.attributes import attributes
from reviewer.git.command import Command, Result, text
from reviewer.git.content import blobs, worktree_file
from reviewer.git.listing import listed
from reviewer.git.revision import Revisions
from reviewer.git.target import Target, TargetKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_CONFIG = (
    *("-c", "core.quotePath=true"),
    *("-c", "core.bigFileThreshold=512m"),  # a lower one would call text binary
    *("-c", "diff.suppressBlankEmpty=false"),
)
# Some of these are what plumbing does anyway; that it goes on doing so is not left to chance.
_PATCH = (
    "--patch",
    "--full-index",
    "--unified=3",
    "--inter-hunk-context=0",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--diff-algorithm=myers",
    "--indent-heuristic",
    "--find-renames=50%",
    "-l1000",  # finding inexact renames is quadratic
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--submodule=short",
)
# A commit records a submodule's commit whatever .gitmodules says about ignoring it, and never its uncommitted changes;
# it leaves out a file added with --intent-to-add.
_RECORDED = ("--ignore-submodules=dirty", "--ita-invisible-in-index")

_UNMERGED = re.compile(rb"^(?:\* Unmerged path|diff --(?:cc|combined)) (.*)$", re.MULTILINE)
_UNMERGED_SHOWN = 5


class Repository:
    """A repository with a working tree, read only.

    Attributes:
        root: Top folder of the working tree.
        git_dir: This working tree's own ``.git`` folder.
        common_dir: The folder shared by all working trees; equal to ``git_dir`` in the main one.
        command: Git in the root, with the environment that a hook's relative paths need; for reading only.
    """

    def __init__(self, root: Path, git_dir: Path, common_dir: Path) -> None:
        self.root = root
        self.git_dir = git_dir
        self.common_dir = common_dir
        self.command = Command(root, _environment(root, git_dir, common_dir))
        self._revisions = Revisions(self.command, common_dir)

    @classmethod
    def discover(cls, start: Path | None = None) -> Repository:
        """Find the repository around a folder (by default the current one), as git does, ``GIT_DIR`` and all.

        Raises:
            GitError: There is none, it is bare, git refuses it, or git is missing.
        """
        try:
            folder = Path.cwd() if start is None else start.absolute()
        except OSError as error:
            raise GitError(f"the current folder can not be read: {error.strerror}") from error
        if not folder.is_dir():
            raise GitError(f"{folder} is not a folder")
        command = Command(folder)
        facts = ("--is-bare-repository", "--absolute-git-dir", "--git-common-dir", "--show-toplevel")
        result = command.attempt("rev-parse", *facts)
        lines = [text(line) for line in result.out.splitlines()]
        if result.status:
            raise _no_working_tree(command, folder, lines, result)
        _, git_dir, common_dir, root = lines
        return cls(Path(root), Path(git_dir), (folder / common_dir).resolve())

    @cached_property
    def hooks_dir(self) -> Path:
        """Where git looks for hooks: ``core.hooksPath``, or ``hooks`` in the common folder; it need not exist."""
        return self.root / text(self.command.run("rev-parse", "--git-path", "hooks"))

    @cached_property
    def offline(self) -> Command:
        """The same git, which fetches nothing: in a partial clone what is not here counts as missing."""
        environment = _environment(self.root, self.git_dir, self.common_dir)
        return Command(self.root, environment | {"GIT_NO_LAZY_FETCH": "1"})

    def resolve(self, revision: str) -> str:
        """Return the object id of the commit that a revision names.

        Raises:
            GitError: It names none.
        """
        return self._revisions.object_id(revision, "commit")

    def target(self, revision: str | None, *, staged: bool) -> Target:
        """Say what to review.

        Args:
            revision: ``REV`` (a commit against its first parent), ``A..B``, ``A...B`` (B against the merge base), or
                None for the index or the working tree.
            staged: Without a revision: the index against HEAD, else the working tree against the index.

        Raises:
            GitError: A revision or its parent is not there.
        """
        if revision is not None:
            return self._range(revision) or self._commit(revision)
        if staged:
            return Target(TargetKind.STAGED, self._revisions.head_or_empty_tree(), None, "staged changes")
        return Target(TargetKind.WORKTREE, None, None, "working tree changes")

    def merge_base_target(self, base: str, head: str) -> Target:
        """Stand for what ``head`` adds since it left ``base``.

        Raises:
            GitError: One of them is unknown, or they share no history.
        """
        old, new = self._revisions.merge_base(base, head)
        return Target(TargetKind.RANGE, old, new, f"{base}...{head}")

    def patch(self, target: Target) -> bytes:
        """Return the change as a git patch, the same on every machine and under every configuration.

        Raises:
            GitError: Unmerged paths, or git failed.
        """
        command: tuple[str, ...]
        match target.kind:
            case TargetKind.STAGED:
                command = ("diff-index", "--cached", *_PATCH, *_RECORDED, str(target.base), "--")
            case TargetKind.WORKTREE:
                command = ("diff-files", *_PATCH, *_RECORDED, "--")
            case TargetKind.COMMIT | TargetKind.RANGE:
                command = ("diff-tree", *_PATCH, *_RECORDED, str(target.base), str(target.head), "--")
            case TargetKind.PATCH:
                raise ValueError("a patch from outside is not in the repository")
        patch = self.command.run(*_CONFIG, *command)
        _refuse_unmerged(patch)
        return patch

    def has_staged_changes(self) -> bool:
        """Say whether the index differs from HEAD, without reading any file's content."""
        command = ("diff-index", "--cached", "--quiet", *_RECORDED)
        result = self.command.attempt(*command, "HEAD", "--")
        if result.status > 1:  # most likely no commit yet
            result = self.command.attempt(*command, self._revisions.head_or_empty_tree(), "--")
        if result.status > 1:
            raise self.command.refusal(result)
        return result.status == 1

    def content(self, target: Target, path: str) -> bytes | None:
        """Return a file's new side as git stores it; None where it has none (deleted, a submodule, a foreign patch).

        The working tree's own bytes are returned for ``WORKTREE`` only; line endings are then those on disk.
        """
        return self.contents(target, (path,))[path]

    def contents(self, target: Target, paths: Iterable[str]) -> dict[str, bytes | None]:
        """Return many files' new sides while starting git once."""
        match target.kind:
            case TargetKind.PATCH:
                return dict.fromkeys(paths)
            case TargetKind.WORKTREE:
                return {path: worktree_file(self.root, path) for path in paths}
            case TargetKind.STAGED:
                return blobs(self.command, ":0", paths)
            case TargetKind.COMMIT | TargetKind.RANGE:
                return blobs(self.command, str(target.head), paths)

    def old_contents(self, target: Target, paths: Iterable[str]) -> dict[str, bytes | None]:
        """Return many files' old sides as git stores them; None where a file has none."""
        if target.kind is TargetKind.PATCH:
            return dict.fromkeys(paths)
        return blobs(self.command, target.base or ":0", paths)

    def files(self, target: Target) -> dict[str, str]:
        """Return the blob id of every file of the new side by path; of what git has where that is the working tree.

        Raises:
            GitError: Git failed.
        """
        match target.kind:
            case TargetKind.PATCH:
                return {}
            case TargetKind.STAGED | TargetKind.WORKTREE:
                return listed(self.command, None)
            case TargetKind.COMMIT | TargetKind.RANGE:
                return listed(self.command, str(target.head))

    def attributes(
        self, target: Target, names: Sequence[str], paths: Sequence[str], *, revision: str | None = None
    ) -> dict[str, dict[str, str]]:
        """Return git attributes by path, those that are specified; as the index or the new side has them.

        Args:
            target: What is reviewed.
            names: The attributes.
            paths: The files.
            revision: Take them from there instead, as CI does: the head is written by whoever asks for the review.
        """
        head = revision or target.head
        if not paths or target.kind is TargetKind.PATCH:
            return {}
        if head is None:
            cached = ("--cached",) if target.kind is TargetKind.STAGED else ()
            return attributes(self.command, names, paths, *cached)
        # Not --source, which git has since 2.40 only: an index of our own, beside the user's, does the same.
        with tempfile.TemporaryDirectory() as folder:
            aside = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            command = Command(self.root, _environment(self.root, self.git_dir, self.common_dir) | aside)
            command.run("read-tree", head)
            return attributes(command, names, paths, "--cached")

    def show(self, revision: str, path: str) -> bytes | None:
        """Return a file of a revision; None where that has no such file.

        Raises:
            GitError: There is no such revision.
        """
        return blobs(self.command, self._revisions.object_id(revision, "commit", "tree"), (path,))[path]

    def _range(self, revision: str) -> Target | None:
        base, dots, head = revision.partition("...")
        if not dots:
            base, dots, head = revision.partition("..")
        if not dots:
            return None
        base, head = base or "HEAD", head or "HEAD"
        try:
            if dots == "...":
                return self.merge_base_target(base, head)
            # A tree may stand at either end: the empty one as the base reviews everything there is.
            old, new = (self._revisions.object_id(end, "commit", "tree") for end in (base, head))
            return Target(TargetKind.RANGE, old, new, f"{base}..{head}")
        except GitError:
            # Dots may also stand in a search such as HEAD^{/wait...}.
            if self._revisions.find(revision, "commit") is None:
                raise
            return None

    def _commit(self, revision: str) -> Target:
        head = self.resolve(revision)
        base = self._revisions.first_parent_or_empty_tree(head)
        short = head[:10]
        subject = f"commit {short}" if head.startswith(revision) else f"commit {revision} ({short})"
        return Target(TargetKind.COMMIT, base, head, subject)


def _environment(root: Path, git_dir: Path, common_dir: Path) -> dict[str, str]:
    environment = {"GIT_DIFF_OPTS": ""}  # it would overrule --unified
    # Hooks inherit paths relative to the folder that they run in; commands here run in the root. GIT_INDEX_FILE needs
    # no care, since git reads it relative to the root.
    if "GIT_DIR" in os.environ or "GIT_WORK_TREE" in os.environ:
        environment |= {"GIT_DIR": str(git_dir), "GIT_WORK_TREE": str(root)}
    if "GIT_COMMON_DIR" in os.environ:
        environment["GIT_COMMON_DIR"] = str(common_dir)
    return environment


def _refuse_unmerged(patch: bytes) -> None:
    # Lines of content begin with a blank, a sign or a backslash: these can only be git's own.
    paths = sorted({text(found) for found in _UNMERGED.findall(patch)})
    if not paths:
        return
    more = f" and {len(paths) - _UNMERGED_SHOWN} more" if len(paths) > _UNMERGED_SHOWN else ""
    raise GitError(
        f"a merge is not finished: {', '.join(paths[:_UNMERGED_SHOWN])}{more}",
        hint="Resolve the conflicts, then stage the files: git add FILE",
    )


def _no_working_tree(command: Command, folder: Path, lines: list[str], result: Result) -> GitError:
    if lines[:1] == ["true"]:
        hint = "Run it in a clone, or in a worktree: git worktree add ../checkout"
        return GitError(f"{folder} is a bare repository; it has no working tree", hint=hint)
    if "must be run in a work tree" in result.err:
        return GitError(f"{folder} is inside a .git folder", hint="Run it in the working tree.")
    return command.refusal(result)
