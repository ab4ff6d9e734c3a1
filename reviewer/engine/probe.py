"""Asks an engine whether it is ready, without the weight of an HTTP client library."""

from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from reviewer.engine.endpoint import Endpoint

_OK = 200


def is_ready(endpoint: Endpoint, *, timeout: float = 2.0) -> bool:
    """Whether ``/health`` of a local engine answers 200 within ``timeout`` seconds."""
    parts = urlsplit(endpoint.url)
    connection = http.client.HTTPConnection(parts.hostname or "localhost", parts.port, timeout=timeout)
    try:
        if endpoint.uds is not None:
            connection.sock = _unix_socket(str(endpoint.uds), timeout)
        connection.request("GET", "/health")
        return connection.getresponse().status == _OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _unix_socket(path: str, timeout: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection
