"""Starts an engine's supervisor, detached and with a clean environment, and records it."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil

from reviewer import processes
from reviewer.engine.client.endpoint import API_KEY_VARIABLE
from reviewer.engine.server import registry, state
from reviewer.engine.server.job import Job
from reviewer.engine.server.state import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.engine.server.job import ServerSpec
    from reviewer.engine.server.registry import Place

_HANDSHAKE_SECONDS = 20.0  # the supervisor needs a tenth of a second
# Linux limits a socket's path to 108 bytes, macOS to 104, including the final zero.
_MAX_SOCKET_PATH = 100
_VLLM_SOCKET_NAME = 1 + 36  # a slash and a UUID

# The engine outlives the commit: the hook's git variables and the caller's Python settings must not reach it. Without
# bytecode each of its processes would compile all of vLLM's sources again.
_DROPPED = (
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__",
    API_KEY_VARIABLE,
)  # fmt: skip
_DROPPED_PREFIXES = ("GIT_", "PRE_COMMIT")


def marker(place: Place, name: str) -> str:
    """What the markers of all engines of one name begin with."""
    return f"{place.marker}{name}:"


def begin(spec: ServerSpec, place: Place) -> Record:
    """Start the supervisor, which starts the engine, and record it; the caller holds the lock.

    Raises:
        OSError: It cannot be started.
        EngineStartError: There is no private folder for the sockets.
    """
    address = _address(place.run, spec.name)
    mark = marker(place, spec.name) + secrets.token_hex(8)
    uds = str(address.uds) if address.uds else None
    job = Job(
        name=spec.name, marker=mark, run=str(place.run), logs=str(place.logs),
        model=spec.model, argv=(*spec.argv, *address.flags),
        env=_environment(spec.env) | address.env | {processes.MARKER: mark},
        url=address.url, uds=uds, api_key=address.api_key,
        memory_limit_bytes=spec.host_limit_bytes, planned_bytes=spec.planned_bytes,
        watch=spec.watch,
    )  # fmt: skip
    env = _environment({processes.MARKER: mark})
    started_at = time.time()
    with _rotated(place.log_file(spec.name)) as output:
        # Never in the repository, whose modules Python would import in place of vLLM's own.
        root = processes.start_detached(_supervisor(), env=env, cwd=place.run, output=output, given=job.dump())
    record = Record(
        name=spec.name, key=spec.key, marker=mark, pid=root.pid, created=processes.created(root),
        started_at=started_at, model=spec.model, served_name=spec.served_name,
        url=job.url, uds=uds, sockets=str(address.sockets) if address.sockets else None, api_key=job.api_key,
        log=str(place.log_file(spec.name)), planned_bytes=spec.planned_bytes,
        memory_limit_bytes=spec.memory_limit_bytes, facts=dict(spec.facts),
    )  # fmt: skip
    try:
        state.write(place.state_file(spec.name), record)
        _await_engine(place, record, root)
    except BaseException:
        processes.end(root, mark, grace=0)
        registry.forget(place, record)
        raise
    return record


def _await_engine(place: Place, record: Record, supervisor: psutil.Process) -> None:
    """Wait until the supervisor has started the engine or has exited."""
    deadline = time.monotonic() + _HANDSHAKE_SECONDS
    while registry.life_of(place, record) is None and time.monotonic() < deadline:
        if processes.find(supervisor.pid, record.created, record.marker) is None:
            return
        time.sleep(0.01)


def _supervisor() -> list[str]:
    """The supervisor's command: no site module, and only the folders of what it imports."""
    import filelock

    folders = [
        str(Path(__file__).parents[3]),
        *(str(Path(file).parents[1]) for file in (psutil.__file__, filelock.__file__)),
    ]
    code = "import sys; sys.path += sys.argv[1:]; from reviewer.engine.supervisor.supervisor import main; main()"
    return [sys.executable, "-I", "-S", "-c", code, *dict.fromkeys(folders)]


def _environment(additions: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES)
    }
    ours = {
        "PYTHONUNBUFFERED": "1",  # the log must show progress while the engine loads
        "SPT_NOENV": "1",  # vLLM's workers change their titles, and would overwrite the marker
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        # Torch and vLLM otherwise listen on the address of the host's name, which others may reach.
        "VLLM_HOST_IP": "127.0.0.1",
        "GLOO_SOCKET_IFNAME": _loopback(),
    }
    return kept | ours | dict(additions)


def _loopback() -> str:
    """The name of the interface with the address 127.0.0.1."""
    interfaces = psutil.net_if_addrs().items()
    return next((name for name, found in interfaces if any(one.address == "127.0.0.1" for one in found)), "lo")


def _rotated(log: Path) -> IO[bytes]:
    """Open an empty log, readable by its owner only; the previous one is kept beside it."""
    with suppress(OSError):  # Windows: the previous engine may still have it open
        log.replace(log.with_name(f"{log.name}.1"))
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


@dataclass(frozen=True, slots=True)
class _Address:
    """Where an engine will listen.

    Attributes:
        flags, env: For the server's command line and its environment, which unlike the former is private.
        sockets: The folder of the sockets that vLLM's own processes use among themselves.
    """

    flags: tuple[str, ...]
    env: dict[str, str]
    url: str
    uds: Path | None = None
    sockets: Path | None = None
    api_key: str | None = field(default=None, repr=False)


def unix_sockets() -> bool:
    """Whether the engine can listen on a Unix socket here; its HTTP server cannot on Windows."""
    return os.name != "nt" and hasattr(socket, "AF_UNIX")


def _address(run: Path, name: str) -> _Address:
    """A Unix socket that only its owner reaches, or else a loopback port with a random key."""
    if not unix_sockets():
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        key, flags = secrets.token_urlsafe(32), ("--host", "127.0.0.1", "--port", str(port))
        return _Address(flags, {"VLLM_API_KEY": key}, f"http://127.0.0.1:{port}", api_key=key)
    uds, sockets = _short_path(run, f"{name}.sock"), _short_path(run, f"{name}.ipc", room=_VLLM_SOCKET_NAME)
    uds.unlink(missing_ok=True)
    registry.remove_sockets(sockets)
    state.private_folder(sockets)
    env = {"VLLM_RPC_BASE_PATH": str(sockets)}
    return _Address(("--uds", str(uds)), env, "http://localhost", uds=uds, sockets=sockets)


def _short_path(run: Path, name: str, *, room: int = 0) -> Path:
    """A path in a private folder that, with ``room`` more bytes, a socket can be bound to."""
    path = run / name
    # The folders in /tmp are shared by all run folders of this user, so the name must tell them apart.
    short = hashlib.sha256(os.fsencode(path)).hexdigest()[:16] + path.suffix
    shared = f"reviewer-{os.getuid()}"
    temporary = (Path(tempfile.gettempdir()) / shared, Path("/tmp") / shared)  # noqa: S108 - made private below  # nosec B108
    found = next(
        (one for one in (path, run / short, *(folder / short for folder in temporary))
         if len(os.fsencode(one)) + room <= _MAX_SOCKET_PATH),
        temporary[-1] / short,
    )  # fmt: skip
    state.private_folder(found.parent)
    return found
