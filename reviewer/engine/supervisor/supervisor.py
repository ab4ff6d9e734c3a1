"""Supervises one engine from start to end, in a small process of its own.

It copies the engine's output into a bounded log, restarts a dead engine once, stops it when it is idle or the machine
runs low on memory, and keeps it under its memory limit: an engine that exceeds it is restarted with less as long as
that is possible, else stopped. The reason is stored for the next command.

It imports only the standard library, psutil and filelock, to stay small.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from reviewer import processes
from reviewer.engine.server import failures, life, probe, registry, state
from reviewer.engine.server.job import Job
from reviewer.engine.server.life import Life, Phase
from reviewer.engine.supervisor import endings, linux, pressure, smaller
from reviewer.engine.supervisor.activity import Activity
from reviewer.engine.supervisor.pump import Pump
from reviewer.engine.supervisor.wake import Wake
from reviewer.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.engine.supervisor.endings import Ending

_TICK = 1.0
_STARTING_TICK = 0.25
_SHARED_SECONDS = 60.0
_LOCK_TRY_SECONDS = 0.5
_LAST_LINES = 2000
_REDUCTIONS = 3  # each costs a start


class _AskedError(Exception):
    """The process was asked to end."""


class Supervisor:
    """One engine and its state."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._place = job.place
        self._argv = job.argv
        self._asked = False
        self._wake = Wake(self._on_signal)
        self._memory = pressure.TreeMemory(job.memory_limit_bytes)
        self._low = pressure.LowMemory(job.watch.low_memory_bytes, job.watch.low_memory_seconds)
        self._life = Life(
            marker=job.marker, model=job.model, phase=Phase.STARTING, since=time.time(), supervisor=os.getpid(),
            idle_timeout=job.watch.idle_timeout,
        )  # fmt: skip
        self._activity = Activity(job.endpoint, self._place.state_file(job.name), job.watch.idle_timeout)
        self._ready_at = self._shared_at = 0.0

    def run(self) -> None:
        """Supervise the engine until it ends; ``registry`` reads the files that remain."""
        try:
            if self._start(Phase.STARTING):
                while self._check():
                    pass
        except _AskedError:
            self._end_as_asked()

    def _start(self, phase: Phase) -> bool:
        """Start the engine as this process's child."""
        self._free_socket()
        # preexec_fn is safe only with one thread, and this is the only such moment: a pump ends with its engine.
        try:
            self._engine = subprocess.Popen(
                self._argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=dict(self._job.env), cwd=self._job.run, start_new_session=os.name != "nt",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                preexec_fn=linux.ends_with_parent(),  # noqa: PLW1509
            )  # fmt: skip
        except OSError as error:
            hint = failures.what_to_do(str(error)) or ""
            self._ended(Phase.DEAD, endings.not_started(error, hint))
            return False
        assert self._engine.stdout is not None  # noqa: S101 - a pipe was asked for
        self._pump = Pump(self._engine.stdout.fileno(), self._place.log_file(self._job.name), self._job.watch.log_bytes)
        self._pump.start()
        self._memory.forget()
        self._update(phase=phase, since=time.time(), pid=self._engine.pid)
        return True

    def _free_socket(self) -> None:
        """Remove the socket of an engine that was killed; vLLM does not bind to an existing one."""
        socket = self._job.endpoint.uds
        if socket is not None:
            with suppress(OSError):
                socket.unlink()

    def _check(self) -> bool:
        """Check everything once; False when the engine has ended."""
        self._pause(_STARTING_TICK if self._life.phase is not Phase.READY else min(_TICK, self._activity.every))
        status = self._engine.poll()
        linux.reap_adopted(self._engine.pid if status is None else None)
        if status is not None:
            return self._bring_back(status)
        if self._life.phase is not Phase.READY and probe.is_ready(self._job.endpoint, timeout=1.0):
            self._became_ready()
        return self._check_memory() and self._check_activity()

    def _became_ready(self) -> None:
        self._ready_at = time.monotonic()
        self._activity.begin()
        self._update(phase=Phase.READY, since=time.time(), used_at=self._activity.used_at)

    def _check_activity(self) -> bool:
        if self._life.phase is not Phase.READY or not self._activity.due:
            return True
        self._note_shared()
        if self._was_used() or not self._activity.idle:
            return True
        return self._stop(endings.idle(self._job.watch.idle_timeout or 0.0), unless_used=True)

    def _was_used(self) -> bool:
        used = self._activity.look()
        if used:
            self._update(used_at=self._activity.used_at, tokens_per_second=self._activity.tokens_per_second)
        return used

    def _note_shared(self) -> None:
        """Store the names of its shared memory segments, to remove them should everything be killed."""
        if time.monotonic() - self._shared_at < _SHARED_SECONDS:
            return
        self._shared_at = time.monotonic()
        shared = tuple(sorted(processes.shared_segments(self._memory.processes())))
        if shared != self._life.shared:
            self._update(shared=shared)

    def _check_memory(self) -> bool:
        limit, used = self._job.memory_limit_bytes, self._memory.bytes()
        if limit is not None and used > limit:
            return self._make_smaller(used, limit)
        available, total = pressure.available_and_total()
        busy = self._life.phase is not Phase.READY or self._activity.busy
        if self._low.look(time.monotonic(), available, total, busy=busy):
            return self._stop(endings.low_memory(used, available))
        return True

    def _make_smaller(self, used: int, limit: int) -> bool:
        """It exceeds its limit: restart it with less where possible, else stop it."""
        times = self._life.reductions
        less = smaller.smaller(self._argv, self._pump.concurrency, used - limit, times=times)
        if less is None or times == _REDUCTIONS:
            return self._stop(endings.over_limit(used, limit, self._job.planned_bytes))
        ending = endings.made_smaller(used, limit, smaller.described(less))
        self._log(ending)
        self._update(phase=Phase.RESTARTING, since=time.time(), reductions=times + 1, **dataclasses.asdict(ending))
        self._end_engine()
        self._pause(0)  # it may have been asked to end meanwhile
        self._update_record(less)
        self._argv = less
        return self._start(Phase.RESTARTING)

    def _update_record(self, less: tuple[str, ...]) -> None:
        """Store what the engine is from now on: clients send as many requests at once as the record has."""
        path = self._place.state_file(self._job.name)
        record = state.read(path)
        if record is None or record.marker != self._job.marker:
            return
        facts, planned = dict(record.facts), record.planned_bytes
        seqs = smaller.number(less, smaller.SEQUENCES)
        if "max_num_seqs" in facts and seqs is not None:
            facts["max_num_seqs"] = seqs
        if planned is not None:
            before, after = (smaller.number(argv, smaller.KV_BYTES) or 0 for argv in (self._argv, less))
            planned -= before - after
        with suppress(OSError):
            state.write(path, dataclasses.replace(record, facts=facts, planned_bytes=planned))

    def _bring_back(self, status: int) -> bool:
        """The engine died: restart it if it had been well and this is not the second time."""
        was_ready = self._life.phase is Phase.READY
        well = was_ready and time.monotonic() - self._ready_at >= self._job.watch.well_after
        self._update(exit_status=status)
        self._end_engine()
        log = self._place.log_file(self._job.name)
        failure = failures.explain(registry.tail(log, _LAST_LINES), status)
        again = self._life.restarts > 0 and not well
        ending = endings.died(failure, again=again)
        if again or not was_ready:
            self._ended(Phase.DEAD, ending)
            return False
        self._log(ending)
        self._update(phase=Phase.RESTARTING, since=time.time(), restarts=1 if well else self._life.restarts + 1,
                   **dataclasses.asdict(ending))  # fmt: skip
        self._wait(self._job.watch.backoff)
        return self._start(Phase.RESTARTING)

    def _stop(self, ending: Ending, *, unless_used: bool = False) -> bool:
        """End it under the lock, so that no command joins it meanwhile; False when it has ended."""
        with self._locked():
            if unless_used and self._was_used():
                return True
            self._log(ending)
            self._update(phase=Phase.STOPPING, since=time.time(), **dataclasses.asdict(ending))
            self._end_engine()
            self._ended(Phase.STOPPED, ending)
            self._forget()
        return False

    def _end_as_asked(self) -> None:
        self._update(phase=Phase.STOPPING, since=time.time())
        self._end_engine()
        self._life = registry.as_asked(self._life)
        self._update()
        # A command that asked for it holds the lock and cleans up; the sender of a mere signal does not.
        with suppress(EngineError), self._place.locked(self._job.name, timeout=0):
            self._forget()

    def _end_engine(self) -> None:
        """End the engine's processes, and wait until the log is complete."""
        root = processes.find(self._engine.pid, 0.0, self._job.marker) if self._engine.poll() is None else None
        processes.end(
            root, self._job.marker, grace=self._job.watch.grace, spare={os.getpid()}, shared=self._life.shared
        )
        self._engine.wait()
        linux.reap_adopted(None)
        self._pump.join(timeout=2)
        if self._engine.stdout is not None and not self._pump.is_alive():  # it would read whatever is opened next
            self._engine.stdout.close()

    def _ended(self, phase: Phase, ending: Ending) -> None:
        self._update(phase=phase, since=time.time(), shared=(), **dataclasses.asdict(ending))

    def _forget(self) -> None:
        record = state.read(self._place.state_file(self._job.name))
        if record is not None and record.marker == self._job.marker:
            registry.forget(self._place, record)

    def _update(self, **changes: object) -> None:
        self._life = dataclasses.replace(self._life, **changes)  # type: ignore[arg-type]
        with suppress(OSError):  # a full disk must not end the engine
            life.write(self._place.life_file(self._job.name), self._life)

    def _log(self, ending: Ending) -> None:
        """Write it to the log too."""
        with suppress(OSError):
            os.write(1, f"reviewer: {ending.message}\n".encode())

    def _on_signal(self) -> None:
        self._asked = True

    def _pause(self, seconds: float) -> None:
        """Wait for a signal, at most so long."""
        self._wake.wait(seconds)
        if self._asked:
            raise _AskedError

    def _wait(self, seconds: float) -> None:
        """Wait so long, whatever signals come."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._pause(left)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock. Its present holder may ask this process to end meanwhile."""
        with ExitStack() as held:
            while True:
                self._pause(0)
                try:
                    held.enter_context(self._place.locked(self._job.name, timeout=_LOCK_TRY_SECONDS))
                    break
                except EngineError:
                    self._pause(_LOCK_TRY_SECONDS)
            yield


def main() -> None:
    """Do the job that is read from standard input."""
    os.umask(0o077)  # for sockets and caches of the engine, which have the modes that it leaves them
    job = Job.load(sys.stdin.buffer.read())
    linux.adopt_orphans()
    Supervisor(job).run()
