"""HTTP to a forge: one origin, bounded retries, and every error in words.

The token is sent to the address of the forge alone. It is not in an error, a log or what a dry run prints.
"""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx

from reviewer import __version__, untrusted
from reviewer.engine.client import tls
from reviewer.engine.client.endpoint import Endpoint
from reviewer.errors import PostingError
from reviewer.posting import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Show = Callable[[str, str, object], None]

_ATTEMPTS = 5
_PATIENCE = 300.0  # longest time of waiting altogether, in seconds
_BURST = 20  # writes at full speed; then one a second, as GitHub asks
_MAX_REPLY = 16 << 20
_MAX_PAGES = 100
_MAX_REDIRECTS = 3
_QUOTED = 300
_TIMEOUT = httpx.Timeout(30, connect=10)
_KEEPS_METHOD = (307, 308)
_UNAUTHORIZED, _FORBIDDEN, _MISSING = 401, 403, 404


class RefusedError(Exception):
    """The forge does not accept the content of a request (400, 409, 413 or 422); the message says why."""


class UnsureError(Exception):
    """A request that must not be repeated got no answer; it may or may not have had its effect."""


class Http:
    """The connection to one forge.

    Args:
        api: Base URL.
        headers: Sent with every request, the token among them.
        permission: What a token must be allowed to do, for error messages.
        local: Whether the forge runs on this machine, and no proxy may see the requests.
        secret: The token, to be masked where the forge repeats it.
        show: Receives the requests that would change something, which are then not sent.
        sleep, clock: The time.
    """

    def __init__(
        self,
        api: str,
        headers: Mapping[str, str],
        *,
        permission: str,
        local: bool,
        secret: str,
        show: Show | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._permission = permission
        self._secret = secret
        self._show = show
        self._sleep = sleep
        self._clock = clock
        self._patience = _PATIENCE
        self._writes = 0
        self._client = httpx.Client(
            headers={"User-Agent": f"vllm-reviewer/{__version__}", "Accept-Encoding": "identity", **headers},
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=not local,
            verify=tls.context(Endpoint(api)),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def is_dry(self) -> bool:
        """Whether requests that would change something are only shown."""
        return self._show is not None

    def get(self, path: str) -> Any:
        """Read one resource."""
        return self._parsed(self._send("GET", path, None, safe=True))

    def pages(self, path: str) -> Iterator[Any]:
        """Read every item of a list.

        Raises:
            PostingError: The list has no end.
        """
        query: dict[str, str] = {"per_page": "100", "limit": "50"}
        for _ in range(_MAX_PAGES):
            response = self._send("GET", path, None, safe=True, query=query)
            items = self._parsed(response)
            if not isinstance(items, list):
                raise PostingError(f"{self._api}{path} is not a list")
            yield from items
            query = _next(response)
            if not query:
                return
        raise PostingError(f"{self._api}{path} has more than {_MAX_PAGES} pages")

    def query(self, path: str, body: object) -> Any:
        """Send a POST that only reads."""
        return self._parsed(self._send("POST", path, body, safe=True))

    def write(self, method: str, path: str, body: object = None, *, repeatable: bool | None = None) -> Any:
        """Change something; in a dry run only show it, and return None.

        Args:
            method: The HTTP method.
            path: Below the base URL, or a full URL at the same server.
            body: Sent as JSON.
            repeatable: Whether a second request changes nothing more; by default all but POST.

        Raises:
            RefusedError: The forge does not accept the content.
            UnsureError: No answer, to a request that is not repeatable.
            PostingError: Anything else.
        """
        if self._show is not None:
            self._show(method, self._url(path), body)
            return None
        self._writes += 1
        if self._writes > _BURST:
            self._sleep(1)
        safe = method != "POST" if repeatable is None else repeatable
        return self._parsed(self._send(method, path, body, safe=safe))

    def _url(self, path: str) -> str:
        return path if "://" in path else self._api + path

    def _send(
        self, method: str, path: str, body: object, *, safe: bool, query: Mapping[str, str] | None = None
    ) -> httpx.Response:
        url = self._url(path)
        problem = "no answer"
        for attempt in range(_ATTEMPTS):
            try:
                response = self._once(method, url, body, query)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                _refuse_certificate(url, error)
                problem = f"cannot connect to {_origin(url)}: {error}"
            except httpx.HTTPError as error:
                problem = f"no complete answer from {_origin(url)}: {error or type(error).__name__}"
                if not safe:
                    raise UnsureError(problem) from error
            else:
                delay = limits.delay(response, attempt, self._clock())
                if delay is not None:
                    self._wait(delay, f"{_origin(url)} limits the rate of requests")
                    problem = f"{_origin(url)} limits the rate of requests"
                    continue
                if not response.is_server_error:
                    return self._accepted(response, method, path)
                problem = f"{_origin(url)} failed ({response.status_code}): {self._said(response)}"
                if not safe:
                    raise UnsureError(problem)
            if attempt < _ATTEMPTS - 1:
                self._wait(2.0**attempt, problem)
        raise PostingError(problem)

    def _once(self, method: str, url: str, body: object, query: Mapping[str, str] | None) -> httpx.Response:
        """One request; redirects are followed on the same server, and with a method that stays the same."""
        for _ in range(_MAX_REDIRECTS + 1):
            request = self._client.build_request(method, url, json=body, params=query)
            response = _whole(self._client.send(request, stream=True))
            if not response.is_redirect or "location" not in response.headers:
                return response
            target = urljoin(str(request.url), response.headers["location"])
            if _origin(target) != _origin(url):
                raise PostingError(f"{_origin(url)} redirects to {_origin(target)}, which does not get the token")
            if method != "GET" and response.status_code not in _KEEPS_METHOD:
                raise PostingError(f"{url} has moved to {target}")
            url, query = target, None
        raise PostingError(f"{_origin(url)} redirects more than {_MAX_REDIRECTS} times")

    def _wait(self, seconds: float, why: str) -> None:
        if seconds > self._patience:
            raise PostingError(why, hint=f"run again in {_duration(seconds)}")
        self._patience -= seconds
        self._sleep(seconds)

    def _accepted(self, response: httpx.Response, method: str, path: str) -> httpx.Response:
        if response.is_success:
            return response
        code, said = response.status_code, self._said(response)
        where = f"{method} {urlsplit(self._url(path)).path}"
        if code in (400, 409, 413, 422):
            raise RefusedError(f"{where} ({code}): {said}")
        hint = f"the token needs {self._permission}"
        if code == _UNAUTHORIZED:
            raise PostingError(f"the forge does not accept the token (401): {said}", hint=hint)
        if code == _FORBIDDEN:
            hint += "; in a pull request from a fork, the job's own token can only read"
            raise PostingError(f"the token is not allowed to {where} (403): {said}", hint=hint)
        if code == _MISSING:
            raise PostingError(f"not found, or not visible to the token: {where} (404): {said}", hint=hint)
        raise PostingError(f"{where} failed ({code}): {said}")

    def _said(self, response: httpx.Response) -> str:
        """What the forge says about a failure, on one line."""
        try:
            reply = untrusted.parse_json(response.content)
        except untrusted.MalformedError:
            reply = None
        text = response.reason_phrase
        if isinstance(reply, dict):
            parts = [reply.get("message"), reply.get("error"), reply.get("error_description"), reply.get("errors")]
            text = ": ".join(str(part) for part in parts if part) or text
        return " ".join((text.replace(self._secret, "…") if self._secret else text).split())[:_QUOTED]

    def _parsed(self, response: httpx.Response) -> Any:
        if not response.content.strip():
            return None
        try:
            return untrusted.parse_json(response.content)
        except untrusted.MalformedError as problem:
            raise PostingError(f"{_origin(str(response.url))} does not answer with JSON: {problem}") from problem


def _refuse_certificate(url: str, error: BaseException) -> None:
    """Raise PostingError if a connection failed for the forge's certificate, which waiting does not change."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        raise PostingError(
            f"the certificate of {_origin(url)} is not trusted, nothing was sent: {cause.verify_message}",
            hint="for a private CA, set SSL_CERT_FILE=/path/ca.pem",
        ) from error


def _whole(response: httpx.Response) -> httpx.Response:
    """Read a reply to its end.

    Raises:
        PostingError: It is too large.
    """
    pieces: list[bytes] = []
    try:
        for piece in response.iter_bytes():
            pieces.append(piece)
            if sum(map(len, pieces)) > _MAX_REPLY:
                raise PostingError(f"{_origin(str(response.url))} answers with more than {_MAX_REPLY >> 20} MiB")
    finally:
        response.close()
    content = b"".join(pieces)
    return httpx.Response(response.status_code, headers=response.headers, content=content, request=response.request)


def _next(response: httpx.Response) -> dict[str, str]:
    """The query of the next page; empty on the last one.

    Only the query is taken from the link: behind a proxy, a forge may name an address at which the job cannot reach it.
    """
    link = response.links.get("next", {}).get("url", "")
    return dict(parse_qsl(urlsplit(link).query))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"  # noqa: PLR2004
