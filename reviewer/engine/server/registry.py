"""The engines on this machine, known from their state files alone: list them, look at one, end one.

Needs neither a configuration nor a repository, so that ``engine status``, ``logs`` and ``stop`` work anywhere.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer import paths, processes
from reviewer.engine.server import life, probe, state
from reviewer.engine.server.life import Life, Phase, Reason
from reviewer.engine.server.state import Record, ServerState, Status
from reviewer.errors import EngineError, EngineStartError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psutil

GRACE_SECONDS = 10.0
STOPPED_LINE = "reviewer: the engine was stopped"  # told from a death by those who wait for it
CONTINUED_LINE = "reviewer: the lines before are in the file beside this one, which ends in .log.1"
_LOCK_SECONDS = 60.0
_TAIL_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """The folders where engines keep their files.

    Attributes:
        run: Sockets, locks and state files.
        logs: Logs, and how long each engine took to start.
    """

    run: Path
    logs: Path

    @classmethod
    def at(cls, run_dir: Path | None = None) -> Place:
        """The user's own folders, or everything under ``run_dir``."""
        if run_dir is not None:
            return cls(run_dir.absolute(), run_dir.absolute() / "logs")
        return cls(paths.run_dir(), paths.state_dir() / "engine")

    @property
    def marker(self) -> str:
        """What the marker of every engine of this place begins with."""
        return hashlib.sha256(str(self.run).encode("utf-8", "surrogateescape")).hexdigest()[:12] + ":"

    def state_file(self, name: str) -> Path:
        """Where the record of an engine lies."""
        return self.run / f"{name}.json"

    def log_file(self, name: str) -> Path:
        """Where an engine's output goes."""
        return self.logs / f"{name}.log"

    def life_file(self, name: str) -> Path:
        """Where the supervisor writes down how the engine is, and why it ended."""
        return self.logs / f"{name}.life.json"

    def timing_file(self, name: str) -> Path:
        """Where it is noted how long the engine took to start."""
        return self.logs / f"{name}.timing.json"

    @contextmanager
    def locked(self, name: str, *, timeout: float | None = None) -> Iterator[None]:
        """Hold the lock of an engine while it is started or ended; it is not held while it loads or runs.

        Raises:
            EngineStartError: Somebody else holds it for too long, or the folder cannot hold a lock.
        """
        import filelock

        seconds = _LOCK_SECONDS if timeout is None else timeout
        lock = filelock.FileLock(self.run / f"{name}.lock", timeout=seconds)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise EngineStartError(
                f"another process has been starting or ending the engine for {seconds:.0f} s",
                hint=f"try again; it holds {lock.lock_file}",
            ) from error
        except (OSError, NotImplementedError) as error:
            raise EngineStartError(
                f"{self.run} cannot hold a lock: {error}", hint="set REVIEWER_HOME to a local folder that you can write"
            ) from error
        try:
            yield
        finally:
            lock.release()


def running(run_dir: Path | None = None, *, measure: bool = True) -> list[ServerState]:
    """The engines that were started and not stopped, dead ones included, oldest first.

    With ``measure`` their processes are weighed too, which reads a little of every process of this user.
    """
    place = Place.at(run_dir)
    return [look(record, measure=measure, place=place) for record in state.read_all(place.run)]


def ended(run_dir: Path | None = None) -> list[Life]:
    """The engines that are over without anybody having asked for it, the latest last; none that was started since."""
    place = Place.at(run_dir)
    there = {record.name for record in state.read_all(place.run)}
    found = [
        one
        for path in place.logs.glob("*.life.json")
        if path.name.removesuffix(".life.json") not in there and (one := life.read(path)) and one.ended_unasked
    ]
    return sorted(found, key=lambda one: one.since)


def stop_all(run_dir: Path | None = None) -> list[Record]:
    """End every engine of this place, also one whose state file was lost.

    Returns:
        The engines that were ended.

    Raises:
        EngineError: Some process could not be ended.
    """
    place = Place.at(run_dir)
    records = state.read_all(place.run)
    for record in records:
        stop(place, record)
    end_marked(place.marker)
    return records


def stop(place: Place, record: Record) -> None:
    """End one engine: its whole tree of processes, its socket and its state file.

    Raises:
        EngineError: Some process could not be ended; the state file is kept then.
    """
    with place.locked(record.name):
        stop_locked(place, record)


def stop_locked(place: Place, record: Record) -> None:
    """The same for a caller that holds the lock."""
    lived = life_of(place, record)
    root = processes.find(record.pid, record.created, record.marker)
    shared = lived.shared if lived else ()
    _refuse_remains(processes.end(root, record.marker, grace=GRACE_SECONDS, shared=shared))
    with suppress(OSError), Path(record.log).open("a", encoding="utf-8") as log:
        log.write(f"{STOPPED_LINE}\n")
    if lived is not None:
        with suppress(OSError):  # only for people
            life.write(place.life_file(record.name), as_asked(lived))
    forget(place, record)


def as_asked(lived: Life) -> Life:
    """The life of an engine that somebody has stopped."""
    return dataclasses.replace(
        lived, phase=Phase.STOPPED, reason=Reason.ASKED, message="the engine was stopped, as asked", hint="",
        since=time.time(), shared=(),
    )  # fmt: skip


def life_of(place: Place, record: Record) -> Life | None:
    """What the supervisor of a record wrote down; None where it has not, or another one has since."""
    found = life.read(place.life_file(record.name))
    return found if found is not None and found.marker == record.marker else None


def forget(place: Place, record: Record) -> None:
    """Remove the socket and the state file of an engine, unless another one has taken its place."""
    current = state.read(place.state_file(record.name))
    if current is not None and current.marker != record.marker:
        return
    with suppress(OSError):
        place.state_file(record.name).unlink()
    if record.uds is not None:
        with suppress(OSError):
            Path(record.uds).unlink()


def end_marked(marker: str) -> None:
    """End the processes whose marker begins so, whatever the files say.

    Raises:
        EngineError: Some process could not be ended.
    """
    _refuse_remains(processes.end(None, marker, grace=GRACE_SECONDS))


def look(record: Record, *, measure: bool = True, place: Place) -> ServerState:
    """The engine of a record as it is now; ``measure`` weighs its processes and asks for its figures too."""
    root = processes.find(record.pid, record.created, record.marker)
    lived = life_of(place, record)
    found = processes.tree(root, record.marker) if measure else ([root] if root else [])
    status = _status(record, lived, alive=root is not None)
    return ServerState(
        status=status,
        key=record.key,
        model=record.model,
        served_name=record.served_name,
        log=Path(record.log),
        endpoint=record.endpoint,
        pid=lived.pid if lived else None,
        started_at=record.started_at,
        memory_bytes=processes.memory_bytes(found) if measure else None,
        planned_bytes=record.planned_bytes,
        memory_limit_bytes=record.memory_limit_bytes,
        processes=tuple(sorted(found_one.pid for found_one in found)),
        life=lived,
        supervisor_bytes=processes.memory_bytes([root]) if measure and root else None,
        metrics=probe.metrics(record.endpoint) if measure and status is Status.READY else None,
    )


def tail(log: Path, lines: int) -> list[str]:
    """The last lines of a log; empty where there is none."""
    return tail_until(log, lines)[0]


def tail_until(log: Path, lines: int) -> tuple[list[str], int]:
    """The same, and how far into the log they reach, in bytes, for one who goes on from there."""
    found, end = _last_lines(log)
    if CONTINUED_LINE in found and len(found) <= lines:
        at = found.index(CONTINUED_LINE)
        found = found[:at] + _last_lines(log.with_name(f"{log.name}.1"))[0] + found[at + 1 :]
    return (found[-lines:] if lines > 0 else []), end


def _last_lines(log: Path) -> tuple[list[str], int]:
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace").splitlines(), file.tell()
    except OSError:
        return [], 0


def _status(record: Record, lived: Life | None, *, alive: bool) -> Status:
    if not alive:
        return Status.DEAD
    if probe.is_ready(record.endpoint):
        return Status.READY
    return Status.RESTARTING if lived is not None and lived.phase is Phase.RESTARTING else Status.STARTING


def _refuse_remains(left: Sequence[psutil.Process]) -> None:
    if left:
        pids = ", ".join(str(one.pid) for one in left)
        raise EngineError(f"processes of the engine could not be ended: {pids}", hint=f"end them by hand: {pids}")
