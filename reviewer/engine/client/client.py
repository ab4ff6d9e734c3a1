"""The client to a model server: what can be asked of it, over the connections of ``transport.py``.

It imports httpx, so import it only where a request will really be sent.
"""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Self

from reviewer.engine.client import prometheus, wire
from reviewer.engine.client.health import EndpointState
from reviewer.engine.client.transport import OK, Transport
from reviewer.engine.client.wire import Completion, Message, Sampling
from reviewer.errors import EngineError, EngineRequestError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from types import TracebackType

    import httpx

    from reviewer.engine.client.endpoint import Endpoint

__all__ = ["Completion", "EngineClient", "Message"]

_PROBE_SECONDS = 5.0


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
        self._model = endpoint.served_name
        self._transport = Transport(endpoint, transport)

    def __repr__(self) -> str:
        """Show where it leads, without the key."""
        return f"EngineClient({self.endpoint!r})"

    @property
    def answered(self) -> bool:
        """Whether the server has answered anything yet."""
        return self._transport.answered

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the server: nothing; a pool has something to tell."""
        return ()

    def states(self) -> tuple[EndpointState, ...]:
        """The server as it was when last seen."""
        return (EndpointState(str(self.endpoint), self.answered),)

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
        await self._transport.aclose()

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
        lines = self._transport.lines("/v1/chat/completions", body, timeout=timeout or self._timeout)
        async with aclosing(lines):
            async for line in lines:
                piece = wire.read_delta(line)
                if piece is None:
                    return
                if piece:
                    yield piece
        raise self._transport.died("it broke off its answer")

    async def health(self, *, timeout: float = _PROBE_SECONDS) -> bool:
        """Whether the server is there and ready; never raises for one that is not."""
        try:
            response, _ = await self._transport.send("GET", "/health", timeout=timeout)
            if response.status_code == 404:  # noqa: PLR2004 - an OpenAI-compatible server without vLLM's health route
                response, _ = await self._transport.send("GET", "/v1/models", timeout=timeout)
        except EngineError:
            return False
        return response.status_code == OK

    async def models(self, *, timeout: float = _PROBE_SECONDS) -> list[dict[str, Any]]:
        """The models served: each with its ``id`` and, from vLLM, ``max_model_len``."""
        data = await self._transport.json("GET", "/v1/models", timeout=timeout)
        listed = data.get("data") if isinstance(data, dict) else None
        if not isinstance(listed, list):
            raise wire.unexpected("a list of models", data)
        return [entry for entry in listed if isinstance(entry, dict) and isinstance(entry.get("id"), str)]

    async def count_tokens(self, messages: Sequence[Message]) -> int:
        """The length of a conversation in tokens, chat template included (vLLM's ``/tokenize``)."""
        body = {"model": await self._model_name(), "messages": list(messages), "add_generation_prompt": True}
        data = await self._transport.json("POST", "/tokenize", body, timeout=self._timeout)
        count = data.get("count") if isinstance(data, dict) else None
        if not isinstance(count, int):
            raise wire.unexpected("a token count", data)
        return count

    async def metrics(self, *, timeout: float = _PROBE_SECONDS) -> dict[str, float]:
        """The server's own figures, summed over labels; see ``prometheus.parse``."""
        response, content = await self._transport.send("GET", "/metrics", timeout=timeout)
        if response.status_code != OK:
            raise self._transport.refused(response, content)
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
        data = await self._transport.json("POST", path, body, timeout=timeout or self._timeout)
        return wire.read_completion(data, time.perf_counter() - started)
