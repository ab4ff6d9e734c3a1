"""Runs the command line in forked children, with faults, and records what lies on the disk before and after.

The parent imports the commands once; a child begins where ``reviewer`` itself begins, so no run pays for the start of
Python. Linux only. As root, the parent works in a mount namespace of its own: read-only folders and small disks are
real mounts and vanish with it. Otherwise folders are made read-only by their modes, and there is no small disk.
"""

# ruff: noqa: PTH101, PTH108, PTH115, PTH120, PTH123, PTH208 - names are bytes here, as the file system has them

from __future__ import annotations

import atexit
import contextlib
import ctypes
import hashlib
import importlib
import os
import pkgutil
import resource
import select
import shutil
import signal
import stat
import sys
import tempfile
import threading
import time
import traceback
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MARK = "REVIEWER_TEST_RUN"
_NEW_NAMESPACE = 0x00020000
_READ_ONLY, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 32, 4096, 16384, 1 << 18
_LIBRARIES = (
    *(
        "anyio._backends._asyncio",
        "ast_grep_py",
        "git",
        "httpcore",
        "httpx",
        "jinja2.ext",
        "rich.live",
        "rich.progress",
    ),
    *("tree_sitter_javascript", "tree_sitter_python", "unidiff", "yaml"),
)
_LIBC = ctypes.CDLL(None, use_errno=True)


def import_commands() -> None:
    """Import what a command imports, so that children need not."""
    import reviewer

    names = [module.name for module in pkgutil.walk_packages(reviewer.__path__, "reviewer.")]
    for name in (*names, *_LIBRARIES):
        if not name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # an extra that is not installed
                importlib.import_module(name)


def own_mounts() -> bool:
    """Move this process into a mount namespace of its own; False where that is not allowed."""
    if os.geteuid() != 0 or _LIBC.unshare(_NEW_NAMESPACE) != 0:
        return False
    return bool(_LIBC.mount(None, b"/", None, _RECURSIVE | _PRIVATE, None) == 0)


def small_disk(folder: Path, megabytes: int) -> bool:
    """Mount a small file system at a folder."""
    return bool(_LIBC.mount(b"none", bytes(folder), b"tmpfs", 0, b"size=%dm" % megabytes) == 0)


def unmount(folder: Path) -> None:
    """Take a file system away from a folder."""
    _LIBC.umount2(bytes(folder), 2)


def fill(folder: Path, spare: int) -> Path:
    """Fill the file system of a folder, but for about ``spare`` bytes; returns the ballast."""
    ballast = folder / "ballast"
    block = b"x" * 65536
    with ballast.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(block)
    os.truncate(ballast, max(0, ballast.stat().st_size - spare))
    return ballast


def read_only(folder: Path) -> None:
    """For a child: make a folder read-only for this process and its children."""
    name = bytes(folder)
    if _LIBC.unshare(_NEW_NAMESPACE) or _LIBC.mount(name, name, None, _BIND | _RECURSIVE, None):
        raise OSError(ctypes.get_errno(), "cannot bind", str(folder))
    if _LIBC.mount(None, name, None, _BIND | _REMOUNT | _READ_ONLY, None):
        raise OSError(ctypes.get_errno(), "cannot make read-only", str(folder))


def limit(kind: int, value: int) -> None:
    """For a child: set a resource limit."""
    resource.setrlimit(kind, (value, value))


@dataclass
class Run:
    """One run of the command line.

    Attributes:
        code: Exit status; negative is a signal; None if it did not end within its time.
        seconds: Wall time.
        out, err: What it printed.
        strays: Command lines of processes that were left over.
    """

    code: int | None
    seconds: float
    out: str
    err: str
    strays: list[str] = field(default_factory=list)


class Shot(NamedTuple):
    """A signal to a running command.

    Attributes:
        number: The signal.
        after: Seconds after the start.
        group: Send it to the whole process group, as a terminal does.
    """

    number: int
    after: float
    group: bool = False


def run(
    args: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    data: bytes = b"",
    shots: Sequence[Shot] = (),
    prepare: Callable[[], None] = lambda: None,
    timeout: float = 60.0,
    grace: float = 10.0,
) -> Run:
    """Run ``reviewer ARGS`` in a forked child.

    Args:
        args: Command line.
        cwd: Folder it runs in.
        env: Its whole environment.
        data: Standard input.
        shots: Signals, in the order of their time.
        prepare: Called in the child before the command.
        timeout: Seconds after which it is killed; ``code`` is None then.
        grace: Seconds that processes which it started may live on.
    """
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        source.write(data)
        source.seek(0)
        ready, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ready)
            _child(args, cwd, {**env, MARK: mark}, (source.fileno(), out.fileno(), err.fileno(), tell), prepare)
        os.close(tell)
        os.read(ready, 1)  # Python drops signals that come while it forks
        os.close(ready)
        began = time.monotonic()
        code = _wait(pid, began, shots, timeout)
        seconds = time.monotonic() - began
        strays = _strays(mark, grace)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
    return Run(code, seconds, texts[0], texts[1], strays)


def _child(
    args: Sequence[str], cwd: Path, env: Mapping[str, str], streams: Sequence[int], prepare: Callable[[], None]
) -> None:
    code = 70
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]  # noqa: SLF001
        finalizer.detach()  # the parent's temporary folders are not this process's to remove
    try:
        os.setsid()
        *standard, tell = streams
        for wanted, handle in enumerate(standard):
            os.dup2(handle, wanted)
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(number, mode, encoding="utf-8", errors="surrogateescape" if number == 0 else "backslashreplace")
            for number, mode in ((0, "r"), (1, "w"), (2, "w"))
        )
        os.environ.clear()
        os.environ.update(env)
        tempfile.tempdir = None
        os.chdir(cwd)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["reviewer", *args]
        prepare()
        os.close(tell)
        from reviewer.cli import run as run_command
        from reviewer.cli.boundary import interrupt_on_signals

        interrupt_on_signals()
        code = run_command(args)
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as the interpreter does at its end
        atexit._run_exitfuncs()  # noqa: SLF001
        sys.stdout.flush()
        sys.stderr.flush()
    except KeyboardInterrupt:
        code = 130
    except BaseException:  # noqa: BLE001 - nothing may return into the parent's code
        with contextlib.suppress(BaseException):
            traceback.print_exc()
            sys.stderr.flush()
    finally:
        os._exit(code)


def _wait(pid: int, began: float, shots: Sequence[Shot], timeout: float) -> int | None:
    handle = os.pidfd_open(pid)
    try:
        for shot in shots:
            if _ended(handle, began + shot.after - time.monotonic()):
                break
            (os.killpg if shot.group else os.kill)(pid, shot.number)
        hung = not _ended(handle, began + timeout - time.monotonic())
        if hung:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        return None if hung else os.waitstatus_to_exitcode(status)
    finally:
        os.close(handle)


def _ended(handle: int, seconds: float) -> bool:
    return bool(select.select([handle], [], [], max(0.0, seconds))[0])


def _strays(mark: str, grace: float) -> list[str]:
    """Processes of a run that still live after a grace; they are killed."""
    deadline = time.monotonic() + grace
    while (found := list(_marked(mark))) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid, _ in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [command for _, command in found]


def _marked(mark: str) -> Iterator[tuple[int, str]]:
    wanted = f"{MARK}={mark}".encode()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError):
            process = Path("/proc") / name
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                yield int(name), (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")


class Entry(NamedTuple):
    """One file: what a user could notice a change of."""

    kind: int
    mode: int
    changed_ns: int
    content: bytes


def snapshot(root: Path) -> dict[str, Entry]:
    """Record every file below a folder: type, mode, time of its last change, content; of folders type and mode."""
    found: dict[str, Entry] = {}
    pending = [os.fsencode(root)]
    while pending:
        folder = pending.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                kind = stat.S_IFMT(status.st_mode)
                name = os.path.relpath(entry.path, os.fsencode(root)).decode("utf-8", "surrogateescape")
                content, when = b"", status.st_mtime_ns
                if kind == stat.S_IFDIR:
                    pending.append(entry.path)
                    when = 0
                elif kind == stat.S_IFLNK:
                    content = os.readlink(entry.path)
                elif kind == stat.S_IFREG:
                    if entry.name.startswith(b"sharedindex."):
                        when = 0  # git sets it at every reading, so that the file does not expire
                    with open(entry.path, "rb") as stream:
                        content = hashlib.blake2b(stream.read(), digest_size=16).digest()
                found[name] = Entry(kind, stat.S_IMODE(status.st_mode), when, content)
    return found


def differences(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> list[str]:
    """Name what was added, removed or changed."""
    added = [f"added {name}" for name in after.keys() - before.keys()]
    removed = [f"removed {name}" for name in before.keys() - after.keys()]
    changed = [f"changed {name}" for name in before.keys() & after.keys() if before[name] != after[name]]
    return sorted(added + removed + changed)


def remove(folder: Path) -> None:
    """Remove a folder, whatever the modes of what it holds."""

    def writable(_: Any, path: str, __: Any) -> None:
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(path), 0o700)
            os.chmod(path, 0o700)
            os.unlink(path)

    shutil.rmtree(folder, onerror=writable)


def isolated(home: Path, tmp: Path) -> dict[str, str]:
    """An environment in which nothing of the user's own is read or written."""
    home.mkdir(parents=True, exist_ok=True)
    tmp.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    (home / ".run").mkdir(mode=0o700, exist_ok=True)
    return kept | {
        "HOME": str(home),
        "TMPDIR": str(tmp),
        "XDG_RUNTIME_DIR": str(home / ".run"),
        "REVIEWER_HOME": str(home / "reviewer"),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "TERM": "dumb",
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),  # where `bench` and `tests` are; no install has them
        "PYTHONDONTWRITEBYTECODE": "1",
    }
