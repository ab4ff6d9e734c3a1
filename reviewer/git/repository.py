"""One repository with a working tree: what to review, its patch and its files."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer import files
from reviewer.errors import GitError
from reviewer.git import notation
from reviewer.git.command import Command, Result, path_text, text
from reviewer.git.content import Blobs
from reviewer.git.patches import RECORDED, Patches
from reviewer.git.revision import Revisions
from reviewer.git.target import Target, TargetKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Neither the split index nor the untracked cache may write into the user's git folder.
_OWN_INDEX = ("-c", "core.splitIndex=false", "-c", "core.untrackedCache=false")
_REGULAR_FILE = re.compile(rb"100(?:644|755) (?:blob )?[0-9a-f]{40,64}(?: 0)?")
_FACTS = ("--is-bare-repository", "--absolute-git-dir", "--git-common-dir", "--show-toplevel")


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
            raise GitError(f"cannot read the current folder: {error.strerror}") from error
        if not folder.is_dir():
            raise GitError(f"{folder} is not a folder")
        command = Command(folder)
        result = command.attempt("rev-parse", *_FACTS)
        lines = [text(line) for line in result.out.split(b"\n")[:-1]]
        if result.status:
            raise _no_working_tree(command, folder, lines, result)
        if len(lines) != len(_FACTS):  # a folder's name contains a line feed
            lines = [text(command.run("rev-parse", fact)) for fact in _FACTS]
        _, git_dir, common_dir, root = lines
        return cls(Path(root), Path(git_dir), (folder / common_dir).resolve())

    @cached_property
    def hooks_dir(self) -> Path:
        """Where git looks for hooks: ``core.hooksPath``, or ``hooks`` in the common folder; it need not exist."""
        return self.root / text(self.command.run("rev-parse", "--git-path", "hooks", config=()))

    def resolve(self, revision: str) -> str:
        """Return the object id of the commit that a revision names.

        Raises:
            GitError: There is no such commit.
        """
        return self._revisions.object_id(revision, "commit")

    def target(self, revision: str | None, *, staged: bool) -> Target:
        """Return what to review.

        Args:
            revision: A commit or a range in git's notation (see ``notation.target``), or None for the index or the
                working tree.
            staged: Without a revision: the index against HEAD (at the end of a merge, where it differs from both
                sides), else the working tree against the index.

        Raises:
            GitError: A revision or its parent is missing.
        """
        if revision is not None:
            return notation.target(self._revisions, revision)
        if not staged:
            return Target(TargetKind.WORKTREE, None, None, "working tree changes")
        base, others = self._revisions.head_or_empty_tree(), self._merged_heads()
        subject = "staged changes that differ from both sides of the merge" if others else "staged changes"
        return Target(TargetKind.STAGED, base, None, subject, others)

    def uncommitted(self) -> Target:
        """Return the target for the working tree against HEAD; during a merge, where it differs from both sides.

        Raises:
            GitError: Git failed.
        """
        base, others = self._revisions.head_or_empty_tree(), self._merged_heads()
        return Target(TargetKind.WORKTREE, base, None, "uncommitted changes", others)

    def merge_base_target(self, base: str, head: str) -> Target:
        """Return the target for what ``head`` adds since it left ``base``.

        Raises:
            GitError: One of them is unknown, or they share no history.
        """
        return notation.merge_base(self._revisions, base, head)

    @contextmanager
    def differences(self, target: Target, *, attributes_from: str | None = None) -> Iterator[list[Patches]]:
        """Compare a target's new side with its base, and with each other parent of a merge.

        Git takes attributes (``-diff``, ``linguist-generated``) from the new side, never from files that are not under
        review: staged changes and commits are compared in an empty work tree, in which git reads attributes from the
        index, and for a commit that is an index of its own.

        Args:
            target: What is reviewed.
            attributes_from: A revision to take the attributes from instead, as in CI, where the author of the change
                controls the new side.

        Raises:
            GitError: Git failed, or there is no temporary folder.
            ValueError: The target is a patch.
        """
        if target.kind is TargetKind.PATCH:
            raise ValueError("a patch from outside is not in the repository")
        if target.kind is TargetKind.WORKTREE:
            bases = [base for base in (target.base, *target.others) if base is not None]
            sides: list[tuple[str, ...]] = [("diff-index", base) for base in bases]
            config = self._without_filters()
            yield [Patches(self.command, side, config) for side in sides or [("diff-files",)]]
            return
        with _temporary_folder() as folder:
            empty = folder / "empty"
            empty.mkdir()
            environment = self._environment | {"GIT_DIR": str(self.git_dir), "GIT_WORK_TREE": str(empty)}
            staged = target.kind is TargetKind.STAGED
            if not staged:
                environment["GIT_INDEX_FILE"] = str(folder / "index")
            command = Command(empty, environment)  # git reads .gitattributes of the folder that it runs in
            if not staged:
                command.run(*_OWN_INDEX, "read-tree", attributes_from or str(target.head))
            bases = [str(base) for base in (target.base, *target.others)]
            if staged:
                yield [Patches(command, ("diff-index", "--cached", base)) for base in bases]
            else:
                yield [Patches(command, ("diff-tree", base, str(target.head))) for base in bases]

    def patch(self, target: Target) -> bytes:
        """Return the change against the base as a git patch, the same on every machine and under every configuration.

        Raises:
            GitError: Unmerged paths, or git failed.
        """
        with self.differences(target) as found:
            return found[0].whole()

    def has_staged_changes(self) -> bool:
        """Return whether the index differs from HEAD, without reading any file's content."""
        command = ("diff-index", "--cached", "--quiet", *RECORDED)
        result = self.command.attempt(*command, "HEAD", "--")
        if result.status > 1:  # most likely no commit yet
            result = self.command.attempt(*command, self._revisions.head_or_empty_tree(), "--")
        if result.status > 1:
            raise self.command.refusal(result)
        return result.status == 1

    def paths(self, target: Target) -> list[str]:
        """Return the path of every regular file of the new side; for the working tree, of the index.

        Links, submodules and unmerged files are left out.

        Raises:
            GitError: Git failed.
        """
        if target.kind is TargetKind.PATCH:
            return []
        args = ("ls-files", "--stage") if target.head is None else ("ls-tree", "-r", "--full-tree", target.head)
        entries = (entry.partition(b"\t") for entry in self.command.run(args[0], "-z", *args[1:]).split(b"\0"))
        return [path_text(path) for facts, _, path in entries if _REGULAR_FILE.fullmatch(facts)]

    def blobs(self, target: Target) -> Blobs:
        """Return a reader of the new side's files as git stores them.

        For ``WORKTREE`` they are those of the old side, to which the patch applies: git converts line endings and
        encodings on the way into the repository, so the files on disk may have other lines.

        Raises:
            ValueError: The target is a patch.
        """
        if target.kind is TargetKind.PATCH:
            raise ValueError("a patch from outside is not in the repository")
        tree = target.base if target.kind is TargetKind.WORKTREE else target.head
        return Blobs(self.command, tree or ":0")

    def content(self, target: Target, path: str) -> bytes | None:
        """Return one file as ``blobs`` does."""
        return self.blobs(target).read(path)

    def contents(self, target: Target, paths: Iterable[str]) -> dict[str, bytes | None]:
        """Return several files as ``blobs`` does, from one git process."""
        blobs = self.blobs(target)
        return {path: blobs.read(path) for path in paths}

    def old_contents(self, target: Target, paths: Iterable[str]) -> dict[str, bytes | None]:
        """Return several files of the old side as git stores them; None if it has no such file."""
        if target.kind is TargetKind.PATCH:
            return dict.fromkeys(paths)
        blobs = Blobs(self.command, target.base or ":0")
        return {path: blobs.read(path) for path in paths}

    def show(self, revision: str, path: str) -> bytes | None:
        """Return a file of a revision; None if it has no such file.

        Raises:
            GitError: There is no such revision.
        """
        return Blobs(self.command, self._revisions.object_id(revision, "commit", "tree")).read(path)

    def filters(self) -> frozenset[str]:
        """Return the names of the filter drivers (``filter.NAME.clean``) that are configured, such as ``lfs``."""
        found = self.command.attempt("config", "--name-only", "-z", "--get-regexp", r"^filter\..*\.(clean|process)$")
        keys = (path_text(key) for key in found.out.split(b"\0") if key)
        return frozenset(key.removeprefix("filter.").rpartition(".")[0] for key in keys)

    def _without_filters(self) -> tuple[str, ...]:
        """Return the settings that keep ``diff-files`` from running filter drivers, which are the user's programs."""
        settings: list[str] = []
        for name in sorted(self.filters()):
            for setting in ("clean=", "process=", "required=false"):
                settings += ("-c", f"filter.{name}.{setting}")
        return tuple(settings)

    @property
    def _environment(self) -> dict[str, str]:
        return _environment(self.root, self.git_dir, self.common_dir)

    def _merged_heads(self) -> tuple[str, ...]:
        """Return the commits that an unfinished merge brings in."""
        try:
            lines = (self.git_dir / "MERGE_HEAD").read_text(encoding="ascii", errors="replace").split()
        except OSError:
            return ()
        return tuple(self.resolve(line) for line in lines)


def _environment(root: Path, git_dir: Path, common_dir: Path) -> dict[str, str]:
    environment = {"GIT_DIFF_OPTS": ""}  # it would override --unified
    # Hooks inherit paths relative to the folder that they run in; commands here run in the root.
    if "GIT_DIR" in os.environ or "GIT_WORK_TREE" in os.environ:
        environment |= {"GIT_DIR": str(git_dir), "GIT_WORK_TREE": str(root)}
    if "GIT_COMMON_DIR" in os.environ:
        environment["GIT_COMMON_DIR"] = str(common_dir)
    if "GIT_INDEX_FILE" in os.environ:  # git reads it relative to the root
        environment["GIT_INDEX_FILE"] = str(root / os.environ["GIT_INDEX_FILE"])
    return environment


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        folder = tempfile.TemporaryDirectory(prefix="reviewer-", ignore_cleanup_errors=True)
    except OSError as error:
        hint = "set TMPDIR to a folder that you can write to"
        raise GitError(f"cannot create a temporary folder: {error.strerror}", hint=hint) from error
    try:
        yield Path(folder.name)
    finally:
        files.remove_folder(folder)


def _no_working_tree(command: Command, folder: Path, lines: list[str], result: Result) -> GitError:
    if lines[:1] == ["true"]:
        hint = "Run it in a clone, or in a worktree: git worktree add ../checkout"
        return GitError(f"{folder} is a bare repository; it has no working tree", hint=hint)
    if "must be run in a work tree" in result.err:
        return GitError(f"{folder} is inside a .git folder", hint="Run it in the working tree.")
    return command.refusal(result)
