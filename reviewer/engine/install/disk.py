"""Folders that are put in place atomically, and the disk space they need."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from reviewer import files
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reviewer.errors import ReviewerError
    from reviewer.terminal.progress import Progress

STAGING_PREFIX = ".new-"
_RETIRED_PREFIX = ".old-"
_PATIENCE = 0.5  # seconds before a wait for another process is reported


def tree_bytes(folder: Path) -> int:
    """Size of all files below ``folder``, without following links; a file that vanishes meanwhile counts nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(parent, name).lstat().st_size
    return total


def used_bytes(path: Path) -> int:
    """Disk space of a file or of a folder with all its files, in whole blocks, without following links."""
    total = _blocks(path)
    for parent, folders, names in os.walk(path):
        total += sum(_blocks(Path(parent, name)) for name in (*folders, *names))
    return total


def _blocks(path: Path) -> int:
    with contextlib.suppress(OSError):
        status = path.lstat()
        return status.st_blocks * 512 if hasattr(status, "st_blocks") else status.st_size  # POSIX: units of 512 bytes
    return 0


def free_bytes(folder: Path) -> int:
    """Free bytes where ``folder`` is or will be."""
    while not folder.exists() and folder.parent != folder:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def require_free(folder: Path, needed: int, what: str, error: Callable[..., ReviewerError]) -> None:
    """Check that ``needed`` bytes are free.

    Raises:
        ReviewerError: Made by ``error`` where they are not.
    """
    free = free_bytes(folder)
    if free < needed:
        raise error(
            f"{what} needs {byte_size(needed)} of disk space, but {folder} has only {byte_size(free)}",
            hint=f"free {byte_size(needed - free)}, or move the data: REVIEWER_HOME=/another/disk",
        )


@contextlib.contextmanager
def locked(path: Path, what: str, progress: Progress) -> Iterator[None]:
    """Hold the lock file ``path``; a second process waits and reports ``what`` it waits for.

    Others may not write to what is made meanwhile: an engine or a model that they can change would run their code.
    """
    with files.unwritable_by_others():
        files.make_folder(path.parent)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=_PATIENCE)
        except Timeout:
            progress.step(f"waiting for another process: {what}")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


def new_staging(parent: Path) -> Path:
    """Make an empty folder on the file system of the final one, to be renamed."""
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=parent))


def sweep(parent: Path) -> None:
    """Remove what interrupted runs left; the caller holds the lock."""
    if parent.is_dir():
        for entry in parent.iterdir():
            if entry.name.startswith((STAGING_PREFIX, _RETIRED_PREFIX)):
                remove_tree(entry)


def put_in_place(staging: Path, final: Path) -> None:
    """Replace ``final`` by ``staging``, which is complete."""
    retired = final.with_name(_RETIRED_PREFIX + final.name)
    if final.exists():
        remove_tree(retired)
        final.rename(retired)
    staging.rename(final)
    remove_tree(retired)


def remove_tree(path: Path) -> None:
    """Remove a folder with its read-only files, which Windows would refuse, or only a link to one.

    Raises:
        OSError: Something in it cannot be removed.
    """
    if path.is_symlink() or path.is_file():
        path.unlink()
        return
    if not path.exists():
        return
    if sys.version_info >= (3, 12):
        shutil.rmtree(path, onexc=lambda function, name, _error: _force(function, name))
    else:
        shutil.rmtree(path, onerror=lambda function, name, _error: _force(function, name))


def _force(function: Callable[[str], object], name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        parent = os.path.dirname(name)  # noqa: PTH120 - rmtree passes strings
        os.chmod(parent, os.stat(parent).st_mode | stat.S_IRWXU)  # noqa: PTH101, PTH116
        if not os.path.islink(name):  # noqa: PTH114
            os.chmod(name, os.stat(name).st_mode | stat.S_IRWXU)  # noqa: PTH101, PTH116
        function(name)
