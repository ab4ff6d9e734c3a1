"""Waits until an engine that was started answers, and tells why one does not."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer import processes
from reviewer.engine.server import failures, probe, registry, state
from reviewer.engine.server.life import Life, Phase, Reason
from reviewer.engine.server.startup import LogWatch
from reviewer.errors import EngineNotReadyError, EngineStartError

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from reviewer.engine.client.endpoint import Endpoint
    from reviewer.engine.server.registry import Place
    from reviewer.engine.server.state import Record
    from reviewer.terminal.progress import Progress

_POLL_SECONDS = 0.2
_READ_LINES = 2000  # several processes write their tracebacks below the one that counts
# The API server's own line, and what the supervisor's begin with that tells of a death before.
_UP = "Application startup complete"
_TOLD = "reviewer: the engine "
_STATUS_HINT = "reviewer engine status shows how far it is"


class CancelledError(EngineNotReadyError):
    """The caller does not want to wait any more."""


class GoneError(EngineStartError):
    """The engine that was joined was up, and was just ending: of a request, or for having nothing to do."""


class Waiting:
    """The wait for one engine.

    Args:
        place: Where its files lie.
        record: The engine.
        ready_timeout: Seconds of silence in the log after which it is given up and ended.
    """

    def __init__(self, place: Place, record: Record, ready_timeout: float) -> None:
        self._place = place
        self._record = record
        self._ready_timeout = ready_timeout

    def until_ready(
        self, progress: Progress, wait: float | None, cancelled: threading.Event, told: Life | None
    ) -> Endpoint:
        """Wait until it answers.

        Args:
            progress: Hears of the steps.
            wait: Longest time, in seconds; None waits as long as its log moves.
            cancelled: Interrupts the wait.
            told: What happened to the engine before, for the user to know.

        Raises:
            EngineNotReadyError: ``wait`` is over; ``CancelledError`` where the wait was cancelled.
            EngineStartError: It died, or its log stood still; ``GoneError`` where it had been up and was ending.
        """
        record, began = self._record, time.monotonic()
        expected = state.read_number(self._place.timing_file(self._record.name), "seconds")
        again = told is not None and told.phase is Phase.RESTARTING
        watch = LogWatch(
            Path(record.log), progress, expected=expected,
            started_at=told.since if told is not None and again else record.started_at,
            why=told.message.removeprefix("the engine ") if told else "",
        )  # fmt: skip
        while True:
            watch.look()
            if probe.is_ready(record.endpoint):
                if not again:
                    self._note_timing(watch)
                return record.endpoint
            if processes.find(record.pid, record.created, record.marker) is None:
                raise self._died()
            if watch.silence > self._ready_timeout:
                raise self._hung(watch)
            if wait is not None and time.monotonic() - began >= wait:
                raise EngineNotReadyError(f"the engine is still loading ({watch.describe()})", hint=_STATUS_HINT)
            if cancelled.wait(_POLL_SECONDS):
                raise CancelledError("the wait for the engine was cancelled", hint=_STATUS_HINT)

    def _note_timing(self, watch: LogWatch) -> None:
        with suppress(OSError):  # only an estimate for the next time
            state.write_json(self._place.timing_file(self._record.name), {"seconds": round(watch.elapsed, 1)})

    def _died(self) -> EngineStartError:
        record = self._record
        with self._place.locked(record.name):  # whoever is ending it is done then
            lived = registry.life_of(self._place, record)
            lines = registry.tail(Path(record.log), _READ_LINES)
            current = state.read(self._place.state_file(record.name))
            replaced = current is not None and current.marker != record.marker
            registry.end_marked(record.marker)
            registry.forget(self._place, record)
        asked = lived is not None and lived.reason is Reason.ASKED
        if replaced or asked or registry.STOPPED_LINE in lines[-3:]:
            return EngineStartError("the engine was stopped while it was loading", hint="reviewer engine start")
        if lived is not None and (lived.phase is Phase.STOPPED or lived.reason is Reason.NOT_STARTED):
            gone = GoneError if lived.reason is Reason.IDLE else EngineStartError
            return gone(lived.message, hint=lived.hint or None)
        failure = failures.explain(lines, lived.exit_status if lived else None)
        if _was_up(lines):
            died = failure.error("the engine died when it was up already", Path(record.log))
            return GoneError(died.message, hint=died.hint)
        return failure.error("the engine died while starting", Path(record.log))

    def _hung(self, watch: LogWatch) -> EngineStartError:
        registry.stop(self._place, self._record)
        log = Path(self._record.log)
        failure = failures.explain(registry.tail(log, _READ_LINES), None)
        silent = f"the engine said nothing for {watch.silence:.0f} s while {watch.describe()}, and was ended"
        return failure.error(silent, log)


def _was_up(lines: Sequence[str]) -> bool:
    """Whether the engine answered, the last time that it was started: then it did not die of its start."""
    begun = next((at for at in range(len(lines) - 1, -1, -1) if lines[at].startswith(_TOLD)), -1)
    return any(_UP in line for line in lines[begun + 1 :])
