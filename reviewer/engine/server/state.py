"""The record of each running engine, by which any later process finds it: one small JSON file per engine.

A file may be truncated, stale or from another version; what cannot be read counts as absent, and so does what another
user could have written. Records hold the API key of an engine that listens on TCP, so only their owner can read them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reviewer import files
from reviewer.engine.client.endpoint import Endpoint
from reviewer.engine.server import private_json
from reviewer.errors import EngineStartError, if_full

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.engine.server.life import Life


class Status(StrEnum):
    """What an engine is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    DEAD = "dead"  # started and never stopped, but gone


@dataclass(frozen=True, slots=True)
class Record:
    """One engine that was started.

    Attributes:
        name: Short name of its configuration, used for its files.
        marker: Value of the environment variable that all its processes inherit.
        pid: The supervisor's process, which runs as long as the engine is supervised.
        created: Its creation time, in seconds since the epoch, to detect a reused process id.
        started_at: When it was started, in seconds since the epoch.
        uds: The Unix socket that it listens on.
        sockets: The folder of vLLM's internal sockets.
        facts: ``ServerSpec.facts``.
    """

    name: str
    key: str
    marker: str
    pid: int
    created: float
    started_at: float
    model: str
    served_name: str
    url: str
    uds: str | None
    sockets: str | None
    api_key: str | None
    log: str
    planned_bytes: int | None
    memory_limit_bytes: int | None
    facts: dict[str, Any]

    @property
    def endpoint(self) -> Endpoint:
        """Where it answers."""
        uds = Path(self.uds) if self.uds else None
        return Endpoint(self.url, uds=uds, api_key=self.api_key, served_name=self.served_name)


@dataclass(frozen=True, slots=True)
class ServerState:
    """The present state of an engine.

    Attributes:
        started_at: In seconds since the epoch.
        memory_bytes: Measured over its whole process tree; None where it was not measured.
        planned_bytes: The plan's prediction.
        processes: Process ids, including the supervisor's.
        pid: The engine's own first process; it changes when the engine is restarted.
        life: What the supervisor recorded, if anything.
        supervisor_bytes: The supervisor's own memory, part of ``memory_bytes``.
        metrics: vLLM's metrics by name; None where the engine was not asked or did not answer.
        notes: What was requested of the engine and is not possible, one line each.
    """

    status: Status
    key: str
    model: str
    served_name: str
    log: Path
    endpoint: Endpoint | None = None
    pid: int | None = None
    started_at: float | None = None
    memory_bytes: int | None = None
    planned_bytes: int | None = None
    memory_limit_bytes: int | None = None
    processes: tuple[int, ...] = ()
    life: Life | None = None
    supervisor_bytes: int | None = None
    metrics: Mapping[str, float] | None = None
    notes: tuple[str, ...] = ()


def read(path: Path) -> Record | None:
    """Read a record; None where there is none, or none that is valid and private."""
    data = private_json.read_json(path)
    names = {field.name for field in dataclasses.fields(Record)}
    if not isinstance(data, dict) or set(data) != names:
        return None
    texts = ("name", "key", "marker", "model", "served_name", "url", "log")
    numbers = ("pid", "created", "started_at")
    if not all(isinstance(data[name], str) and data[name] for name in texts):
        return None
    if not all(data[name] is None or isinstance(data[name], str) for name in ("uds", "sockets", "api_key")):
        return None
    if not all(isinstance(data[name], (int, float)) for name in numbers) or data["pid"] < 1:
        return None
    return Record(**data) if isinstance(data["facts"], dict) else None


def read_all(folder: Path) -> list[Record]:
    """Every record in a folder, oldest engine first."""
    found = [record for path in sorted(folder.glob("*.json")) if (record := read(path)) is not None]
    return sorted(found, key=lambda record: record.started_at)


def write(path: Path, record: Record) -> None:
    """Write a record atomically, readable by its owner only."""
    private_json.write_json(path, dataclasses.asdict(record))


def private_folder(folder: Path) -> None:
    """Make a folder that only its owner can enter.

    Raises:
        EngineStartError: It cannot be made or used. Whoever controls the folder of a socket can impersonate the engine
            and read the change.
    """
    try:
        files.make_private(folder)
    except OSError as error:
        raise EngineStartError(
            f"cannot use the folder {folder}: {error.strerror}",
            hint=if_full(error)
            or "let nobody else write to it and to the folder above, or set REVIEWER_HOME to another folder",
        ) from error
