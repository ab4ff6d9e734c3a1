"""The engines on this machine, found by their records: list, inspect and stop them.

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

from reviewer import files, paths, processes
from reviewer.engine.server import life, probe, state
from reviewer.engine.server.life import Life, Phase, Reason
from reviewer.engine.server.state import Record, ServerState, Status
from reviewer.errors import EngineError, EngineStartError, if_full, in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    import psutil

GRACE_SECONDS = 10.0
STOPPED_LINE = "reviewer: the engine was stopped"  # waiting clients distinguish it from a crash
CONTINUED_LINE = "reviewer: earlier lines are in the file with the suffix .log.1"
_LOCK_SECONDS = 60.0
_TAIL_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """The folders where engines keep their files.

    Attributes:
        run: Sockets, locks and records.
        logs: Logs, and what outlives an engine.
    """

    run: Path
    logs: Path

    @classmethod
    def at(cls, run_dir: Path | None = None) -> Place:
        """The user's folders, or everything under ``run_dir``."""
        if run_dir is not None:
            return cls(run_dir.absolute(), run_dir.absolute() / "logs")
        return cls(paths.run_dir(), paths.state_dir() / "engine")

    @property
    def marker(self) -> str:
        """Prefix of the markers of all engines of this place."""
        return hashlib.sha256(str(self.run).encode("utf-8", "surrogateescape")).hexdigest()[:12] + ":"

    def state_file(self, name: str) -> Path:
        """The engine's record."""
        return self.run / f"{name}.json"

    def log_file(self, name: str) -> Path:
        """The engine's output."""
        return self.logs / f"{name}.log"

    def life_file(self, name: str) -> Path:
        """The supervisor's record of the engine's life."""
        return self.logs / f"{name}.life.json"

    def timing_file(self, name: str) -> Path:
        """How long the engine took to start."""
        return self.logs / f"{name}.timing.json"

    @contextmanager
    def locked(self, name: str, *, timeout: float | None = None) -> Iterator[None]:
        """Hold an engine's lock, which is taken to start or stop it, not while it loads or runs.

        Raises:
            EngineStartError: Another process holds it for too long, or the folder cannot hold a lock.
        """
        import filelock

        seconds = _LOCK_SECONDS if timeout is None else timeout
        lock = filelock.FileLock(self.run / f"{name}.lock", timeout=seconds, mode=files.PRIVATE)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise EngineStartError(
                f"another process has been starting or stopping the engine for {seconds:.0f} s",
                hint=f"try again later; it holds {lock.lock_file}",
            ) from error
        except (OSError, NotImplementedError) as error:
            raise EngineStartError(
                f"{self.run} cannot hold a lock: {in_words(error)}",
                hint=if_full(error) or "set REVIEWER_HOME to a folder on a local disk that you can write to",
            ) from error
        try:
            yield
        finally:
            lock.release()


def running(run_dir: Path | None = None, *, measure: bool = True) -> list[ServerState]:
    """The engines that were started and not stopped, including dead ones, oldest first.

    ``measure`` also measures their memory, which looks at every process of this user.
    """
    place = Place.at(run_dir)
    return [look(record, measure=measure, place=place) for record in state.read_all(place.run)]


def ended(run_dir: Path | None = None) -> list[Life]:
    """The engines that ended without a request and were not started again, the latest last."""
    place = Place.at(run_dir)
    there = {record.name for record in state.read_all(place.run)}
    found = [
        one
        for path in place.logs.glob("*.life.json")
        if path.name.removesuffix(".life.json") not in there and (one := life.read(path)) and one.ended_unasked
    ]
    return sorted(found, key=lambda one: one.since)


def stop_all(run_dir: Path | None = None) -> list[Record]:
    """Stop every engine of this place, even without a record, and return the recorded ones.

    Raises:
        EngineError: A process could not be killed.
    """
    place = Place.at(run_dir)
    records = state.read_all(place.run)
    for record in records:
        stop(place, record)
    end_marked(place.marker)
    return records


def stop(place: Place, record: Record) -> None:
    """Stop one engine: end its whole process tree and remove its sockets and its record.

    Raises:
        EngineError: A process could not be killed; the record is kept.
    """
    with place.locked(record.name):
        stop_locked(place, record)


def stop_locked(place: Place, record: Record) -> None:
    """Like ``stop``, for a caller that holds the lock."""
    lived = life_of(place, record)
    root = processes.find(record.pid, record.created, record.marker)
    shared = lived.shared if lived else ()
    _refuse_remains(processes.end(root, record.marker, grace=GRACE_SECONDS, shared=shared))
    with suppress(OSError), Path(record.log).open("a", encoding="utf-8") as log:
        log.write(f"{STOPPED_LINE}\n")
    if lived is not None:
        with suppress(OSError):  # only informative
            life.write(place.life_file(record.name), as_asked(lived))
    forget(place, record)


def as_asked(lived: Life) -> Life:
    """The life of an engine that was stopped on request."""
    return dataclasses.replace(
        lived, phase=Phase.STOPPED, reason=Reason.ASKED, message="the engine was stopped on request", hint="",
        since=time.time(), shared=(),
    )  # fmt: skip


def life_of(place: Place, record: Record) -> Life | None:
    """What the supervisor of this record recorded; None where it has not yet, or a later engine's has since."""
    found = life.read(place.life_file(record.name))
    return found if found is not None and found.marker == record.marker else None


def forget(place: Place, record: Record) -> None:
    """Remove the record and the sockets of an engine, unless a later one has replaced it."""
    current = state.read(place.state_file(record.name))
    if current is not None and current.marker != record.marker:
        return
    with suppress(OSError):
        place.state_file(record.name).unlink()
    if record.uds is not None:
        with suppress(OSError):
            Path(record.uds).unlink()
    if record.sockets is not None:
        remove_sockets(Path(record.sockets))


def remove_sockets(folder: Path) -> None:
    """Remove the folder of an engine's internal sockets; anything else in it is kept."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_socket():
                path.unlink()
        folder.rmdir()


def end_marked(marker: str) -> None:
    """End the processes whose marker begins with ``marker``, with or without a record.

    Raises:
        EngineError: A process could not be killed.
    """
    _refuse_remains(processes.end(None, marker, grace=GRACE_SECONDS))


def look(record: Record, *, measure: bool = True, place: Place) -> ServerState:
    """The present state of a recorded engine; ``measure`` adds its memory and its metrics."""
    root = processes.find(record.pid, record.created, record.marker)
    lived = life_of(place, record)
    found = processes.tree(root, record.marker) if measure else ([root] if root else [])
    status = _status(record, lived, alive=root is not None)
    return ServerState(
        status=status, key=record.key, model=record.model, served_name=record.served_name, log=Path(record.log),
        endpoint=record.endpoint, pid=lived.pid if lived else None, started_at=record.started_at,
        memory_bytes=processes.memory_bytes(found) if measure else None,
        planned_bytes=record.planned_bytes, memory_limit_bytes=record.memory_limit_bytes,
        processes=tuple(sorted(process.pid for process in found)), life=lived,
        supervisor_bytes=processes.memory_bytes([root]) if measure and root else None,
        metrics=probe.metrics(record.endpoint) if measure and status is Status.READY else None,
        notes=_notes(record.facts),
    )  # fmt: skip


def _notes(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The notes of ``engines.Serving``; none where another version wrote the facts."""
    notes = facts.get("notes")
    return tuple(str(note) for note in notes) if isinstance(notes, list) else ()


def tail(log: Path, lines: int) -> list[str]:
    """The last lines of a log; empty without one."""
    return tail_until(log, lines)[0]


def tail_until(log: Path, lines: int) -> tuple[list[str], int]:
    """The last lines of a log, and the offset of its end in bytes, from which to continue reading."""
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
        raise EngineError(
            f"processes of the engine could not be killed: {pids}", hint=f"kill -9 {pids.replace(',', '')}"
        )
