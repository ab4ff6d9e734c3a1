"""What a model server is made of: its command, its environment, and what tells it from others."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reviewer.engine.server.job import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """What to run.

    Attributes:
        argv: The server's command without the flags of the endpoint.
        env: Variables on top of the environment.
        model: The model's name, for people.
        served_name: Its name in requests.
        key: Identity of everything that matters; servers with the same key are the same server.
        memory_limit_bytes, planned_bytes: From the plan, kept for status.
        facts: Whatever else a later command must know of the running server; plain JSON values.
        ready_timeout: Seconds of silence in the log after which a starting server is given up.
        watch: How closely it is watched while it runs.
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
        """The ceiling of its processes; None where the limit is the share of a GPU, which vLLM keeps itself."""
        return None if "--gpu-memory-utilization" in self.argv else self.memory_limit_bytes

    @property
    def name(self) -> str:
        """Short name of this configuration, for files."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.model.rsplit("/", 1)[-1].lower()).strip("-")[:32]
        return f"{slug or 'model'}-{hashlib.sha256(self.key.encode()).hexdigest()[:8]}"
