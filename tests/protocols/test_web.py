"""``reviewer serve`` over HTTP: what it answers, and to whom."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from reviewer.deferred.history import History
from reviewer.deferred.notes import REF, ReviewNotes
from reviewer.deferred.pending import Pending, PendingReviews, State
from reviewer.errors import UsageError
from reviewer.git import Repository
from reviewer.protocols.web.reviews import Reviews
from reviewer.protocols.web.server import PageServer
from reviewer.report import FORMATS, RenderOptions
from tests.report.samples import FINDINGS, PROVEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.repo import Repo


class Client:
    def __init__(self, server: PageServer) -> None:
        self.server = server

    def get(self, path: str = "", method: str = "GET", **headers: str) -> tuple[int, str, dict[str, str]]:
        """Ask for a path below the token."""
        return self.get_raw(f"/{self.server.token}/{path}", method, **headers)

    def get_raw(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=60)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body, {name.lower(): value for name, value in answer.getheaders()}


@pytest.fixture
def client(changed: Repo) -> Iterator[Client]:
    changed.commit("Drop a guard")
    with PageServer(Reviews(Repository.discover(changed.root))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield Client(server)
        server.shutdown()
        thread.join()


def stored(repo: Repo, commit: str) -> None:
    review = FORMATS["json"](FINDINGS, RenderOptions(advisory=True))
    ReviewNotes(Repository.discover(repo.root)).write(commit, review)


def test_an_empty_list(client: Client) -> None:
    status, page, headers = client.get()
    assert status == 200
    assert "No reviews yet" in page
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


def test_lists_and_shows_both_kinds(client: Client, changed: Repo) -> None:
    stored(changed, changed.head())
    History(changed.root / ".git").record(PROVEN)
    _, page, _ = client.get()
    assert f"{changed.head()[:10]} Drop a guard" in page
    assert "1 warning, 1 info · 1 of 1 hunk read" in page
    name = History(changed.root / ".git").names()[0]
    for address, text in ((f"commit/{changed.head()}", "ZeroDivisionError"), (f"review/{name}", "mutable data")):
        assert f'href="{address}"' in page
        status, shown, _ = client.get(address)
        assert status == 200
        assert text in shown
        assert 'href="../"' in shown


def test_a_note_shows_the_code_of_its_commit(client: Client, changed: Repo) -> None:
    stored(changed, changed.head())
    _, shown, _ = client.get(f"commit/{changed.head()}")
    assert '<div class="row add"' in shown


def test_a_note_without_its_commit_is_shown_without_code(client: Client, changed: Repo) -> None:
    stored(changed, changed.head())
    note = changed.git("notes", f"--ref={REF}", "list", changed.head()).split()[0].decode()
    absent = "1234567890" * 4
    tree = changed.git("mktree", data=f"100644 blob {note}\t{absent}\n".encode()).decode().strip()
    changed.git("update-ref", REF, changed.git("commit-tree", "-m", "fetched", tree).decode().strip())
    _, page, _ = client.get()
    assert f"commit/{absent}" in page


def test_damaged_notes_are_left_out(client: Client, changed: Repo) -> None:
    stored(changed, changed.head())
    other = changed.commit("another")
    changed.git("notes", f"--ref={REF}", "add", "-m", "by hand", other)
    _, page, _ = client.get()
    assert f"commit/{changed.head()[:9]}" not in page
    assert "Drop a guard" in page
    assert client.get(f"commit/{other}")[0] == 404


def test_background_reviews(client: Client, changed: Repo) -> None:
    reviews = PendingReviews(changed.root / ".git")
    reviews.put(Pending("a" * 40, State.FAILED, detail="no engine"))
    reviews.put(Pending("b" * 40, State.WAITING))
    reviews.put(Pending("c" * 40, State.RUNNING, attempts=1))
    _, page, _ = client.get()
    assert "<strong>aaaaaaaaaa</strong> <span>failed: no engine</span>" in page
    assert "<strong>bbbbbbbbbb</strong> <span>waiting</span>" in page
    assert "<strong>cccccccccc</strong> <span>interrupted" in page


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}", ""]
)
def test_other_hosts_are_refused(host: str, client: Client) -> None:
    """A page of another site may have its own name resolve to 127.0.0.1."""
    status, page, _ = client.get(Host=host.format(port=client.server.server_port))
    assert status == 421
    assert client.server.token not in page


def test_localhost_is_answered(client: Client) -> None:
    assert client.get(Host=f"localhost:{client.server.server_port}")[0] == 200


@pytest.mark.parametrize("path", ["/", "", "/x/", "/%C3%A9/", "/favicon.ico", "//", "/%00", "/../"])
def test_without_the_token_there_is_nothing(path: str, client: Client) -> None:
    status, page, _ = client.get_raw(path or "/")
    assert (status, page) == (404, "not found\n")


@pytest.mark.parametrize(
    "path",
    [
        "x",
        "commit/",
        "commit/HEAD",
        "commit/--all",
        f"commit/{'0' * 40}",
        "review/..%2f..%2fconfig",
        "review/../x",
        "events/x",
    ],
)
def test_other_paths_are_not_found(path: str, client: Client) -> None:
    assert client.get(path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_reads_only(method: str, client: Client) -> None:
    assert client.get(method=method)[0] == 501


def test_nothing_in_the_repository_changes(client: Client, changed: Repo) -> None:
    stored(changed, changed.head())
    History(changed.root / ".git").record(PROVEN)

    def state() -> dict[str, bytes]:
        files = (path for path in changed.root.rglob("*") if path.is_file())
        return {str(path): path.read_bytes() for path in files}

    before = state()
    for path in ("", f"commit/{changed.head()}", f"review/{History(changed.root / '.git').names()[0]}"):
        assert client.get(path)[0] == 200
    assert state() == before


def test_the_events_follow_a_review(client: Client, changed: Repo) -> None:
    past = History(changed.root / ".git")
    connection = http.client.HTTPConnection("127.0.0.1", client.server.server_port, timeout=60)
    connection.request("GET", f"/{client.server.token}/events")
    answer = connection.getresponse()
    assert answer.getheader("Content-Type") == "text/event-stream; charset=utf-8"

    def event() -> tuple[str, object]:
        lines: list[str] = []
        while (line := answer.readline().decode().rstrip("\n")) or not lines:
            if line.startswith(("event: ", "data: ")):
                lines.append(line.partition(": ")[2])
        return lines[0], json.loads(lines[1])

    kind, first = event()
    assert kind == "version"
    assert event() == ("running", [])
    with past.running("staged <changes>") as reporter:
        reporter.step("reviewing")
        kind, running = event()
        assert kind == "running"
        assert isinstance(running, list)
        assert running[0]["title"] == "staged <changes>"
        past.record(FINDINGS)
        found = dict([event(), event()])
    while "version" not in found:
        found |= dict([event()])
    assert found["version"] != first
    connection.close()


def test_a_taken_port(client: Client, changed: Repo) -> None:
    with pytest.raises(UsageError, match="cannot listen on port"):
        PageServer(Reviews(Repository.discover(changed.root)), client.server.server_port)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_the_command_serves_until_ctrl_c(changed: Repo, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "reviewer", "serve"],
        cwd=changed.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    address = process.stdout.readline().strip()
    port = int(address.split(":")[2].split("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", address.partition(str(port))[2])
    assert b"No reviews yet" in connection.getresponse().read()
    events = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    events.request("GET", address.partition(str(port))[2] + "events")  # an open stream does not keep it alive
    assert events.getresponse().status == 200
    process.send_signal(signal.SIGINT)
    _, noted = process.communicate(timeout=60)
    assert process.returncode == 0
    assert noted.endswith("reviewer: stopped\n")
    with pytest.raises(OSError):
        http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
