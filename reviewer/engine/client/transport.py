"""HTTP to one model server: connections, time-outs, bounded replies, and every error of httpx translated in one place.

It imports httpx, so import it only where a request will really be sent.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx

from reviewer.engine.client import tls, wire
from reviewer.errors import (
    EngineDiedError,
    EngineError,
    EngineRequestError,
    EngineUnreachableError,
    InferenceTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from reviewer.engine.client.endpoint import Endpoint

OK = 200
# With the time for everything else, a missing endpoint is reported within a second.
_CONNECT_SECONDS = 0.9
# All units of a review are sent at once, for vLLM to batch; macOS lets a process open 256 files, sockets included.
_MAX_CONNECTIONS = 160
# vLLM closes an idle connection after 5 s; a request sent into that moment would look like a dead engine.
_KEEPALIVE_SECONDS = 3.0
_MAX_REPLY_BYTES = 16 * 2**20


class Transport:
    """The connections to one server.

    Args:
        endpoint: Where it answers.
        network: Replaces the network, for tests.

    Attributes:
        answered: Whether the server has answered anything yet.
    """

    def __init__(self, endpoint: Endpoint, network: httpx.AsyncBaseTransport | None = None) -> None:
        self.answered = False
        self._endpoint = endpoint
        limits = httpx.Limits(
            max_connections=_MAX_CONNECTIONS,
            max_keepalive_connections=_MAX_CONNECTIONS,
            keepalive_expiry=_KEEPALIVE_SECONDS,
        )
        verify = tls.context(endpoint)
        if network is None and endpoint.uds is not None:
            network = httpx.AsyncHTTPTransport(verify=verify, uds=str(endpoint.uds), limits=limits)
        self._http = httpx.AsyncClient(
            base_url=endpoint.url,
            transport=network,
            verify=verify,
            limits=limits,
            # _translated bounds the time of the whole answer; httpx would only bound the gaps between bytes.
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
            headers=_headers(endpoint),
            follow_redirects=False,
            # A proxy from the environment must not see requests to this machine.
            trust_env=not endpoint.is_local,
        )

    async def aclose(self) -> None:
        """Close the connections; open requests are given up."""
        await self._http.aclose()

    async def send(
        self, method: str, path: str, body: object = None, *, timeout: float | None
    ) -> tuple[httpx.Response, bytes]:
        """Send a request and read the whole reply, whatever its status."""
        async with self._translated(timeout, _ends(timeout)), self._http.stream(method, path, json=body) as response:
            content = await _bounded(response)
        self.answered = True
        return response, content

    async def json(self, method: str, path: str, body: object = None, *, timeout: float | None) -> object:
        """Send a request and read the reply as JSON."""
        response, content = await self.send(method, path, body, timeout=timeout)
        if response.status_code != OK:
            raise self.refused(response, content)
        return wire.load_json(content)

    async def lines(self, path: str, body: object, *, timeout: float | None) -> AsyncGenerator[str, None]:
        """Send a request and yield the lines of the reply as they come."""
        ends = _ends(timeout)
        request = self._http.build_request("POST", path, json=body)
        async with self._translated(timeout, ends):
            response = await self._http.send(request, stream=True)
        self.answered = True
        try:
            if response.status_code != OK:
                async with self._translated(timeout, ends):
                    content = await _bounded(response)
                raise self.refused(response, content)
            lines = _lines(response)
            while True:
                # A deadline must not span a yield: it would cancel the consumer of the lines.
                async with self._translated(timeout, ends):
                    line = await anext(lines, None)
                if line is None:
                    return
                yield line
        finally:
            await response.aclose()

    def refused(self, response: httpx.Response, content: bytes) -> EngineError:
        """The error for a reply whose status is not 200."""
        return wire.refusal(self._endpoint, response.status_code, content, response.headers.get("location"))

    def died(self, how: str) -> EngineDiedError:
        """The error for a server that is gone."""
        hint = wire.LOGS_HINT if self._endpoint.uds else None
        return EngineDiedError(f"the engine at {self._endpoint} died: {how}", hint=hint)

    @asynccontextmanager
    async def _translated(self, timeout: float | None, ends: float | None) -> AsyncIterator[None]:
        """Keep the deadline and translate the errors of httpx."""
        if self._http.is_closed:  # by another task, which found the engine dead
            raise self.died("the connection to it was closed")
        try:
            async with asyncio.timeout_at(ends):
                yield
        except TimeoutError:
            raise InferenceTimeoutError(
                f"no complete answer within {round(timeout or 0, 2):g} s",
                hint="raise timeout, or ask for a shorter reply (max_tokens)",
            ) from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            untrusted = tls.failure(self._endpoint, error)
            if untrusted is not None:
                raise untrusted from error
            if self.answered:
                raise self.died("it answered before and does not any more") from error
            raise EngineUnreachableError(
                f"nothing answers at {self._endpoint}: {wire.quoted(str(error)) or type(error).__name__}",
                hint="reviewer engine start" if self._endpoint.is_local else "check engine.url and the network",
            ) from error
        except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
            raise self.died("the connection broke before the answer was complete") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EngineRequestError(f"the engine's reply is unusable: {wire.quoted(str(error))}") from error


def _ends(timeout: float | None) -> float | None:
    return None if timeout is None else asyncio.get_running_loop().time() + timeout


def _headers(endpoint: Endpoint) -> dict[str, str]:
    # Answers are small; a compressed one could expand to any size.
    headers = {"Accept-Encoding": "identity", "User-Agent": "vllm-reviewer"}
    if endpoint.api_key:
        headers["Authorization"] = f"Bearer {endpoint.api_key}"
    return headers


async def _bounded(response: httpx.Response) -> bytes:
    return b"".join([chunk async for chunk in _chunks(response)])


async def _lines(response: httpx.Response) -> AsyncIterator[str]:
    """The lines of a stream. httpx-sse would read them without a bound."""
    rest = b""
    async for chunk in _chunks(response):
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield line.decode("utf-8", "replace").rstrip("\r")


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    total = 0
    async for chunk in response.aiter_bytes():
        total += len(chunk)
        if total > _MAX_REPLY_BYTES:
            raise EngineRequestError(f"the engine's reply is longer than {_MAX_REPLY_BYTES // 2**20} MiB")
        yield chunk
