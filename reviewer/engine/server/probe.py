"""Queries a local engine's health and metrics with the standard library, which is light enough for the supervisor."""

from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reviewer.engine.client import prometheus

if TYPE_CHECKING:
    from reviewer.engine.client.endpoint import Endpoint

_OK = 200


def is_ready(endpoint: Endpoint, *, timeout: float = 2.0) -> bool:
    """Whether ``/health`` of a local engine answers 200 within ``timeout`` seconds."""
    return _get(endpoint, "/health", timeout) is not None


def metrics(endpoint: Endpoint, *, timeout: float = 2.0) -> dict[str, float] | None:
    """The metrics of a local engine by name; None where it does not answer within ``timeout`` seconds."""
    text = _get(endpoint, "/metrics", timeout)
    return None if text is None else prometheus.parse(text.decode("utf-8", "replace"))


def _get(endpoint: Endpoint, path: str, timeout: float) -> bytes | None:
    parts = urlsplit(endpoint.url)
    connection = http.client.HTTPConnection(parts.hostname or "localhost", parts.port, timeout=timeout)
    try:
        if endpoint.uds is not None:
            connection.sock = _unix_socket(str(endpoint.uds), timeout)
        connection.request("GET", path)
        response = connection.getresponse()
        return response.read() if response.status == _OK else None
    except (OSError, http.client.HTTPException):
        return None
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
