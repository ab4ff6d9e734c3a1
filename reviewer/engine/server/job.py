"""What a supervisor is told to do: one value, given to it as JSON on its standard input.

Neither on its command line, which everybody can read, nor in its environment: the engine's variables preload libraries
that would make the supervisor many times as large.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer.engine.client.endpoint import Endpoint
from reviewer.engine.server.registry import Place

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How closely an engine is watched.

    Attributes:
        idle_timeout: Seconds without a request after which it is stopped; None never stops it.
        low_memory_bytes: It is stopped when the machine has less memory left; None takes 5% of the machine's, at least
            1 GB, and 0 does not watch.
        low_memory_seconds: For so long it must have been so.
        backoff: Seconds before a dead engine is brought back.
        well_after: Seconds after which an engine that was brought back has earned another try.
        log_bytes: Size at which the log is put aside; two files are kept.
        grace: Seconds that the processes have to end by themselves.
    """

    idle_timeout: float | None = 1800.0
    low_memory_bytes: int | None = None
    low_memory_seconds: float = 5.0
    backoff: float = 2.0
    well_after: float = 600.0
    log_bytes: int = 5_000_000
    grace: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One engine to start and look after.

    Attributes:
        name, marker: Those of its record.
        run, logs: The folders of its place.
        argv, env: Its whole command and environment.
        memory_limit_bytes: Ceiling for its tree of processes; None where the limit is a GPU's share.
        planned_bytes: What the plan foretold, for messages.
    """

    name: str
    marker: str
    run: str
    logs: str
    model: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    url: str
    uds: str | None
    api_key: str | None = field(repr=False)
    memory_limit_bytes: int | None
    planned_bytes: int | None
    watch: Watch

    @property
    def place(self) -> Place:
        """Where its files lie."""
        return Place(Path(self.run), Path(self.logs))

    @property
    def endpoint(self) -> Endpoint:
        """Where the engine answers."""
        return Endpoint(self.url, uds=Path(self.uds) if self.uds else None, api_key=self.api_key)

    def dump(self) -> bytes:
        """As JSON."""
        return json.dumps(dataclasses.asdict(self)).encode()

    @classmethod
    def load(cls, data: bytes) -> Job:
        """Back from JSON."""
        values = json.loads(data)
        return cls(**values | {"argv": tuple(values["argv"]), "watch": Watch(**values["watch"])})
