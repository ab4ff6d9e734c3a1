"""The HTTP client to a model server: requests, time-outs, and every transport error translated in one place.

It imports httpx, so import it only where a request will really be sent.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import httpx

from reviewer.engine import prometheus, tls, wire
from reviewer.engine.health import EndpointState
from reviewer.engine.wire import Completion, Message, Sampling
from reviewer.errors import (
    EngineDiedError,
    EngineError,
    EngineRequestError,
    EngineUnreachableError,
    InferenceTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
    from types import TracebackType

    from reviewer.engine.endpoint import Endpoint

__all__ = ["Completion", "EngineClient", "Message"]

# With what surrounds it, an endpoint that is not there is told within a second.
_CONNECT_SECONDS = 0.9
_PROBE_SECONDS = 5.0
# All units of a review go out at once, for vLLM to batch; macOS lets a process open 256 files, sockets included.
_MAX_CONNECTIONS = 160
# vLLM closes an idle connection after 5 s; a request sent into that moment would look like a dead engine.
_KEEPALIVE_SECONDS = 3.0
_MAX_REPLY_BYTES = 16 * 2**20
_OK = 200


class EngineClient:
    """Talks to one model server; an async context manager.

    Args:
        endpoint: Where it answers.
        timeout: Default time for a whole answer, in seconds.
        transport: Replaces the network, for tests.

    Every call raises ``EngineUnreachableError`` when nothing accepts the connection within a second,
    ``EngineDiedError`` when the connection broke before the answer was complete, ``InferenceTimeoutError`` when the
    answer took too long, ``PromptTooLongError`` and ``EngineRequestError`` when the server refused.
    """

    def __init__(
        self, endpoint: Endpoint, *, timeout: float = 120.0, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.endpoint = endpoint
        self._timeout = timeout
        self._answered = False
        self._model = endpoint.served_name
        limits = httpx.Limits(
            max_connections=_MAX_CONNECTIONS,
            max_keepalive_connections=_MAX_CONNECTIONS,
            keepalive_expiry=_KEEPALIVE_SECONDS,
        )
        if transport is None and endpoint.uds is not None:
            transport = httpx.AsyncHTTPTransport(uds=str(endpoint.uds), limits=limits)
        self._http = httpx.AsyncClient(
            base_url=endpoint.url,
            transport=transport,
            verify=tls.context(endpoint),
            limits=limits,
            # The time for the whole answer is kept by _translated; httpx would only bound the gaps between bytes.
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
            headers=_headers(endpoint),
            follow_redirects=False,
            # A proxy from the environment must not see what is meant for this machine.
            trust_env=not endpoint.is_local,
        )

    def __repr__(self) -> str:
        """Show where it leads, without the key."""
        return f"EngineClient({self.endpoint!r})"

    @property
    def answered(self) -> bool:
        """Whether the server has answered anything yet."""
        return self._answered

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the server: nothing; a pool has something to tell."""
        return ()

    def states(self) -> tuple[EndpointState, ...]:
        """The server as it was when last seen."""
        return (EndpointState(str(self.endpoint), self._answered),)

    async def survey(self) -> tuple[EndpointState, ...]:
        """Look at the server now."""
        answers = await self.health()
        return (EndpointState(str(self.endpoint), answers, problem="" if answers else "it does not answer"),)

    async def __aenter__(self) -> Self:
        """Nothing to open: connections are made as they are needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; unfinished requests are given up, and the server stops decoding them."""
        await self._http.aclose()

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        schema: Mapping[str, Any] | None = None,
        seed: int | None = None,
        timeout: float | None = None,
        stop: Sequence[str] = (),
        logprobs: bool = False,
        extra: Mapping[str, Any] | None = None,
    ) -> Completion:
        """Ask for one answer to a conversation; see ``Sampling`` for the options."""
        sampling = Sampling(
            max_tokens=max_tokens, temperature=temperature, schema=schema, seed=seed, stop=stop, logprobs=logprobs,
            extra=extra,
        )  # fmt: skip
        return await self._answer(
            "/v1/chat/completions", wire.chat_body(await self._model_name(), messages, sampling), timeout
        )

    async def complete(
        self,
        prompt: str,
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int | None = None,
        timeout: float | None = None,
        stop: Sequence[str] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> Completion:
        """Continue a raw prompt, without a chat template; for fill-in-the-middle."""
        sampling = Sampling(max_tokens=max_tokens, temperature=temperature, seed=seed, stop=stop, extra=extra)
        return await self._answer(
            "/v1/completions", wire.completion_body(await self._model_name(), prompt, sampling), timeout
        )

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        schema: Mapping[str, Any] | None = None,
        seed: int | None = None,
        timeout: float | None = None,
        stop: Sequence[str] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[str, None]:
        """Ask for one answer and yield its pieces as they are decoded.

        Leaving the loop early ends the request once the iterator is closed; ``contextlib.aclosing`` does so at once.
        """
        sampling = Sampling(
            max_tokens=max_tokens, temperature=temperature, schema=schema, seed=seed, stop=stop, extra=extra
        )
        body = wire.chat_body(await self._model_name(), messages, sampling) | {"stream": True}
        allowed = timeout or self._timeout
        deadline = asyncio.get_running_loop().time() + allowed
        request = self._http.build_request("POST", "/v1/chat/completions", json=body)
        async with self._translated(allowed, deadline):
            response = await self._http.send(request, stream=True)
        self._answered = True
        try:
            if response.status_code != _OK:
                async with self._translated(allowed, deadline):
                    content = await _bounded(response)
                raise self._refused(response, content)
            lines = _lines(response)
            while True:
                # A deadline must not span a yield: it would cancel whoever consumes the pieces.
                async with self._translated(allowed, deadline):
                    line = await anext(lines, None)
                if line is None:
                    raise self._died("it broke off its answer")
                piece = wire.read_delta(line)
                if piece is None:
                    return
                if piece:
                    yield piece
        finally:
            await response.aclose()

    async def health(self, *, timeout: float = _PROBE_SECONDS) -> bool:
        """Whether the server is there and ready; never raises for one that is not."""
        try:
            response, _ = await self._send("GET", "/health", timeout=timeout)
            if response.status_code == 404:  # noqa: PLR2004 - an OpenAI-compatible server without vLLM's health route
                response, _ = await self._send("GET", "/v1/models", timeout=timeout)
        except EngineError:
            return False
        return response.status_code == _OK

    async def models(self, *, timeout: float = _PROBE_SECONDS) -> list[dict[str, Any]]:
        """The models served: each with its ``id`` and, from vLLM, ``max_model_len``."""
        data = await self._json("GET", "/v1/models", timeout=timeout)
        listed = data.get("data") if isinstance(data, dict) else None
        if not isinstance(listed, list):
            raise wire.unexpected("a list of models", data)
        return [entry for entry in listed if isinstance(entry, dict) and isinstance(entry.get("id"), str)]

    async def count_tokens(self, messages: Sequence[Message]) -> int:
        """The length of a conversation in tokens, chat template included (vLLM's ``/tokenize``)."""
        body = {"model": await self._model_name(), "messages": list(messages), "add_generation_prompt": True}
        data = await self._json("POST", "/tokenize", body, timeout=self._timeout)
        count = data.get("count") if isinstance(data, dict) else None
        if not isinstance(count, int):
            raise wire.unexpected("a token count", data)
        return count

    async def metrics(self, *, timeout: float = _PROBE_SECONDS) -> dict[str, float]:
        """The server's own figures, summed over labels; see ``prometheus.parse``."""
        response, content = await self._send("GET", "/metrics", timeout=timeout)
        if response.status_code != _OK:
            raise self._refused(response, content)
        return prometheus.parse(content.decode("utf-8", "replace"))

    async def _model_name(self) -> str:
        if self._model is None:
            served = await self.models()
            if not served:
                raise EngineRequestError(f"{self.endpoint} serves no model")
            self._model = str(served[0]["id"])
        return self._model

    async def _answer(self, path: str, body: dict[str, Any], timeout: float | None) -> Completion:
        started = time.perf_counter()
        data = await self._json("POST", path, body, timeout=timeout or self._timeout)
        return wire.read_completion(data, time.perf_counter() - started)

    async def _json(self, method: str, path: str, body: object = None, *, timeout: float) -> object:
        response, content = await self._send(method, path, body, timeout=timeout)
        if response.status_code != _OK:
            raise self._refused(response, content)
        return wire.load_json(content)

    async def _send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        timeout: float,
    ) -> tuple[httpx.Response, bytes]:
        deadline = asyncio.get_running_loop().time() + timeout
        async with self._translated(timeout, deadline), self._http.stream(method, path, json=body) as response:
            content = await _bounded(response)
        self._answered = True
        return response, content

    def _refused(self, response: httpx.Response, content: bytes) -> EngineError:
        return wire.refusal(self.endpoint, response.status_code, content, response.headers.get("location"))

    def _died(self, how: str) -> EngineDiedError:
        return EngineDiedError(f"the engine at {self.endpoint} died: {how}", hint=self._logs_hint())

    def _logs_hint(self) -> str | None:
        return "reviewer engine logs shows its last words" if self.endpoint.uds else None

    @asynccontextmanager
    async def _translated(self, allowed: float, deadline: float) -> AsyncIterator[None]:
        """Keep the time and turn httpx's errors into ours."""
        if self._http.is_closed:  # by another task, which found the engine dead
            raise self._died("it was given up")
        try:
            async with asyncio.timeout_at(deadline):
                yield
        except TimeoutError:
            raise InferenceTimeoutError(
                f"no complete answer within {allowed:g} s",
                hint="raise timeout, or ask for a shorter reply (max_tokens)",
            ) from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            untrusted = tls.failure(self.endpoint, error)
            if untrusted is not None:
                raise untrusted from error
            if self._answered:
                raise self._died("it answered before, and does not any more") from error
            raise EngineUnreachableError(
                f"nothing answers at {self.endpoint}: {wire.quoted(str(error)) or type(error).__name__}",
                hint="reviewer engine start" if self.endpoint.is_local else "check engine.url and the network",
            ) from error
        except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
            raise self._died("the connection broke before the answer was complete") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EngineRequestError(f"the engine's reply is unusable: {wire.quoted(str(error))}") from error


def _headers(endpoint: Endpoint) -> dict[str, str]:
    # Answers are small and near; a compressed one could unfold to any size.
    headers = {"Accept-Encoding": "identity", "User-Agent": "vllm-reviewer"}
    if endpoint.api_key:
        headers["Authorization"] = f"Bearer {endpoint.api_key}"
    return headers


async def _bounded(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > _MAX_REPLY_BYTES:
            raise EngineRequestError(f"the engine's reply is longer than {_MAX_REPLY_BYTES // 2**20} MiB")
    return bytes(content)


async def _lines(response: httpx.Response) -> AsyncIterator[str]:
    """The lines of a stream; bounded like any reply."""
    total, rest = 0, b""
    async for chunk in response.aiter_bytes():
        total += len(chunk)
        if total > _MAX_REPLY_BYTES:
            raise EngineRequestError(f"the engine's reply is longer than {_MAX_REPLY_BYTES // 2**20} MiB")
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield line.decode("utf-8", "replace").rstrip("\r")
