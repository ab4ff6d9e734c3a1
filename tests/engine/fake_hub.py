"""The few addresses of a Hugging Face hub that a download needs, on a local port."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """What the hub holds, how it misbehaves, and what it was asked.

    ``cut`` names files of which only the first bytes arrive; ``chunk`` breaks every connection after so many bytes;
    ``lie`` names files that arrive with other bytes.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.commit = COMMIT
        self.status = 200
        self.file_status = 200
        self.error_code = ""
        self.cut: dict[str, int] = {}
        self.chunk: int | None = None
        self.lie: set[str] = set()
        self.asked: list[str] = []
        self.fetched: list[tuple[str, str | None]] = []  # file, Range header
        self.tokens: set[str | None] = set()
        self.url = ""

    def info(self) -> dict[str, Any]:
        """The answer of the API about the model."""
        return {
            "_id": "1",
            "id": "owner/model",
            "sha": self.commit,
            "private": False,
            "tags": [],
            "downloads": 0,
            "cardData": {"license": "apache-2.0"},
            "siblings": [self._sibling(name, data) for name, data in self.files.items()],
        }

    @staticmethod
    def _sibling(name: str, data: bytes) -> dict[str, Any]:
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        entry: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": blob}
        if name.endswith(".safetensors"):
            entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        return entry


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: ClassVar[Hub]

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._file(body=False)

    def do_GET(self) -> None:
        self.hub.tokens.add(self.headers.get("Authorization"))
        if not self.path.startswith("/api/models/"):
            self._file(body=True)
            return
        self.hub.asked.append(self.path)
        data = json.dumps(self.hub.info()).encode()
        self._head(self.hub.status, len(data), {"Content-Type": "application/json"})
        self.wfile.write(data)

    def _file(self, *, body: bool) -> None:
        if self.hub.file_status != 200:
            self._head(self.hub.file_status, 0, {})
            return
        name = self.path.split("?")[0].rsplit("/", 1)[1]
        data = self.hub.files[name]
        etag = f'"{hashlib.sha256(data).hexdigest()}"'
        if name in self.hub.lie:
            data = b"x" * len(data)
        wanted = self.headers.get("Range") if body else None
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        extra = {"ETag": etag, "X-Repo-Commit": self.hub.commit}
        if wanted:
            extra["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self._head(206 if wanted else 200, len(data) - start, extra)
        if body:
            self.hub.fetched.append((name, wanted))
            end = self.hub.cut.get(name, len(data))
            if self.hub.chunk is not None:
                end = min(end, start + self.hub.chunk)
            self._send(data[start:end], cut=end < len(data))

    def _send(self, data: bytes, *, cut: bool) -> None:
        self.wfile.write(data)
        if cut:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _head(self, status: int, length: int, extra: dict[str, str]) -> None:
        self.send_response(status)
        if self.hub.error_code:
            self.send_header("X-Error-Code", self.hub.error_code)
        for name, value in {"Content-Length": str(length), **extra}.items():
            self.send_header(name, value)
        self.end_headers()


@contextlib.contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Serve ``hub`` until the block ends."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
