"""Looks after one engine from its start to its end, in a small process of its own.

It carries the engine's output into a bounded log, brings a dead engine back once, stops it when it has had nothing to
do for a while or when the machine's memory runs low, and keeps it under its memory limit: an engine that crosses it is
restarted smaller as long as that is possible, else stopped. Why it did so is written down for the next command.

It is started with nothing but the standard library, psutil and filelock, and must stay that light.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from reviewer import processes
from reviewer.engine.server import failures, life, probe, registry, state
from reviewer.engine.server.job import Job
from reviewer.engine.server.life import Life, Phase
from reviewer.engine.supervisor import endings, linux, pressure, smaller
from reviewer.engine.supervisor.pump import Pump
from reviewer.engine.supervisor.use import Use
from reviewer.engine.supervisor.wake import Wake
from reviewer.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.engine.supervisor.endings import Ending

_TICK = 1.0
_STARTING_TICK = 0.25
_SHARED_SECONDS = 60.0  # between two looks at its shared memory
_LOCK_TRY_SECONDS = 0.5
_LAST_LINES = 2000
_REDUCTIONS = 3  # each costs a start


class _AskedError(Exception):
    """Somebody wants the engine to end."""


class Supervisor:
    """One engine and what is known of it."""

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
        self._use = Use(job.endpoint, self._place.state_file(job.name), job.watch.idle_timeout)
        self._ready_at = self._shared_at = 0.0

    def run(self) -> None:
        """Look after the engine until it is over; what remains is what ``registry`` reads."""
        try:
            if self._start(Phase.STARTING):
                while self._look():
                    pass
        except _AskedError:
            self._end_as_asked()

    def _start(self, phase: Phase) -> bool:
        """Start the engine as this process's child."""
        self._free_socket()
        # The only moment with one thread: a pump ends with its engine. What runs between fork and exec stays safe.
        try:
            self._engine = subprocess.Popen(
                self._argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=dict(self._job.env), cwd=self._job.run, start_new_session=os.name != "nt",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                preexec_fn=linux.ends_with_parent(),  # noqa: PLW1509
            )  # fmt: skip
        except OSError as error:
            hint = failures.what_to_do(str(error)) or ""
            self._over(Phase.DEAD, endings.not_started(error, hint))
            return False
        assert self._engine.stdout is not None  # noqa: S101 - a pipe was asked for
        self._pump = Pump(self._engine.stdout.fileno(), self._place.log_file(self._job.name), self._job.watch.log_bytes)
        self._pump.start()
        self._memory.forget()
        self._tell(phase=phase, since=time.time(), pid=self._engine.pid)
        return True

    def _free_socket(self) -> None:
        """Remove the socket of an engine that was killed; vLLM does not bind to one that is there."""
        socket = self._job.endpoint.uds
        if socket is not None:
            with suppress(OSError):
                socket.unlink()

    def _look(self) -> bool:
        """One look at everything; False when it is over."""
        self._pause(_STARTING_TICK if self._life.phase is not Phase.READY else min(_TICK, self._use.every))
        status = self._engine.poll()
        linux.reap_adopted(self._engine.pid if status is None else None)
        if status is not None:
            return self._bring_back(status)
        if self._life.phase is not Phase.READY and probe.is_ready(self._job.endpoint, timeout=1.0):
            self._became_ready()
        return self._look_at_memory() and self._look_at_work()

    def _became_ready(self) -> None:
        self._ready_at = time.monotonic()
        self._use.begin()
        self._tell(phase=Phase.READY, since=time.time(), used_at=self._use.used_at)

    def _look_at_work(self) -> bool:
        if self._life.phase is not Phase.READY or not self._use.due:
            return True
        self._note_shared()
        if self._was_used() or not self._use.idle:
            return True
        return self._stop(endings.idle(self._job.watch.idle_timeout or 0.0), unless_used=True)

    def _was_used(self) -> bool:
        used = self._use.look()
        if used:
            self._tell(used_at=self._use.used_at, tokens_per_second=self._use.tokens_per_second)
        return used

    def _note_shared(self) -> None:
        """Write down its segments in shared memory, for the case that all of it is killed."""
        if time.monotonic() - self._shared_at < _SHARED_SECONDS:
            return
        self._shared_at = time.monotonic()
        shared = tuple(sorted(processes.shared_segments(self._memory.processes())))
        if shared != self._life.shared:
            self._tell(shared=shared)

    def _look_at_memory(self) -> bool:
        limit, taken = self._job.memory_limit_bytes, self._memory.bytes()
        if limit is not None and taken > limit:
            return self._make_smaller(taken, limit)
        available, total = pressure.available_and_total()
        busy = self._life.phase is not Phase.READY or self._use.at_work
        if self._low.look(time.monotonic(), available, total, busy=busy):
            return self._stop(endings.low_memory(taken, available))
        return True

    def _make_smaller(self, taken: int, limit: int) -> bool:
        """It takes too much: start it again with less where there is less to be had, else stop it."""
        times = self._life.reductions
        less = smaller.smaller(self._argv, self._pump.concurrency, taken - limit, times=times)
        if less is None or times == _REDUCTIONS:
            return self._stop(endings.over_limit(taken, limit, self._job.planned_bytes))
        ending = endings.made_smaller(taken, limit, smaller.described(less))
        self._note(ending)
        self._tell(phase=Phase.RESTARTING, since=time.time(), reductions=times + 1, **ending.as_dict())
        self._end_engine()
        self._pause(0)  # who wanted it to end meanwhile is heard
        self._write_down(less)
        self._argv = less
        return self._start(Phase.RESTARTING)

    def _write_down(self, less: tuple[str, ...]) -> None:
        """Let the record say what the engine is from now on: clients send as much at once as it tells."""
        path = self._place.state_file(self._job.name)
        record = state.read(path)
        if record is None or record.marker != self._job.marker:
            return
        facts, planned = dict(record.facts), record.planned_bytes
        seqs = smaller.sequences(less)
        if "max_num_seqs" in facts and seqs is not None:
            facts["max_num_seqs"] = seqs
        if planned is not None:
            planned -= smaller.saved(self._argv, less)
        with suppress(OSError):
            state.write(path, dataclasses.replace(record, facts=facts, planned_bytes=planned))

    def _bring_back(self, status: int) -> bool:
        """The engine died: start it again where it had been well and this is not the second time."""
        was_ready = self._life.phase is Phase.READY
        well = was_ready and time.monotonic() - self._ready_at >= self._job.watch.well_after
        self._tell(exit_status=status)
        self._end_engine()
        log = self._place.log_file(self._job.name)
        failure = failures.explain(registry.tail(log, _LAST_LINES), status)
        again = self._life.restarts > 0 and not well
        ending = endings.died(failure, again=again)
        if again or not was_ready:
            self._over(Phase.DEAD, ending)
            return False
        self._note(ending)
        self._tell(phase=Phase.RESTARTING, since=time.time(), restarts=1 if well else self._life.restarts + 1,
                   **ending.as_dict())  # fmt: skip
        self._wait(self._job.watch.backoff)
        return self._start(Phase.RESTARTING)

    def _stop(self, ending: Ending, *, unless_used: bool = False) -> bool:
        """End it for a reason of ours, under the lock, so that nobody joins it meanwhile; False when it is over."""
        with self._locked():
            if unless_used and self._was_used():
                return True
            self._note(ending)
            self._tell(phase=Phase.STOPPING, since=time.time(), **ending.as_dict())
            self._end_engine()
            self._over(Phase.STOPPED, ending)
            self._forget()
        return False

    def _end_as_asked(self) -> None:
        self._tell(phase=Phase.STOPPING, since=time.time())
        self._end_engine()
        self._life = registry.as_asked(self._life)
        self._tell()
        # Who has asked through us holds the lock, and cleans up; who has sent a signal does not.
        with suppress(EngineError), self._place.locked(self._job.name, timeout=0):
            self._forget()

    def _end_engine(self) -> None:
        """End whatever there is of the engine, and let the log have its last words."""
        root = processes.find(self._engine.pid, 0.0, self._job.marker) if self._engine.poll() is None else None
        processes.end(
            root, self._job.marker, grace=self._job.watch.grace, spare={os.getpid()}, shared=self._life.shared
        )
        self._engine.wait()
        linux.reap_adopted(None)
        self._pump.join(timeout=2)
        if self._engine.stdout is not None and not self._pump.is_alive():  # it would read whatever is opened next
            self._engine.stdout.close()

    def _over(self, phase: Phase, ending: Ending) -> None:
        self._tell(phase=phase, since=time.time(), shared=(), **ending.as_dict())

    def _forget(self) -> None:
        record = state.read(self._place.state_file(self._job.name))
        if record is not None and record.marker == self._job.marker:
            registry.forget(self._place, record)

    def _tell(self, **changes: object) -> None:
        self._life = dataclasses.replace(self._life, **changes)  # type: ignore[arg-type]
        with suppress(OSError):  # a full disk is no reason to let go of the engine
            life.write(self._place.life_file(self._job.name), self._life)

    def _note(self, ending: Ending) -> None:
        """Say it in the log too, whose reader wonders."""
        with suppress(OSError):
            os.write(1, f"reviewer: {ending.message}\n".encode())

    def _on_signal(self) -> None:
        self._asked = True

    def _pause(self, seconds: float) -> None:
        """Wait until something happens, at most so long."""
        self._wake.wait(seconds)
        if self._asked:
            raise _AskedError

    def _wait(self, seconds: float) -> None:
        """Wait so long, whatever happens."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._pause(left)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock; who holds it now may want us to end, which is heard."""
        while True:
            self._pause(0)
            lock = self._place.locked(self._job.name, timeout=_LOCK_TRY_SECONDS)
            try:
                lock.__enter__()
                break
            except EngineError:
                self._pause(_LOCK_TRY_SECONDS)
        try:
            yield
        finally:
            lock.__exit__(None, None, None)


def main() -> None:
    """Do the job that stands on standard input."""
    job = Job.load(sys.stdin.buffer.read())
    linux.adopt_orphans()
    Supervisor(job).run()
