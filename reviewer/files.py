"""Files written whole or not at all, and read only where nobody else could have written them."""

from __future__ import annotations

import atexit
import errno
import os
import shutil
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tempfile
    from collections.abc import Callable, Iterator
    from pathlib import Path

PRIVATE = 0o600
_OWNER = 0o700
_SHARED = 0o755
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_WRITABLE_BY_OTHERS = 0o022


def write(
    path: Path,
    data: bytes | str,
    *,
    mode: int | None = PRIVATE,
    sync: bool = False,
    follow_link: bool = False,
    below: Path | None = None,
) -> None:
    """Write a file atomically: readers see the old contents or the new ones, never a part.

    A link at ``path`` is replaced, not followed, so nobody can redirect the write.

    Args:
        path: The file; its folder must exist.
        data: Its contents; text is encoded as UTF-8.
        mode: Its permissions, whatever the umask. None keeps those of the file that is replaced; a new file then gets
            the umask's.
        sync: Whether to flush the contents to the disk first, for files that must survive a power failure.
        follow_link: Write the file that a link at ``path`` points to, and keep the link.
        below: A trusted folder that contains ``path``. No folder between the two may be a link.

    Raises:
        OSError: The file cannot be written, or a folder below ``below`` is a link.
        ValueError: ``path`` is not below ``below``.
    """
    path = path.resolve() if follow_link else path.absolute()
    content = data.encode() if isinstance(data, str) else data
    with opened(path.parent, below) as folder:
        write_at(folder, path, content, mode=mode, sync=sync)


def write_at(folder: int | None, path: Path, content: bytes, *, mode: int | None = None, sync: bool = False) -> None:
    """Write a file atomically into a folder that ``opened`` gave; ``write`` describes the other arguments.

    Raises:
        OSError: The file cannot be written.
    """
    # Without support for folder handles (Windows) ``folder`` is None and full paths are used.
    target = path.name if folder is not None else str(path)
    temporary = target.removesuffix(path.name) + f".{os.urandom(8).hex()}.tmp"
    mode = _mode(target, folder) if mode is None else mode
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK | getattr(os, "O_BINARY", 0)
    with _naming(path):
        handle = os.open(temporary, flags, 0o666 if mode is None else PRIVATE, dir_fd=folder)
        try:
            with os.fdopen(handle, "wb") as stream:
                if mode is not None and hasattr(os, "fchmod"):
                    os.fchmod(handle, mode)
                stream.write(content)
                if sync:
                    stream.flush()
                    os.fsync(handle)
            os.replace(temporary, target, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise
        if sync and folder is not None:
            os.fsync(folder)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Make errors name the file: a write that fails names none, and a temporary name says nothing to the user."""
    try:
        yield
    except OSError as problem:
        problem.filename, problem.filename2 = str(path), None
        raise


def append(path: Path, lines: bytes, *, private: bool = True, sync: bool = False) -> None:
    """Append whole lines to a file; they begin on a line of their own even where the last one was cut.

    A link at ``path`` is not followed, and a pipe does not block.

    Args:
        path: The file; created where it is missing.
        lines: What to append, ending with a newline.
        private: Whether only its owner may read it; otherwise a new file gets the umask's permissions.
        sync: Whether to flush it to the disk.

    Raises:
        OSError: It cannot be written, or is a link or not a regular file.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | _NO_LINK
    handle = os.open(
        path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0), PRIVATE if private else 0o666
    )
    with os.fdopen(handle, "rb+", buffering=0) as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if private and hasattr(os, "fchmod"):
            with suppress(OSError):
                os.fchmod(handle, PRIVATE)
        if status.st_size:
            file.seek(-1, os.SEEK_END)
            lines = lines if file.read(1) == b"\n" else b"\n" + lines
        file.write(lines)
        if sync:
            os.fsync(handle)


def remove_folder(folder: tempfile.TemporaryDirectory[str]) -> None:
    """Remove a temporary folder that ignores errors.

    What stays, without a free file handle or after an interrupt, is removed at exit.
    """
    try:
        folder.cleanup()
    finally:
        if os.path.lexists(folder.name):
            atexit.register(shutil.rmtree, folder.name, ignore_errors=True)


def read_private(path: Path, limit: int = 1 << 20) -> bytes:
    """Read a small file that only this user can have written.

    Raises:
        OSError: It cannot be read, is larger than ``limit`` bytes or is not a regular file, or another user owns or
            can change it or its folder.
    """
    require_private(path.parent)
    handle = os.open(path, os.O_RDONLY | _NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as stream:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or _foreign(status):
            raise PermissionError(errno.EACCES, "another user owns it or can change it", str(path))
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, "file too large", str(path))
    return data


def make_folder(folder: Path, mode: int = _SHARED) -> None:
    """Make a folder, and those above it that are missing, none of which others may write to whatever the umask.

    Raises:
        OSError: It cannot be made.
    """
    for missing in [one for one in (*reversed(folder.parents), folder) if not one.exists()]:
        missing.mkdir(mode=mode if missing == folder else _SHARED, exist_ok=True)


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, that only this user can enter.

    Raises:
        OSError: It cannot be made, or ``require_private`` refuses it.
    """
    for missing in [one for one in (*reversed(folder.parents), folder) if not one.exists()]:
        missing.mkdir(mode=_OWNER, exist_ok=True)
    if os.name != "nt":
        status = folder.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) != _OWNER:
            folder.chmod(_OWNER)
        require_private(folder)


@contextmanager
def unwritable_by_others() -> Iterator[None]:
    """Create all files and folders in the meantime, by child processes too, so that only this user may write to them.

    For commands that write none but the reviewer's own files: the umask is that of the whole process.
    """
    before = os.umask(_WRITABLE_BY_OTHERS)
    os.umask(before | _WRITABLE_BY_OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def require_private(folder: Path) -> None:
    """Check that no other user can change a folder, or put another one in its place.

    Raises:
        OSError: It is missing, or a link, or another user owns it, may write to it or controls the folder above.
    """
    if os.name == "nt":  # the user's profile, protected by access control lists
        return
    status, above = folder.lstat(), folder.parent.stat()
    # In a shared folder such as /tmp only the sticky bit keeps others from renaming what is not theirs.
    replaceable = above.st_uid not in (0, os.getuid()) or (above.st_mode & 0o002 and not above.st_mode & stat.S_ISVTX)
    if not stat.S_ISDIR(status.st_mode) or _foreign(status) or replaceable:
        raise PermissionError(errno.EACCES, "another user owns it or can change it", str(folder))


def _foreign(status: os.stat_result) -> bool:
    return os.name != "nt" and (status.st_uid != os.getuid() or bool(status.st_mode & _WRITABLE_BY_OTHERS))


def _mode(target: str, folder: int | None) -> int | None:
    try:
        status = os.stat(target, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return stat.S_IMODE(status.st_mode) if stat.S_ISREG(status.st_mode) else None


@contextmanager
def opened(
    folder: Path, below: Path | None, check: Callable[[os.stat_result], None] = lambda _: None
) -> Iterator[int | None]:
    """Open a folder step by step, so that swapping one for a link in the meantime gains nothing.

    Args:
        folder: What to open.
        below: A trusted folder that contains it; None trusts ``folder`` itself.
        check: Receives the status of each folder on the way, and raises for one that must not be entered.

    Yields:
        A handle, or None where the system has no handles of folders.

    Raises:
        OSError: A folder is missing or a link.
        ValueError: ``folder`` is not below ``below``.
    """
    parts = () if below is None else folder.relative_to(below.absolute()).parts
    if ".." in parts:
        raise ValueError(f"{folder} leads out of {below}")
    start = folder if below is None else below
    if os.open not in os.supports_dir_fd:
        for count in range(len(parts)):
            inner = start.joinpath(*parts[: count + 1])
            if inner.is_symlink():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(folder))
            check(inner.stat())
        yield None
        return
    handle = os.open(start, _FOLDER)
    try:
        for name in parts:
            inner_handle = os.open(name, _FOLDER | _NO_LINK, dir_fd=handle)
            os.close(handle)
            handle = inner_handle
            check(os.fstat(handle))
        yield handle
    finally:
        os.close(handle)
