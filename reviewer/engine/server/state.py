"""What is written down about a running engine, so that any later process finds it: one small JSON file for each.

A file may be cut, old or from another version: what cannot be read is as good as absent. It holds the key of an engine
that listens on TCP, so it is for its owner only.
"""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reviewer.engine.client.endpoint import Endpoint
from reviewer.errors import EngineStartError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.engine.server.life import Life


class Status(StrEnum):
    """Where an engine is in its life."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    DEAD = "dead"  # it was started and not stopped, and is not there any more


@dataclass(frozen=True, slots=True)
class Record:
    """One engine that was started.

    Attributes:
        name: Short name of its configuration; files of the engine are called so.
        marker: Value of the variable that its processes inherit.
        pid: The supervisor's process, which is there as long as the engine is looked after.
        created: Its creation time, in seconds since the epoch, against reused process ids.
        started_at: When it was started, in seconds since the epoch.
        facts: How it serves the model; ``ServerSpec.facts`` as they were given.
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
    """An engine as it is now.

    Attributes:
        started_at: In seconds since the epoch.
        memory_bytes: Measured over its whole tree of processes; None where it was not measured.
        planned_bytes: What the plan foretold.
        processes: Their ids, the supervisor's among them.
        pid: The engine's own first process; it changes when the engine is brought back.
        life: What the supervisor wrote down; None where there was none.
        supervisor_bytes: The supervisor's own memory, a part of ``memory_bytes``.
        metrics: What the engine counts, by vLLM's names; None where it was not asked or does not answer.
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


def read(path: Path) -> Record | None:
    """The record in a file; None where there is none that makes sense."""
    data = read_json(path)
    names = {field.name for field in dataclasses.fields(Record)}
    if not isinstance(data, dict) or set(data) != names:
        return None
    texts = ("name", "key", "marker", "model", "served_name", "url", "log")
    numbers = ("pid", "created", "started_at")
    if not all(isinstance(data[name], str) and data[name] for name in texts):
        return None
    if not all(isinstance(data[name], (int, float)) for name in numbers) or data["pid"] < 1:
        return None
    return Record(**data) if isinstance(data["facts"], dict) else None


def read_all(folder: Path) -> list[Record]:
    """Every record of a folder, oldest engine first."""
    found = [record for path in sorted(folder.glob("*.json")) if (record := read(path)) is not None]
    return sorted(found, key=lambda record: record.started_at)


def write(path: Path, record: Record) -> None:
    """Store a record, all or nothing, readable by its owner only."""
    write_json(path, dataclasses.asdict(record))


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Store an object, all or nothing, readable by its owner only."""
    descriptor, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(data, file)
        os.replace(aside, path)  # noqa: PTH105 - the same call either way
    except BaseException:
        with suppress(OSError):
            os.unlink(aside)  # noqa: PTH108
        raise


def read_number(path: Path, name: str) -> float | None:
    """One positive number from a file of ``write_json``; None where it cannot be had."""
    data = read_json(path)
    value = data.get(name) if isinstance(data, dict) else None
    return float(value) if isinstance(value, (int, float)) and value > 0 else None


def private_folder(folder: Path) -> Path:
    """Make a folder that only its owner can enter.

    Raises:
        EngineStartError: It belongs to somebody else, or cannot be made. Whoever owns the folder of a socket can
            stand in for the engine and read the change.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name != "nt":
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
                raise EngineStartError(
                    f"{folder} belongs to somebody else", hint="set REVIEWER_HOME to your own folder"
                )
            if stat.S_IMODE(status.st_mode) != 0o700:  # noqa: PLR2004 - rwx for the owner
                folder.chmod(0o700)
    except OSError as error:
        raise EngineStartError(
            f"cannot make the folder {folder}: {error.strerror}", hint="set REVIEWER_HOME to a folder you can write"
        ) from error
    return folder


def read_json(path: Path) -> object:
    """Whatever a file holds; None where it cannot be read."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
