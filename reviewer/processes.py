"""Trees of processes: start one detached, find all of it again, measure it, end it.

vLLM starts an engine core and workers, which change their titles and may outlive their parent. So a tree is found in
three ways: by descent, by session, and by a marker variable in the environment, which all its processes inherit.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

MARKER = "REVIEWER_ENGINE_KEY"
_SHARED = Path("/dev/shm")  # noqa: S108 - only segments that our processes map are removed there  # nosec B108
_SEGMENT = re.compile(rb" /dev/shm/([^/\n]+?)(?: \(deleted\))?$")
# Creation times are relative to the system's boot time, which shifts when the clock is set.
_CLOCK_TOLERANCE = 2.0

# Children of this process, kept to be polled: one without a wait stays a zombie, and a Popen that is garbage-collected
# while its process runs warns. The engine is meant to outlive this process.
_children: dict[int, subprocess.Popen[bytes]] = {}


def start_detached(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, output: IO[bytes], given: bytes | None = None
) -> psutil.Process:
    """Start a process that outlives this one, gets none of its terminal's signals and holds none of its pipes.

    Args:
        argv: The command.
        env: Its whole environment.
        cwd: Its working folder.
        output: Receives its standard output and error.
        given: Its standard input; None is empty.

    Raises:
        OSError: The program is missing or cannot be executed, or ended before it had read its input.
    """
    flags = 0
    if os.name == "nt":
        flags = getattr(subprocess, "DETACHED_PROCESS", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    child = subprocess.Popen(
        list(argv), stdin=subprocess.DEVNULL if given is None else subprocess.PIPE, stdout=output,
        stderr=subprocess.STDOUT, env=dict(env), cwd=cwd, start_new_session=os.name != "nt", creationflags=flags,
    )  # fmt: skip
    _children[child.pid] = child
    if given is not None and child.stdin is not None:
        with child.stdin as pipe:
            pipe.write(given)
    return psutil.Process(child.pid)


def exit_status(pid: int) -> int | None:
    """The exit status of a child (negative: a signal); None while it runs, and for other processes."""
    child = _children.get(pid)
    return None if child is None else child.poll()


def created(process: psutil.Process) -> float:
    """When it was created, in seconds since the epoch; 0 if it has already ended."""
    try:
        return float(process.create_time())
    except psutil.NoSuchProcess:
        return 0.0


def find(pid: int, created: float, marker: str) -> psutil.Process | None:
    """The process with this id, unless it ended and another process got the id.

    It is recognized by its marker or, where its environment cannot be read, by its creation time in seconds since the
    epoch.
    """
    exit_status(pid)
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        value = _marker_of(process)
        ours = value == marker if value is not None else abs(process.create_time() - created) < _CLOCK_TOLERANCE
    except psutil.NoSuchProcess:
        return None
    return process if ours else None


def marked(prefix: str) -> list[psutil.Process]:
    """The processes of this user whose marker begins with ``prefix``."""
    found = []
    for process in psutil.process_iter():
        # The environments of other users' processes cannot be read, and a process may end meanwhile.
        with suppress(psutil.Error, OSError):
            if (_marker_of(process) or "").startswith(prefix) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def tree(root: psutil.Process | None, marker: str) -> list[psutil.Process]:
    """Every living process of one engine, even if its root is gone."""
    found = {process.pid: process for process in marked(marker)}
    if root is not None:
        found[root.pid] = root
        with suppress(psutil.Error):
            found |= {child.pid: child for child in root.children(recursive=True)}
        found |= {process.pid: process for process in _session(root.pid)}
    return [process for process in found.values() if _lives(process)]


def memory_bytes(processes: Iterable[psutil.Process]) -> int:
    """The memory of a tree in bytes, with shared pages counted once where the system reports them."""
    return sum(_weight(process) for process in processes)


def end(
    root: psutil.Process | None, marker: str, *, grace: float, spare: Collection[int] = (), shared: Iterable[str] = ()
) -> list[psutil.Process]:
    """End a whole tree: SIGTERM first, SIGKILL after ``grace`` seconds.

    Args:
        root: Its first process; None if that is gone.
        marker: The marker of the others.
        grace: In seconds.
        spare: Ids of processes to leave alone.
        shared: Names of the tree's shared memory segments, besides those that it maps now.

    Returns:
        The processes that could not be ended; normally none.
    """

    def found() -> list[psutil.Process]:
        return [one for one in tree(root, marker) if one.pid not in spare]

    deadline = time.monotonic() + grace
    left = found()
    segments = {*shared, *shared_segments(left)}
    ended = {process.pid for process in left}
    for process in left:
        with suppress(psutil.Error):
            process.terminate()
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [process for process in left if _lives(process)]
    # A process may have been started while its parent was ending: look again before and after each kill.
    for _ in range(3):
        left = found()
        if not left:
            break
        ended |= {process.pid for process in left}
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=2)
    for child in [child for child in _children.values() if child.poll() is not None]:
        del _children[child.pid]
    _sweep(ended - {process.pid for process in left}, segments)
    return left


def shared_segments(processes: Iterable[psutil.Process]) -> set[str]:
    """Names of the shared memory segments that these processes map."""
    found: set[str] = set()
    for process in processes:
        with suppress(OSError), open(f"/proc/{process.pid}/maps", "rb") as maps:  # noqa: PTH123 - many, and often
            found |= {os.fsdecode(match[1]) for line in maps if (match := _SEGMENT.search(line))}
    return found


def _sweep(pids: Iterable[int], segments: set[str]) -> None:
    """Remove the shared memory segments of killed processes, unless another process maps them.

    Intel's OpenMP names its segments by the process.
    """
    if not _SHARED.is_dir():
        return
    names = {path.name for pid in pids for path in _SHARED.glob(f"__KMP_REGISTERED_LIB_{pid}_*")}
    left = {name for name in names | segments if (_SHARED / name).exists()}
    if left:
        left -= shared_segments(psutil.process_iter())
    for name in left:
        with suppress(OSError):  # another user's
            (_SHARED / name).unlink()


def _marker_of(process: psutil.Process) -> str | None:
    with suppress(psutil.AccessDenied, OSError):
        return process.environ().get(MARKER)
    return None


def _session(leader: int) -> list[psutil.Process]:
    """The processes of the session that ``leader`` started."""
    if os.name == "nt":
        return []
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == leader:
                found.append(process)
    return found


def _lives(process: psutil.Process) -> bool:
    exit_status(process.pid)
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _weight(process: psutil.Process) -> int:
    # Linux: the proportional share counts each page once over all processes that map it.
    path = f"/proc/{process.pid}/smaps_rollup"
    with suppress(OSError, ValueError), open(path, encoding="ascii") as rollup:  # noqa: PTH123 - hot path
        for line in rollup:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    with suppress(psutil.Error):
        return int(process.memory_full_info().uss)
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0
