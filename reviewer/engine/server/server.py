"""Starts the model server once, whoever asks, and waits until it answers.

One server per configuration, detached, so that it stays warm after the command that needed it, and below a supervisor
(``supervisor.py``) that looks after it from then on. The lock is held only while a server is started (``begin.py``) or
ended, never while it loads (``waiting.py``): two commits at once start one engine and both wait for it. Whether a
recorded engine is still there is told from its supervisor's process, not from its files.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from reviewer import processes
from reviewer.engine.server import failures, life, probe, registry, state
from reviewer.engine.server.begin import begin, marker
from reviewer.engine.server.life import Life, Phase
from reviewer.engine.server.registry import Place
from reviewer.engine.server.spec import ServerSpec
from reviewer.engine.server.state import Record, ServerState, Status
from reviewer.engine.server.waiting import CancelledError, GoneError, Waiting
from reviewer.errors import EngineStartError
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
        run_dir: Keep all files there instead of in the user's own folders.
    """

    def __init__(self, spec: ServerSpec, run_dir: Path | None = None) -> None:
        self.spec = spec
        self._place = Place.at(run_dir)
        self._name = spec.name

    @property
    def log(self) -> Path:
        """Where its output goes; the output of the start before lies beside it as ``.log.1``."""
        return self._place.log_file(self._name)

    def start(
        self, progress: Progress = SILENT, wait: float | None = None, cancelled: threading.Event | None = None
    ) -> Endpoint:
        """Start the server, or join the one that runs, and wait until it answers.

        Blocks; an asynchronous caller runs it in a thread and sets ``cancelled`` to make it return.

        Args:
            progress: Hears of the steps.
            wait: Longest time to wait, in seconds; the server goes on loading after it. None waits as long as its log
                moves, and ends the server when the wait is interrupted, if this call has started it.
            cancelled: Interrupts the wait.

        Raises:
            EngineNotReadyError: ``wait`` is over, or the wait was cancelled.
            EngineStartError: It died, or its log stood still for ``ready_timeout``.
        """
        record = self._alive()
        if record is not None and probe.is_ready(record.endpoint):
            self._note_use()
            return record.endpoint
        cancelled = cancelled or threading.Event()
        try:
            return self._start_and_wait(progress, wait, cancelled)
        except GoneError:
            return self._start_and_wait(progress, wait, cancelled)

    def _start_and_wait(self, progress: Progress, wait: float | None, cancelled: threading.Event) -> Endpoint:
        before = life.read(self._place.life_file(self._name))
        record = self._alive()
        record, ours = (record, False) if record is not None else self._start_or_join()
        self._note_use()
        told = before if ours else registry.life_of(self._place, record)
        news = told is not None and (told.ended_unasked if ours else told.phase is Phase.RESTARTING)
        try:
            return Waiting(self._place, record, self.spec.ready_timeout).until_ready(
                progress, wait, cancelled, told if news else None
            )
        except (KeyboardInterrupt, CancelledError):
            if ours and wait is None:
                registry.stop(self._place, record)
            raise

    def last_end(self) -> Life | None:
        """Why the engine is gone, where nobody has asked for it; None while one is there."""
        found = life.read(self._place.life_file(self._name)) if self._alive() is None else None
        return found if found is not None and found.ended_unasked else None

    def stop(self) -> None:
        """End the whole tree of processes and remove socket and state; does nothing where none runs.

        Raises:
            EngineError: Some process could not be ended.
        """
        state.private_folder(self._place.run)
        with self._place.locked(self._name):
            self._clean()

    def restart(self, progress: Progress = SILENT, wait: float | None = None) -> Endpoint:
        """Stop it and start it again."""
        self.stop()
        return self.start(progress, wait)

    def state(self, *, measure: bool = True) -> ServerState:
        """The server as it is now; ``measure`` weighs its processes too."""
        record = self._recorded()
        if record is not None:
            return registry.look(record, measure=measure, place=self._place)
        return ServerState(
            Status.STOPPED, self.spec.key, self.spec.model, self.spec.served_name, self.log,
            planned_bytes=self.spec.planned_bytes, memory_limit_bytes=self.spec.memory_limit_bytes,
            life=life.read(self._place.life_file(self._name)),
        )  # fmt: skip

    def running_facts(self) -> Mapping[str, Any] | None:
        """The facts of the server that runs now, loading or ready; None where none does."""
        record = self._alive()
        return record.facts if record is not None else None

    def logs(self, lines: int = 50) -> list[str]:
        """The last lines of its output."""
        return registry.tail(self.log, lines)

    def _recorded(self) -> Record | None:
        return state.read(self._place.state_file(self._name))

    def _alive(self) -> Record | None:
        record = self._recorded()
        return record if record is not None and processes.find(record.pid, record.created, record.marker) else None

    def _start_or_join(self) -> tuple[Record, bool]:
        """The engine's record, and whether this call has started it."""
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
                raise EngineStartError(
                    f"the engine cannot be started: {error}", hint=failures.what_to_do(str(error))
                ) from error

    def _clean(self) -> None:
        """Remove what an earlier engine left: processes, socket, state; the lock is held."""
        record = self._recorded()
        if record is not None:
            registry.stop_locked(self._place, record)
        # Also one whose state file was lost or is not readable: its memory would be missing for the next.
        registry.end_marked(marker(self._place, self._name))
        with suppress(OSError):
            self._place.state_file(self._name).unlink()

    def _note_use(self) -> None:
        """Tell the supervisor that somebody is about to ask; it looks at the time of the state file."""
        with suppress(OSError):
            os.utime(self._place.state_file(self._name))
