"""How long is waited, and where a token may go."""

from __future__ import annotations

import email.utils
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme

from reviewer.errors import PostingError, UsageError
from reviewer.posting.destination import Forge, PullRequest, token
from reviewer.posting.http import Http, RefusedError, UnsureError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CLIENT = httpx.Client
NOW = 1_800_000_000.0


class Waiting:
    """A connection whose network is a function, and whose time passes at once."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response], monkeypatch: pytest.MonkeyPatch) -> None:
        self.slept: list[float] = []

        def client(**options: Any) -> httpx.Client:
            return _CLIENT(**options | {"transport": httpx.MockTransport(answer)})

        monkeypatch.setattr("reviewer.posting.http.httpx.Client", client)
        self.http = Http(
            "http://localhost/api",
            {"Authorization": "Bearer secret"},
            permission="everything",
            local=True,
            secret="secret",
            sleep=self.slept.append,
            clock=lambda: NOW + sum(self.slept),
        )


def once(response: httpx.Response) -> Callable[[httpx.Request], httpx.Response]:
    """Answer with this, then with success."""
    answers = [response]
    return lambda _: answers.pop() if answers else httpx.Response(200, json={"ok": True})


SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}


@pytest.mark.parametrize(
    ("response", "seconds"),
    [
        (httpx.Response(429, headers={"Retry-After": "7"}), 7),
        (httpx.Response(403, headers={"Retry-After": "7"}), 7),
        (httpx.Response(429, headers={"Retry-After": email.utils.formatdate(NOW + 9, usegmt=True)}), 9),
        (httpx.Response(429, headers={"Retry-After": "soon"}), 60),
        (httpx.Response(403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW + 30:.0f}"}), 31),
        (httpx.Response(429, headers={"RateLimit-Remaining": "0", "RateLimit-Reset": f"{NOW + 30:.0f}"}), 31),
        (httpx.Response(403, json=SECONDARY), 60),
        (httpx.Response(429), 1),
        (httpx.Response(200, json={"errors": [{"type": "RATE_LIMITED"}]}, headers={"Retry-After": "3"}), 3),
        (httpx.Response(200, json={"errors": [{"type": "RATE_LIMITED"}]}), 1),
    ],
)
def test_how_long_a_limit_is_waited_for(
    response: httpx.Response, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = Waiting(once(response), monkeypatch)
    assert waiting.http.write("POST", "/x", {}) == {"ok": True}
    assert waiting.slept == [seconds]


def test_a_forbidden_request_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting(lambda _: httpx.Response(403, json={"message": "no secret"}), monkeypatch)
    with pytest.raises(PostingError, match=r"\(403\): no …"):
        waiting.http.write("POST", "/x", {})
    assert waiting.slept == []


def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting(lambda _: httpx.Response(403, json=SECONDARY), monkeypatch)
    with pytest.raises(PostingError, match="limits the rate") as failure:
        waiting.http.get("/x")
    assert failure.value.hint is not None
    assert sum(waiting.slept) <= 300
    with pytest.raises(PostingError):  # for all requests together
        waiting.http.get("/x")
    assert sum(waiting.slept) <= 300


def test_what_is_repeated_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    for method, repeated in (("PUT", True), ("PATCH", True), ("DELETE", True), ("POST", False)):
        waiting = Waiting(once(httpx.Response(502)), monkeypatch)
        if repeated:
            assert waiting.http.write(method, "/x", {}) == {"ok": True}
            assert waiting.slept == [1]
        else:
            with pytest.raises(UnsureError):
                waiting.http.write(method, "/x", {})
    waiting = Waiting(once(httpx.Response(502)), monkeypatch)
    assert waiting.http.query("/x", {}) == {"ok": True}


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_refused_content(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"message": "Validation Failed", "errors": [{"message": "line"}]}
    waiting = Waiting(lambda _: httpx.Response(status, json=body), monkeypatch)
    with pytest.raises(RefusedError, match=r"Validation Failed.*line"):
        waiting.http.write("POST", "/x", {})


@pytest.mark.parametrize("content", [b"<html>", b"[" * 200, b"\xff"])
def test_an_answer_that_is_not_json(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting(lambda _: httpx.Response(200, content=content), monkeypatch)
    with pytest.raises(PostingError, match="JSON"):
        waiting.http.get("/x")


def test_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting(lambda _: httpx.Response(200, content=b" " * (17 << 20)), monkeypatch)
    with pytest.raises(PostingError, match="more than 16 MiB"):
        waiting.http.get("/x")


def test_pages_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    link = {"Link": '<http://localhost/api/x?page=2>; rel="next"'}
    waiting = Waiting(lambda _: httpx.Response(200, json=[1], headers=link), monkeypatch)
    with pytest.raises(PostingError, match="more than 100 pages"):
        list(waiting.http.pages("/x"))


def test_many_writes_are_slowed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting(lambda _: httpx.Response(204), monkeypatch)
    for _ in range(25):
        waiting.http.write("PUT", "/x", {})
    assert waiting.slept == [1] * 5


@pytest.mark.parametrize(
    ("url", "forge", "api", "project", "number"),
    [
        ("https://github.com/o/r/pull/7", "github", "https://api.github.com", "o/r", 7),
        ("https://github.com/o/r/pull/7/files", "github", "https://api.github.com", "o/r", 7),
        ("https://ghe.example/o/r/pull/7", "github", "https://ghe.example/api/v3", "o/r", 7),
        ("https://gitlab.com/g/s/r/-/merge_requests/12", "gitlab", "https://gitlab.com/api/v4", "g/s/r", 12),
        ("https://codeberg.org/o/r/pulls/3", "gitea", "https://codeberg.org/api/v1", "o/r", 3),
        ("http://127.0.0.1:3000/o/r/pulls/3", "gitea", "http://127.0.0.1:3000/api/v1", "o/r", 3),
        ("http://[::1]:3000/o/r/pulls/3", "gitea", "http://[::1]:3000/api/v1", "o/r", 3),
    ],
)
def test_addresses_of_pull_requests(url: str, forge: str, api: str, project: str, number: int) -> None:
    assert PullRequest.from_url(url) == PullRequest(Forge(forge), api, project, number)


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/o/r",
        "https://github.com/o/r/pull/x",
        "https://github.com/o/..%2f..%2fuser/pull/7",
        "http://github.com/o/r/pull/7",
        "http://localhost.evil.invalid/o/r/pull/7",
        "http://127.0.0.1.evil.invalid/o/r/pull/7",
        "https://user:secret@github.com/o/r/pull/7",
        "https://h:99999/o/r/pull/7",
        "ftp://github.com/o/r/pull/7",
        "/o/r/pull/7",
    ],
)
def test_addresses_that_do_not_get_a_token(url: str) -> None:
    with pytest.raises(UsageError):
        PullRequest.from_url(url)


def test_where_the_token_comes_from() -> None:
    github = PullRequest(Forge.GITHUB, "https://api.github.com", "o/r", 7)
    gitlab = PullRequest(Forge.GITLAB, "https://gitlab.com/api/v4", "42", 7)
    gitea = PullRequest(Forge.GITEA, "https://codeberg.org/api/v1", "o/r", 7, job_token="job")
    env = {"GITHUB_TOKEN": " gh\n", "GITLAB_TOKEN": "gl", "CI_JOB_TOKEN": "x"}
    assert [token(pull, env) for pull in (github, gitlab, gitea)] == ["gh", "gl", "job"]
    assert token(gitea, env | {"FORGEJO_TOKEN": "mine"}) == "mine"
    with pytest.raises(UsageError, match="CI_JOB_TOKEN cannot post comments"):
        token(gitlab, {"CI_JOB_TOKEN": "x"})
    for wrong in ("a b", "a\nb", "é"):
        with pytest.raises(UsageError, match="cannot have") as failure:
            token(github, {"GITHUB_TOKEN": wrong})
        assert wrong not in str(failure.value)
    assert "job" not in repr(gitea)


class _Ok(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


def test_a_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = HTTPServer(("127.0.0.1", 0), _Ok)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def connect() -> Http:
        api = f"https://localhost:{server.server_address[1]}"
        return Http(api, {}, permission="everything", local=True, secret="")

    with pytest.raises(PostingError, match=r"certificate of https://localhost.* is not trusted, nothing was sent"):
        connect().get("/x")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert connect().get("/x") == {}
    server.shutdown()
    server.server_close()
