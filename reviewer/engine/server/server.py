"""Starts the model server once, however many commands need it, and waits until it answers.

There is one server per configuration. It is detached, so it stays warm after the command that started it, and runs
below a supervisor (``supervisor.py``). The lock is held only while a server is started (``begin.py``) or stopped,
never while it loads (``waiting.py``): two commits at once start one engine, and both wait for it. An engine counts as
running while its supervisor's process does, whatever the files say.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from reviewer import processes
from reviewer.engine.server import failures, life, probe, registry, state
from reviewer.engine.server.begin import begin, marker
from reviewer.engine.server.job import ServerSpec
from reviewer.engine.server.life import Phase
from reviewer.engine.server.registry import Place
from reviewer.engine.server.state import Record, ServerState, Status
from reviewer.engine.server.waiting import EngineGoneError, WaitCancelledError, until_ready
from reviewer.errors import EngineStartError, if_full, in_words
from reviewer.terminal.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reviewer.engine.client.endpoint import Endpoint

__all__ = ["Server", "ServerSpec"]


class Server:
    """The server of one configuration.

    Args:
        spec: What to run.
        run_dir: Folder for all its files, instead of the user's own folders.
    """

    def __init__(self, spec: ServerSpec, run_dir: Path | None = None) -> None:
        self.spec = spec
        self._place = Place.at(run_dir)
        self._name = spec.name

    @property
    def log(self) -> Path:
        """The file with its output; that of the previous start is beside it as ``.log.1``."""
        return self._place.log_file(self._name)

    def start(
        self, progress: Progress = SILENT, wait: float | None = None, cancelled: threading.Event | None = None
    ) -> Endpoint:
        """Start the server, or join the one that runs, and wait until it answers.

        Blocks; an asynchronous caller runs it in a thread and sets ``cancelled`` to make it return.

        Args:
            progress: Receives the steps.
            wait: Longest time to wait, in seconds; the server continues to load afterwards. None waits as long as the
                log grows, and stops the server if the wait is interrupted and this call started it.
            cancelled: Interrupts the wait.

        Raises:
            EngineNotReadyError: ``wait`` is over, or the wait was cancelled.
            EngineStartError: It died, or its log did not grow for ``ready_timeout``.
        """
        record = self._alive()
        if record is not None and probe.is_ready(record.endpoint):
            self._note_use()
            return record.endpoint
        cancelled = cancelled or threading.Event()
        try:
            return self._start_and_wait(progress, wait, cancelled)
        except EngineGoneError:
            return self._start_and_wait(progress, wait, cancelled)

    def _start_and_wait(self, progress: Progress, wait: float | None, cancelled: threading.Event) -> Endpoint:
        before = life.read(self._place.life_file(self._name))
        record = self._alive()
        record, started = (record, False) if record is not None else self._start_or_join()
        self._note_use()
        previous = before if started else registry.life_of(self._place, record)
        if previous is not None and not (previous.ended_unasked if started else previous.phase is Phase.RESTARTING):
            previous = None
        try:
            return until_ready(
                self._place, record, progress, ready_timeout=self.spec.ready_timeout, wait=wait, cancelled=cancelled,
                previous=previous,
            )  # fmt: skip
        except (KeyboardInterrupt, WaitCancelledError):
            if started and wait is None:
                registry.stop(self._place, record)
            raise

    def stop(self) -> None:
        """End its whole process tree and remove its sockets and its record; does nothing where none runs.

        Raises:
            EngineError: A process could not be killed.
        """
        state.private_folder(self._place.run)
        with self._place.locked(self._name):
            self._clean()

    def state(self, *, measure: bool = True) -> ServerState:
        """The present state; ``measure`` adds memory and metrics."""
        record = self._recorded()
        if record is not None:
            return registry.look(record, measure=measure, place=self._place)
        return ServerState(
            Status.STOPPED, self.spec.key, self.spec.model, self.spec.served_name, self.log,
            planned_bytes=self.spec.planned_bytes, memory_limit_bytes=self.spec.memory_limit_bytes,
            life=life.read(self._place.life_file(self._name)),
        )  # fmt: skip

    def running_facts(self) -> Mapping[str, Any] | None:
        """The facts of the running server, loading or ready; None where none runs."""
        record = self._alive()
        return record.facts if record is not None else None

    def _recorded(self) -> Record | None:
        return state.read(self._place.state_file(self._name))

    def _alive(self) -> Record | None:
        record = self._recorded()
        return record if record is not None and processes.find(record.pid, record.created, record.marker) else None

    def _start_or_join(self) -> tuple[Record, bool]:
        """The engine's record, and whether this call started it."""
        state.private_folder(self._place.run)
        state.private_folder(self._place.logs)
        with self._place.locked(self._name):
            record = self._alive()
            if record is not None:
                return record, False
            self._clean()
            try:
                return begin(self.spec, self._place), True
            except OSError as error:
                hint = if_full(error) or failures.what_to_do(str(error))
                raise EngineStartError(f"the engine cannot be started: {in_words(error)}", hint=hint) from error

    def _clean(self) -> None:
        """Remove what is left of an earlier engine; the caller holds the lock."""
        record = self._recorded()
        if record is not None:
            registry.stop_locked(self._place, record)
        # Also an engine whose record was lost: it would hold the memory that the next one needs.
        registry.end_marked(marker(self._place, self._name))
        with suppress(OSError):
            self._place.state_file(self._name).unlink()

    def _note_use(self) -> None:
        """Announce a request to the supervisor, which looks at the time of the record."""
        with suppress(OSError):
            os.utime(self._place.state_file(self._name))
