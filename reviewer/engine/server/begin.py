"""Starts an engine's supervisor, detached and with an environment that is clean, and writes down that it runs."""

from __future__ import annotations

import os
import secrets
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil

from reviewer import processes
from reviewer.engine.client.endpoint import API_KEY_VARIABLE
from reviewer.engine.server import listen, registry, state
from reviewer.engine.server.job import Job
from reviewer.engine.server.state import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.engine.server.listen import Address
    from reviewer.engine.server.registry import Place
    from reviewer.engine.server.spec import ServerSpec

_HANDSHAKE_SECONDS = 20.0  # the supervisor needs a tenth of one

# The engine outlives the commit: the hook's view of git and the caller's Python must not leak into it, and its folder
# is never the repository, whose modules Python would import in place of vLLM's own. Without bytecode each of its
# processes compiles all of vLLM's sources anew.
_DROPPED = (
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__",
    API_KEY_VARIABLE,
)  # fmt: skip
_DROPPED_PREFIXES = ("GIT_", "PRE_COMMIT")


def marker(place: Place, name: str) -> str:
    """What the markers of all engines of one name begin with."""
    return f"{place.marker}{name}:"


def begin(spec: ServerSpec, place: Place) -> Record:
    """Start the supervisor, which starts the engine, and write down that it runs; the lock is held.

    Raises:
        OSError: It cannot be started.
    """
    job = _job(spec, place, listen.choose(place.run, spec.name))
    env = _environment({processes.MARKER: job.marker})
    started_at = time.time()
    with _fresh(place.log_file(spec.name)) as output:
        root = processes.start_detached(_supervisor(), env=env, cwd=place.run, output=output, given=job.dump())
    record = Record(
        name=spec.name, key=spec.key, marker=job.marker, pid=root.pid, created=processes.created(root),
        started_at=started_at, model=spec.model, served_name=spec.served_name,
        url=job.url, uds=job.uds, api_key=job.api_key, log=str(place.log_file(spec.name)),
        planned_bytes=spec.planned_bytes, memory_limit_bytes=spec.memory_limit_bytes,
        facts=dict(spec.facts),
    )  # fmt: skip
    try:
        state.write(place.state_file(spec.name), record)
        _await_engine(place, record, root)
    except BaseException:
        processes.end(root, job.marker, grace=0)
        registry.forget(place, record)
        raise
    return record


def _job(spec: ServerSpec, place: Place, address: Address) -> Job:
    mark = marker(place, spec.name) + secrets.token_hex(8)
    return Job(
        name=spec.name, marker=mark, run=str(place.run), logs=str(place.logs),
        model=spec.model, argv=(*spec.argv, *address.flags),
        env=_environment(spec.env) | address.env | {processes.MARKER: mark},
        url=address.url, uds=str(address.uds) if address.uds else None, api_key=address.api_key,
        memory_limit_bytes=spec.host_limit_bytes, planned_bytes=spec.planned_bytes,
        watch=spec.watch,
    )  # fmt: skip


def _await_engine(place: Place, record: Record, supervisor: psutil.Process) -> None:
    """Wait until the supervisor has started the engine, or has ended without."""
    deadline = time.monotonic() + _HANDSHAKE_SECONDS
    while registry.life_of(place, record) is None and time.monotonic() < deadline:
        if processes.find(supervisor.pid, record.created, record.marker) is None:
            return
        time.sleep(0.01)


def _supervisor() -> list[str]:
    """The command of the supervisor: no site module, and only the two folders of what it imports."""
    folders = [str(Path(__file__).parents[3]), str(Path(psutil.__file__).parents[1]), *_filelock_folder()]
    code = "import sys; sys.path += sys.argv[1:]; from reviewer.engine.supervisor.supervisor import main; main()"
    return [sys.executable, "-I", "-S", "-c", code, *dict.fromkeys(folders)]


def _filelock_folder() -> list[str]:
    import filelock

    return [str(Path(filelock.__file__).parents[1])]


def _environment(additions: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES)
    }
    ours = {
        "PYTHONUNBUFFERED": "1",  # or the log would stand still while the engine moves
        "SPT_NOENV": "1",  # vLLM's workers change their titles, and would write them over our marker
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
    }
    return kept | ours | dict(additions)


def _fresh(log: Path) -> IO[bytes]:
    """An empty log for its owner only; the one before is kept beside it."""
    with suppress(OSError):  # Windows: the engine before may still hold it
        log.replace(log.with_name(f"{log.name}.1"))
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
