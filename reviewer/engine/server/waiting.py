"""Waits until a started engine answers, follows its log meanwhile, and explains why it does not answer."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer import processes
from reviewer.engine.server import failures, private_json, probe, registry, state
from reviewer.engine.server.life import Life, Phase, Reason
from reviewer.errors import EngineNotReadyError, EngineStartError

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from reviewer.engine.client.endpoint import Endpoint
    from reviewer.engine.server.registry import Place
    from reviewer.engine.server.state import Record
    from reviewer.terminal.progress import Progress

_POLL_SECONDS = 0.2
_READ_LINES = 2000  # several processes write their tracebacks below the relevant one
_READ_BYTES = 1 << 20
_UP = "Application startup complete"  # logged by vLLM's API server
_DIED = "reviewer: the engine "  # the supervisor's lines about an earlier death begin with this
_STATUS_HINT = "reviewer engine status shows the progress"
_PREFIX = "starting the engine: "

# What vLLM 0.32 logs, in order, and what it does next.
_MILESTONES = tuple(
    (re.compile(pattern), message)
    for pattern, message in (
        (r"non-default args", "reading the model's configuration"),
        (r"Initializing a V1 LLM engine", "starting the workers"),
        (r"Starting to load model", "loading weights"),
        (r"Loading \w+ checkpoint shards:\s+(?P<percent>\d+)%", "loading weights"),
        (r"Loading weights took|Model loading took", "making the KV cache"),
        (r"Dynamo bytecode transform|Compiling a graph|torch\.compile takes", "compiling kernels"),
        (r"KV cache size", "warming up"),
        (r"Capturing CUDA graph", "capturing CUDA graphs"),
        (r"Starting vLLM (?:API )?server", "opening the endpoint"),
    )
)


class WaitCancelledError(EngineNotReadyError):
    """The caller cancelled the wait."""


class EngineGoneError(EngineStartError):
    """The joined engine had been ready and ended: it crashed in a request or was idle."""


def until_ready(
    place: Place,
    record: Record,
    progress: Progress,
    *,
    ready_timeout: float,
    wait: float | None,
    cancelled: threading.Event,
    previous: Life | None,
) -> Endpoint:
    """Wait until an engine answers.

    Args:
        place: Where its files are.
        record: The engine.
        progress: Receives the steps.
        ready_timeout: Seconds without a log line after which the engine is killed.
        wait: Longest time, in seconds; None waits as long as the log grows.
        cancelled: Interrupts the wait.
        previous: What happened to the engine before, to tell the user.

    Raises:
        EngineNotReadyError: ``wait`` is over; ``WaitCancelledError`` if the wait was cancelled.
        EngineStartError: It died, or its log stopped growing; ``EngineGoneError`` if it had been ready before.
    """
    began = time.monotonic()
    timing = place.timing_file(record.name)
    restarting = previous is not None and previous.phase is Phase.RESTARTING
    watch = LogWatch(
        Path(record.log), progress, expected=private_json.read_number(timing, "seconds"),
        started_at=previous.since if previous is not None and restarting else record.started_at,
        why=previous.message.removeprefix("the engine ") if previous else "",
    )  # fmt: skip
    while True:
        watch.look()
        if probe.is_ready(record.endpoint):
            if not restarting:
                with suppress(OSError):  # only an estimate for the next start
                    private_json.write_json(timing, {"seconds": round(watch.elapsed, 1)})
            return record.endpoint
        if processes.find(record.pid, record.created, record.marker) is None:
            raise _died(place, record)
        if watch.silence > ready_timeout:
            raise _hung(place, record, watch)
        if wait is not None and time.monotonic() - began >= wait:
            raise EngineNotReadyError(f"the engine is still loading ({watch.describe()})", hint=_STATUS_HINT)
        if cancelled.wait(_POLL_SECONDS):
            raise WaitCancelledError("the wait for the engine was cancelled", hint=_STATUS_HINT)


def _died(place: Place, record: Record) -> EngineStartError:
    log = Path(record.log)
    with place.locked(record.name):  # a process that is stopping it holds the lock until it is done
        lived = registry.life_of(place, record)
        lines = registry.tail(log, _READ_LINES)
        current = state.read(place.state_file(record.name))
        registry.end_marked(record.marker)
        registry.forget(place, record)
    replaced = current is not None and current.marker != record.marker
    asked = lived is not None and lived.reason is Reason.ASKED
    if replaced or asked or registry.STOPPED_LINE in lines[-3:]:
        return EngineStartError("the engine was stopped while it was loading", hint="reviewer engine start")
    if lived is not None and (lived.phase is Phase.STOPPED or lived.reason is Reason.NOT_STARTED):
        kind = EngineGoneError if lived.reason is Reason.IDLE else EngineStartError
        return kind(lived.message, hint=lived.hint or None)
    failure = failures.explain(lines, lived.exit_status if lived else None)
    if _was_up(lines):
        died = failure.error("the engine died after it had become ready", log)
        return EngineGoneError(died.message, hint=died.hint)
    return failure.error("the engine died while starting", log)


def _hung(place: Place, record: Record, watch: LogWatch) -> EngineStartError:
    registry.stop(place, record)
    log = Path(record.log)
    failure = failures.explain(registry.tail(log, _READ_LINES), None)
    silent = f"the engine logged nothing for {watch.silence:.0f} s ({watch.describe()}) and was killed"
    return failure.error(silent, log)


def _was_up(lines: Sequence[str]) -> bool:
    """Whether the engine became ready after its last start, so that the start is not what killed it."""
    begun = next((at for at in range(len(lines) - 1, -1, -1) if lines[at].startswith(_DIED)), -1)
    return any(_UP in line for line in lines[begun + 1 :])


class LogWatch:
    """Follows one log from its beginning: how far the engine is, and whether the log still grows.

    Args:
        expected: Seconds that the previous start took, if known.
        started_at: When the engine was started, in seconds since the epoch.
        why: What happened to the engine before, for the first step; may be empty.
    """

    def __init__(
        self, log: Path, progress: Progress, *, expected: float | None, started_at: float, why: str = ""
    ) -> None:
        self._log = log
        self._progress = progress
        self._expected = expected
        self._started_at = started_at
        self._offset = 0
        self._rest = b""
        self._moved = time.monotonic()
        self.step = "importing vLLM"
        progress.step(f"starting the engine ({why}): {self.step}" if why else _PREFIX + self.step)

    @property
    def silence(self) -> float:
        """Seconds since the log last grew, not counting time in which the machine slept."""
        return time.monotonic() - self._moved

    @property
    def elapsed(self) -> float:
        """Seconds since the engine was started."""
        return max(0.0, time.time() - self._started_at)

    @property
    def left(self) -> float | None:
        """Seconds left if this start takes as long as the previous one; None if unknown or already over."""
        if self._expected is None or self.elapsed >= self._expected:
            return None
        return self._expected - self.elapsed

    def look(self) -> None:
        """Read new lines and report progress."""
        step = self._read()
        if step is not None and step != self.step:
            self.step = step
            self._progress.step(_PREFIX + step)
        if self._expected is not None:
            self._progress.advance(round(self.elapsed), round(max(self._expected, self.elapsed)), "s")

    def describe(self) -> str:
        """The progress as part of a sentence: ``"loading weights; about 35 s left"``."""
        if self.left is not None:
            return f"{self.step}; about {self.left:.0f} s left"
        return f"{self.step}; {self.elapsed:.0f} s so far"

    def _read(self) -> str | None:
        try:
            with self._log.open("rb") as log:
                if os.fstat(log.fileno()).st_size < self._offset:  # rotated
                    self._offset = 0
                log.seek(self._offset)
                data = log.read(_READ_BYTES)
        except OSError:
            return None
        if not data:
            return None
        self._offset += len(data)
        self._moved = time.monotonic()
        # A progress bar rewrites its line with carriage returns.
        *lines, self._rest = re.split(rb"[\r\n]", self._rest + data)
        found = [step for line in lines if (step := _milestone(line.decode("utf-8", "replace"))) is not None]
        return found[-1] if found else None


def _milestone(line: str) -> str | None:
    for pattern, message in _MILESTONES:
        match = pattern.search(line)
        if match is not None:
            percent = match.groupdict().get("percent")
            return f"{message} ({percent}%)" if percent else message
    return None
