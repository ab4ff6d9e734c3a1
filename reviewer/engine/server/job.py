"""What to run as a model server, and what its supervisor does with it.

The supervisor reads its job as JSON from standard input: a command line is public, and the engine's environment
preloads libraries that would make the supervisor many times as large.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reviewer.engine.client.endpoint import Endpoint
from reviewer.engine.server.registry import Place

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How the supervisor watches an engine.

    Attributes:
        idle_timeout: Seconds without a request after which the engine is stopped; None never stops it.
        low_memory_bytes: The engine is stopped when the machine has less memory left than this; None means 5% of the
            machine's memory and at least 1 GB, 0 disables the check.
        low_memory_seconds: How long memory must stay low before the engine is stopped.
        backoff: Seconds before a dead engine is restarted.
        well_after: Seconds after which a restarted engine may be restarted once more.
        log_bytes: Size at which the log is rotated; two files are kept.
        grace: Seconds that the processes have to exit before they are killed.
    """

    idle_timeout: float | None = 1800.0
    low_memory_bytes: int | None = None
    low_memory_seconds: float = 5.0
    backoff: float = 2.0
    well_after: float = 600.0
    log_bytes: int = 5_000_000
    grace: float = 10.0


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """A model server.

    Attributes:
        argv: Its command without the flags of the endpoint.
        env: Variables on top of the environment.
        model: The model's name, for messages.
        served_name: Its name in requests.
        key: Identifies the configuration; servers with the same key are the same server.
        memory_limit_bytes, planned_bytes: From the plan, kept for status.
        facts: What else a later command must know of the running server; plain JSON values.
        ready_timeout: Seconds without a log line after which a starting server is killed.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    model: str
    served_name: str
    key: str
    memory_limit_bytes: int | None = None
    planned_bytes: int | None = None
    ready_timeout: float = 300.0
    facts: Mapping[str, Any] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)

    @property
    def host_limit_bytes(self) -> int | None:
        """Limit of its processes' memory; None where the limit is a share of the GPU, which vLLM enforces itself."""
        return None if "--gpu-memory-utilization" in self.argv else self.memory_limit_bytes

    @property
    def name(self) -> str:
        """Short name of this configuration, used for its files."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.model.rsplit("/", 1)[-1].lower()).strip("-")[:32]
        return f"{slug or 'model'}-{hashlib.sha256(self.key.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One engine to start and supervise.

    Attributes:
        name, marker: Those of its record.
        run, logs: The folders of its place.
        argv, env: Its whole command and environment.
        memory_limit_bytes: Limit for its tree of processes; None where the limit is a share of the GPU.
        planned_bytes: The plan's prediction, for messages.
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
        """Where its files are."""
        return Place(Path(self.run), Path(self.logs))

    @property
    def endpoint(self) -> Endpoint:
        """Where the engine answers."""
        return Endpoint(self.url, uds=Path(self.uds) if self.uds else None, api_key=self.api_key)

    def dump(self) -> bytes:
        """Encode as JSON."""
        return json.dumps(dataclasses.asdict(self)).encode()

    @classmethod
    def load(cls, data: bytes) -> Job:
        """Decode from JSON."""
        values = json.loads(data)
        return cls(**values | {"argv": tuple(values["argv"]), "watch": Watch(**values["watch"])})
