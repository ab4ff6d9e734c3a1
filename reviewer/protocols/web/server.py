"""The HTTP server of ``reviewer serve``: reads only, on loopback, for whoever knows the token in the address.

The token keeps out other users of the machine. Requests that name another host are refused, so that no web page can
reach the server by rebinding its own name to 127.0.0.1. The standard library's server is enough for one reader, and
adds no dependency.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reviewer.errors import ReviewerError, UsageError

if TYPE_CHECKING:
    from reviewer.protocols.web.reviews import Reviews

HOST = "127.0.0.1"
_LOOK = 1.0  # seconds between two looks for changes
_IDLE = 10.0  # seconds after which a comment is sent, so that a closed connection is noticed
_HEADERS = {
    # The pages bring a policy of their own; this one also covers errors, and framing, which a page cannot forbid.
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class PageServer(ThreadingHTTPServer):
    """Serves the pages of one repository.

    Args:
        reviews: What it shows.
        port: On 127.0.0.1; 0 takes a free one.

    Raises:
        UsageError: The port is taken.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, reviews: Reviews, port: int = 0) -> None:
        self.reviews = reviews
        self.token = secrets.token_urlsafe(18)
        self.ended = threading.Event()
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as problem:
            reason = getattr(problem, "strerror", None) or str(problem)
            raise UsageError(f"cannot listen on port {port}: {reason}", hint="choose another: --port") from problem

    @property
    def address(self) -> str:
        """The address of the list."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    def shutdown(self) -> None:
        """End the open event streams, then the server."""
        self.ended.set()
        super().shutdown()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a reader that went away; report everything else."""
        import sys

        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    timeout = 30
    server_version = "reviewer"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with a page, or with the stream of events."""
        if not self._is_ours():
            self._send(HTTPStatus.MISDIRECTED_REQUEST, "this server answers to 127.0.0.1 only\n", "text/plain")
            return
        token, _, path = urlsplit(self.path).path.lstrip("/").partition("/")
        # One answer for a wrong token and a wrong path, so that neither can be tried out.
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode()):
            self._send(HTTPStatus.NOT_FOUND, "not found\n", "text/plain")
            return
        if path == "events":
            self._stream()
            return
        try:
            page = self._page(path)
        except ReviewerError as problem:
            self._send(HTTPStatus.NOT_FOUND, f"{problem.message}\n", "text/plain")
            return
        self._send(HTTPStatus.OK, page, "text/html")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        """Keep quiet: a log would hold the token."""

    def _is_ours(self) -> bool:
        hosts = {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}
        return self.headers.get("Host", "") in hosts

    def _page(self, path: str) -> str:
        kind, _, name = path.partition("/")
        match kind:
            case "" if not name:
                return self.server.reviews.list_page()
            case "commit":
                return self.server.reviews.commit_page(name)
            case "review":
                return self.server.reviews.review_page(name)
        raise UsageError("not found")

    def _send(self, status: HTTPStatus, body: str, kind: str) -> None:
        data = body.encode("utf-8", "replace")
        self._begin(status, kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _begin(self, status: HTTPStatus, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        for name, value in _HEADERS.items():
            self.send_header(name, value)

    def _stream(self) -> None:
        """Server-sent events: ``running`` with the reviews being made, ``version`` when the list changes."""
        self._begin(HTTPStatus.OK, "text/event-stream")
        self.end_headers()
        known: dict[str, str] = {}
        quiet = 0.0
        while True:
            reviews = self.server.reviews
            now = {"version": json.dumps(reviews.version()), "running": json.dumps(reviews.running())}
            changed = [name for name in now if now[name] != known.get(name)]
            known = now
            quiet = 0.0 if changed else quiet + _LOOK
            if changed or quiet >= _IDLE:
                events = "".join(f"event: {name}\ndata: {now[name]}\n\n" for name in changed) or ": \n\n"
                self.wfile.write(events.encode())
                self.wfile.flush()
                quiet = 0.0
            if self.server.ended.wait(_LOOK):
                return
