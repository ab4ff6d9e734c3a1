"""What the supervisor writes down about its engine: where it is in its life, and why it ended.

One small JSON file beside the log. It outlives the engine, so that the next command can say why the engine is gone.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reviewer.engine.server import state

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
    """Why an engine was ended, restarted or given up."""

    ASKED = "asked"
    IDLE = "idle"
    MEMORY = "memory"  # it crossed its own limit
    LOW_MEMORY = "low memory"  # the machine's was short
    DIED = "died"
    NOT_STARTED = "not started"


@dataclass(frozen=True, slots=True)
class Life:
    """The life of one engine, as its supervisor saw it last.

    Attributes:
        marker: That of the engine's record; another one tells of an earlier engine.
        since: When the phase began, in seconds since the epoch.
        pid: The engine's first process; None before there is one.
        supervisor: The supervisor's process.
        reason, message, hint: Why it ended or was restarted, for people; empty before anything happened.
        exit_status: How the first process ended, negative for a signal; None where it did not end by itself.
        restarts: How often it was brought back after it died.
        reductions: How often it was restarted smaller.
        used_at: When it last had something to do, in seconds since the epoch.
        idle_timeout: In seconds; None never stops it.
        tokens_per_second: Of the latest time in which it decoded; None before the first.
        shared: Names of its segments in shared memory, for one who cleans up after it was killed.
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
        """Whether it is over without anybody having said so, and a person may wonder."""
        return self.phase in (Phase.STOPPED, Phase.DEAD) and self.reason is not Reason.ASKED

    def idle_left(self, now: float) -> float | None:
        """Seconds until it is stopped for having nothing to do; None where it is not counted."""
        if self.idle_timeout is None or self.phase is not Phase.READY:
            return None
        return max(0.0, self.used_at + self.idle_timeout - now)


def read(path: Path) -> Life | None:
    """What a file tells; None where there is none that makes sense."""
    data = state.read_json(path)
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
    """Store it, all or nothing."""
    state.write_json(path, dataclasses.asdict(life))


def duration(seconds: float) -> str:
    """A time for people: ``45 s``, ``30 min``, ``1 h 5 min``."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
