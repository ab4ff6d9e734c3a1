"""What a supervisor records about its engine: the phase of its life, and why it ended.

One small JSON file beside the log. It outlives the engine, so that the next command can say why the engine is gone.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reviewer.engine.server import private_json

if TYPE_CHECKING:
    from pathlib import Path


class Phase(StrEnum):
    """What the supervisor is doing."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DEAD = "dead"


class Reason(StrEnum):
    """Why an engine was stopped or restarted, or could not be kept running."""

    ASKED = "asked"
    IDLE = "idle"
    MEMORY = "memory"  # it exceeded its own limit
    LOW_MEMORY = "low memory"  # the machine was short of memory
    DIED = "died"
    NOT_STARTED = "not started"


@dataclass(frozen=True, slots=True)
class Life:
    """One engine, as its supervisor last saw it.

    Attributes:
        marker: That of the engine's record; a different one belongs to an earlier engine.
        since: When the phase began, in seconds since the epoch.
        pid: The engine's first process; None before it has started.
        supervisor: The supervisor's process.
        reason, message, hint: Why it ended or was restarted, for messages; empty before anything happened.
        exit_status: Exit status of the first process, negative for a signal; None where it did not exit by itself.
        restarts: How often it was restarted after it died.
        reductions: How often it was restarted with less memory.
        used_at: When it last served a request, in seconds since the epoch.
        idle_timeout: In seconds; None never stops it.
        tokens_per_second: Of the latest period in which it decoded; None before the first.
        shared: Names of its segments in shared memory, to remove after it was killed.
    """

    marker: str
    model: str
    phase: Phase
    since: float
    pid: int | None = None
    supervisor: int | None = None
    reason: Reason | None = None
    message: str = ""
    hint: str = ""
    exit_status: int | None = None
    restarts: int = 0
    reductions: int = 0
    used_at: float = 0.0
    idle_timeout: float | None = None
    tokens_per_second: float | None = None
    shared: tuple[str, ...] = ()

    @property
    def ended_unasked(self) -> bool:
        """Whether it ended without a user's request."""
        return self.phase in (Phase.STOPPED, Phase.DEAD) and self.reason is not Reason.ASKED

    def idle_left(self, now: float) -> float | None:
        """Seconds until it is stopped as idle; None where that is not counted."""
        if self.idle_timeout is None or self.phase is not Phase.READY:
            return None
        return max(0.0, self.used_at + self.idle_timeout - now)


def read(path: Path) -> Life | None:
    """Read a file; None where there is none, or none that is valid and private."""
    data = private_json.read_json(path)
    names = {field.name for field in dataclasses.fields(Life)}
    if not isinstance(data, dict) or set(data) != names or not isinstance(data["shared"], list):
        return None
    numbers = all(isinstance(data[name], int | float) for name in ("since", "used_at"))
    pids = all(data[name] is None or isinstance(data[name], int) for name in ("pid", "supervisor", "exit_status"))
    if not numbers or not pids:
        return None
    with suppress(ValueError, TypeError):
        reason = None if data["reason"] is None else Reason(data["reason"])
        return Life(**data | {"phase": Phase(data["phase"]), "reason": reason, "shared": tuple(data["shared"])})
    return None


def write(path: Path, life: Life) -> None:
    """Write it atomically."""
    private_json.write_json(path, dataclasses.asdict(life))


def duration(seconds: float) -> str:
    """Format a time: ``0.3 s``, ``45 s``, ``30 min``, ``1 h 5 min``."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
