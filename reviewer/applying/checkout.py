"""Working copies of the reviewed state in a temporary folder, for commands that try a fix.

Each is a small repository of its own that borrows the user's objects: git commands work in it, and nothing that runs
there can reach the user's index, refs or list of worktrees. Nothing is written into the user's repository. What a
killed process leaves in the temporary folder is removed by the next one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from reviewer.errors import UsageError
from reviewer.git import TargetKind
from reviewer.git.command import Command, native, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from filelock import BaseFileLock

    from reviewer.git import Repository

# The variables by which git names a repository (git rev-parse --local-env-vars), and those of its hooks.
LOCAL_VARIABLES = frozenset({
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_CONFIG", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS",
    "GIT_DIR", "GIT_GRAFT_FILE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NO_REPLACE_OBJECTS", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_QUARANTINE_PATH", "GIT_REFLOG_ACTION",
    "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE", "GIT_WORK_TREE",
})  # fmt: skip
# Settings of the repository that affect the contents of its files.
_SHAPING = r"^(core\.(autocrlf|eol|safecrlf|symlinks|filemode|ignorecase|precomposeunicode)|filter\..*)$"
# Git must not start a daemon for a temporary folder, split the index into the user's git folder, or run the user's
# post-index-change hook.
_CALM = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.untrackedCache=false"),
    *("-c", "core.splitIndex=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
)
_SHA256_DIGITS = 64
_PREFIX = "reviewer-check-"
_GRACE = 2.0  # seconds between asking a process to end and killing it
_UNLOCKED = 3600.0  # seconds after which a folder without a lock is a leftover


class Checkouts:
    """Makes working copies of one state; a context manager that removes them all.

    Args:
        repository: The user's repository.
        kind: Which state: the index, the working tree (tracked files), or a commit.
        head: Object id of that commit.

    Attributes:
        folder: Where they are.
        marker: For ``processes``: identifies what is run in them.

    Raises:
        UsageError: The temporary folder cannot be written.
        GitError: The state cannot be copied, as in the middle of a merge.
    """

    def __init__(self, repository: Repository, kind: TargetKind, head: str | None) -> None:
        self._repository = repository
        self._kind = kind
        self._head = head
        self._count = 0

    def __enter__(self) -> Self:
        remove_leftovers()
        try:
            self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
            self.marker = self.folder.name
            self._lock = _lock(self.folder)
            self._lock.acquire()
        except OSError as problem:
            raise UsageError(f"cannot make a temporary folder: {problem.strerror}") from problem
        try:
            self._objects = self.folder / "objects"
            self._objects.mkdir()
            git = self._repository.command
            self._borrowed = self._repository.root / text(git.run("rev-parse", "--git-path", "objects"))
            self._tree = self._write_tree()
            self._config = self._shaping_config()
            self._commit = self._find_commit()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()  # Windows does not remove an open file
        remove(self.folder)

    def fresh(self, files: Mapping[str, bytes]) -> Path:
        """Make one more working copy.

        Args:
            files: Contents that replace those of some files.

        Returns:
            Its top folder, with the name of the user's.
        """
        self._count += 1
        root = self.folder / str(self._count) / (self._repository.root.name or "checkout")
        root.mkdir(parents=True)
        self._make_repository(root)
        git = Command(root, self._environment(root))
        git.run(*_CALM, "read-tree", "--no-sparse-checkout", self._tree)
        # In the user's repository, because its attributes and filters apply.
        git.run(*_CALM, "checkout-index", "--all", "--force", "--index", "--quiet")
        for path, data in files.items():
            _put(root / native(path), data, self._repository.root / native(path))
        return root

    def discard(self, root: Path) -> None:
        """Remove one working copy: builds can be large."""
        remove(root.parent)

    def _write_tree(self) -> str:
        """Write the state as a tree into the temporary folder, and return its id."""
        if self._kind in (TargetKind.COMMIT, TargetKind.RANGE):
            return str(self._head)
        git = self._repository.command
        index = self._repository.root / text(git.run("rev-parse", "--git-path", "index"))
        copy = self.folder / "index"
        if index.exists():
            shutil.copyfile(index, copy)
        private = Command(
            self._repository.root,
            {
                "GIT_DIR": str(self._repository.git_dir),
                "GIT_COMMON_DIR": str(self._repository.common_dir),
                "GIT_WORK_TREE": str(self._repository.root),
                "GIT_INDEX_FILE": str(copy),
                **self._object_folders(),
            },
        )
        if self._kind is TargetKind.WORKTREE:
            private.run(*_CALM, "add", "--update")
        return text(private.run(*_CALM, "write-tree"))

    def _environment(self, root: Path) -> dict[str, str]:
        return {
            "GIT_DIR": str(self._repository.git_dir),
            "GIT_COMMON_DIR": str(self._repository.common_dir),
            "GIT_WORK_TREE": str(root),
            "GIT_INDEX_FILE": str(root / ".git" / "index"),
            **self._object_folders(),
        }

    def _object_folders(self) -> dict[str, str]:
        """Write objects to the temporary folder and read them from the user's repository as well."""
        return {
            "GIT_OBJECT_DIRECTORY": str(self._objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": _listed(self._borrowed),
        }

    def _make_repository(self, root: Path) -> None:
        own = root / ".git"
        git = Command(root, {"GIT_DIR": str(own), "GIT_WORK_TREE": str(root), "GIT_INDEX_FILE": str(own / "index")})
        kind = ("--object-format=sha256",) if len(self._tree) == _SHA256_DIGITS else ()
        git.run("init", "--quiet", "--template=", *kind)
        alternates = own / "objects" / "info" / "alternates"
        alternates.parent.mkdir(parents=True, exist_ok=True)
        alternates.write_bytes(b"".join(os.fsencode(path) + b"\n" for path in (self._objects, self._borrowed)))
        for name, value in self._config:
            git.run("config", "--add", name, value)
        if self._commit:
            (own / "HEAD").write_text(f"{self._commit}\n", encoding="ascii")
        for part in ("shallow", "info/attributes", "info/exclude"):
            if (self._repository.common_dir / part).is_file():
                (own / part).parent.mkdir(exist_ok=True)
                shutil.copyfile(self._repository.common_dir / part, own / part)

    def _shaping_config(self) -> list[tuple[str, str]]:
        found = self._repository.command.attempt("config", "--local", "-z", "--get-regexp", _SHAPING)
        entries = os.fsdecode(found.out).split("\0")[:-1] if found.status == 0 else []
        return [(name, value or "true") for name, _, value in (entry.partition("\n") for entry in entries)]

    def _find_commit(self) -> str | None:
        """HEAD of a working copy: the commit under review, or its parent-to-be."""
        revision = self._head if self._kind in (TargetKind.COMMIT, TargetKind.RANGE) else "HEAD"
        found = self._repository.command.attempt("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        return text(found.out) if found.status == 0 else None


def _put(file: Path, data: bytes, like: Path) -> None:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(like, file)
        shutil.copymode(like, file)
    file.write_bytes(data)


def _listed(folder: Path) -> str:
    """Quote a folder for git's lists, in which a colon separates entries."""
    name = str(folder)
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' if os.pathsep in name or '"' in name else name


def remove(folder: Path) -> None:
    """Remove a folder and its contents, including read-only folders such as those of Go's module cache."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(parent, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers() -> None:
    """End the processes and remove the copies of a run that was killed, of this user in this temporary folder."""
    from filelock import Timeout

    for folder in Path(tempfile.gettempdir()).resolve().glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, Timeout):
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
                continue
            lock = _lock(folder)
            if not Path(lock.lock_file).exists():
                # Another process may be about to lock it.
                if time.time() - status.st_mtime > _UNLOCKED:
                    remove(folder)
                continue
            with lock.acquire(timeout=0):  # held by the process that made it, for as long as it lives
                from reviewer import processes

                processes.end(None, folder.name, grace=_GRACE)
            remove(folder)


def _lock(folder: Path) -> BaseFileLock:
    from filelock import FileLock

    return FileLock(folder / "lock")
