"""Where a new engine shall listen: on a Unix socket that only its owner reaches, else on loopback with a random key."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from reviewer.engine.server import state

# Linux bounds a socket's path at 108 bytes, macOS at 104, the closing zero included.
_MAX_SOCKET_PATH = 100


@dataclass(frozen=True, slots=True)
class Address:
    """A place to listen that is free.

    Attributes:
        flags: For the server's command line.
        env: For its environment; the key goes there, since everybody can read a command line.
    """

    flags: tuple[str, ...]
    url: str
    uds: Path | None = None
    api_key: str | None = field(default=None, repr=False)

    @property
    def env(self) -> dict[str, str]:
        """For the server's environment."""
        return {"VLLM_API_KEY": self.api_key} if self.api_key else {}


def choose(run_dir: Path, name: str) -> Address:
    """An address for the engine called ``name``; a socket that was left behind there is removed."""
    if not unix_sockets():
        return _loopback()
    uds = _socket_path(run_dir, name)
    uds.unlink(missing_ok=True)
    return Address(("--uds", str(uds)), "http://localhost", uds=uds)


def unix_sockets() -> bool:
    """Whether the engine can listen on a Unix socket here; its HTTP server cannot on Windows."""
    return os.name != "nt" and hasattr(socket, "AF_UNIX")


def _loopback() -> Address:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    flags = ("--host", "127.0.0.1", "--port", str(port))
    return Address(flags, f"http://127.0.0.1:{port}", api_key=secrets.token_urlsafe(32))


def _socket_path(run_dir: Path, name: str) -> Path:
    path = run_dir / f"{name}.sock"
    if len(os.fsencode(path)) <= _MAX_SOCKET_PATH:
        return path
    # The folder is shared by all run folders of this user, so the file's name tells them apart.
    short = hashlib.sha256(os.fsencode(path)).hexdigest()[:16] + ".sock"
    folder = Path(tempfile.gettempdir()) / f"reviewer-{os.getuid()}"
    if len(os.fsencode(folder / short)) > _MAX_SOCKET_PATH:
        folder = Path("/tmp") / folder.name  # noqa: S108 - private_folder refuses one that is not ours
    return state.private_folder(folder) / short
