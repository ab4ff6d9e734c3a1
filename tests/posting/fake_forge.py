"""A forge as a real process on loopback, which enforces the rules of the real API and keeps what is posted.

In a test::

    with FakeForge("github", repo.root, base="main", head="topic") as forge:
        ...  # forge.url is the pull request's address
        assert forge.state["comments"]

``faults`` make the next matching requests fail. The process uses the standard library and git alone, so that it shares
no mistake with the code under test.
"""

# ruff: noqa: T201 - a process whose output is a log
from __future__ import annotations

import dataclasses
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

TOKEN = "ghs_0123456789abcdefghij"
ME, OTHER = 7, 8  # accounts

PATHS = {"github": "/o/r/pull/7", "gitlab": "/g/s/r/-/merge_requests/7", "gitea": "/o/r/pulls/7"}
PREFIX = {"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/api/v1"}


@dataclass
class Fault:
    """A failure of the next ``times`` requests whose ``METHOD path`` matches.

    Attributes:
        after: Whether the request has its effect nevertheless.
        cut: Close the connection instead of answering.
    """

    match: str
    status: int = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    after: bool = False
    cut: bool = False


class FakeForge:
    """Starts and stops the process."""

    def __init__(self, kind: str, repo: Path, *, base: str, head: str, page_size: int = 100, **options: Any) -> None:
        self.kind = kind
        self.folder = Path(tempfile.mkdtemp(prefix="forge-"))
        config = {"kind": kind, "repo": str(repo), "base": base, "head": head, "page_size": page_size, **options}
        (self.folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        self.break_with()
        self._process: subprocess.Popen[str] | None = None
        self.origin = ""

    @property
    def url(self) -> str:
        """The pull request's address."""
        return self.origin + PATHS[self.kind]

    @property
    def api(self) -> str:
        """Base URL of the API."""
        return self.origin + PREFIX[self.kind]

    @property
    def state(self) -> dict[str, Any]:
        """What is posted."""
        found: dict[str, Any] = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        return found

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Every request: method, path, query, headers, body, at."""
        log = self.folder / "requests.jsonl"
        return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []

    @property
    def writes(self) -> list[str]:
        """``METHOD path`` of the requests that change something."""
        return [
            f"{request['method']} {request['path']}"
            for request in self.requests
            if request["method"] != "GET" and "query(" not in json.dumps(request["body"])
        ]

    def forget_requests(self) -> None:
        """Begin a new list of requests."""
        (self.folder / "requests.jsonl").unlink(missing_ok=True)

    def break_with(self, *faults: Fault) -> None:
        """Make the next requests fail."""
        (self.folder / "faults.json").write_text(
            json.dumps([dataclasses.asdict(fault) for fault in faults]), encoding="utf-8"
        )

    def change(self, **values: Any) -> None:
        """Set parts of the state, as people and other programs would."""
        (self.folder / "change.json").write_text(json.dumps(values), encoding="utf-8")
        while (self.folder / "change.json").exists():
            time.sleep(0.01)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.posting.fake_forge", str(self.folder)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert self._process.stdout is not None
        self.origin = self._process.stdout.readline().strip()
        assert self.origin, "the fake forge did not start"
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)


# --- the process -----------------------------------------------------------------------------------------------------


class Reply(NamedTuple):
    """An answer."""

    status: int
    body: Any = None
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


class Line(NamedTuple):
    """A line of the forge's own diff, with its hunk."""

    old: int | None
    new: int | None
    hunk: int


class Api:
    """What the three forges have in common."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.state: dict[str, Any] = {"next": 3_000_000_001}  # GitHub's ids left 32 bits behind
        self.origin = ""

    def handle(self, method: str, path: str, query: dict[str, str], body: Any, headers: dict[str, str]) -> Reply:
        """Answer a request."""
        raise NotImplementedError

    def number(self) -> int:
        """A new id."""
        self.state["next"] += 1
        return int(self.state["next"]) - 1

    def git(self, *args: str) -> str:
        """Ask the repository."""
        done = subprocess.run(
            ["git", *args], cwd=self.config["repo"], capture_output=True, text=True, check=True, encoding="utf-8"
        )
        return done.stdout

    @property
    def head(self) -> str:
        """The pull request's head."""
        return self.git("rev-parse", self.config["head"]).strip()

    @property
    def base(self) -> str:
        """Where it left its base."""
        return self.git("merge-base", self.config["base"], self.config["head"]).strip()

    def diff(self) -> dict[str, list[Line]]:
        """The lines of every changed file, by its new path; the old path is in ``old_paths``."""
        self.old_paths: dict[str, str] = {}
        found: dict[str, list[Line]] = {}
        old = new = hunk = 0
        lines: list[Line] = []
        before = ""
        for text in self.git("diff", "-M", "-U3", self.base, self.head).splitlines():
            if text.startswith("--- "):
                before = text[6:]
            elif text.startswith("+++ "):
                lines = found.setdefault(text[6:], [])
                self.old_paths[text[6:]] = before if before != "v/null" else text[6:]
            elif match := re.match(r"@@ -(\d+)(?:,\d+)? \+(\d+)", text):
                old, new, hunk = int(match[1]), int(match[2]), hunk + 1
            elif text[:1] in ("+", "-", " ") and not text.startswith(("+++", "---")):
                lines.append(Line(None if text[0] == "+" else old, None if text[0] == "-" else new, hunk))
                old, new = old + (text[0] != "+"), new + (text[0] != "-")
        return found

    def page(self, path: str, query: dict[str, str], items: list[Any], most: int) -> Reply:
        """A page of a list, with a link to the next one."""
        asked = int(query.get("per_page", query.get("limit", "30")))
        size = min(asked, most, self.config["page_size"])
        number = int(query.get("page", "1"))
        headers = {"X-Total-Count": str(len(items))}
        if number * size < len(items):
            # An address that the job cannot reach, as behind a proxy.
            headers["Link"] = (
                f'<https://forge.invalid{path}?page={number + 1}&per_page={size}&limit={size}>; rel="next", '
                f'<https://forge.invalid{path}?page=1>; rel="first"'
            )
        return Reply(200, items[(number - 1) * size : number * size], headers)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: Api
    folder: Path
    lock = threading.Lock()

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(size)
        with self.lock:
            reply = self._reply(data)
        if reply is None:
            self.close_connection = True
            return
        content = b"" if reply.status == 204 else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    def _reply(self, data: bytes) -> Reply | None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.loads(data) if data else None
        entry = {
            "method": self.command,
            "path": parts.path,
            "query": parts.query,
            "headers": headers,
            "body": body,
            "at": time.monotonic(),
        }
        with (self.folder / "requests.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")
        fault = self._fault(f"{self.command} {parts.path} {json.dumps(body)}")
        if fault is None or fault["after"]:
            query = dict(parse_qsl(parts.query))
            reply = self.api.handle(self.command, parts.path, query, body, headers)
            (self.folder / "state.json").write_text(json.dumps(self.api.state), encoding="utf-8")
            if fault is None:
                return reply
        return None if fault["cut"] else Reply(fault["status"], fault["body"], fault["headers"])

    def _fault(self, request: str) -> dict[str, Any] | None:
        path = self.folder / "faults.json"
        faults: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        for fault in faults:
            if fault["times"] > 0 and re.search(fault["match"], request):
                fault["times"] -= 1
                path.write_text(json.dumps(faults), encoding="utf-8")
                return fault
        return None

    def log_message(self, *_: object) -> None:
        pass


def _apply_changes(api: Api, folder: Path, lock: threading.Lock) -> None:
    path = folder / "change.json"
    while True:
        if path.exists():
            with lock:
                values = json.loads(path.read_text(encoding="utf-8") or "{}")
                api.state.update(values)
                (folder / "state.json").write_text(json.dumps(api.state), encoding="utf-8")
                path.unlink()
        time.sleep(0.01)


def main(folder: Path) -> None:
    """Serve until killed; prints the origin."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    api: Api = importlib.import_module(f"tests.posting.fake_{config['kind']}").Forge(config)
    (folder / "state.json").write_text(json.dumps(api.state), encoding="utf-8")
    handler = type("Handler", (_Handler,), {"api": api, "folder": folder})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    api.origin = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=_apply_changes, args=(api, folder, _Handler.lock), daemon=True).start()
    print(api.origin, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
