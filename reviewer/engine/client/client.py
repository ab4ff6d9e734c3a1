"""The client of one model server: what can be asked of it.

It imports httpx, so import it only where a request will really be sent.
"""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Self

from reviewer.engine.client import prometheus, wire
from reviewer.engine.client.transport import OK, Transport
from reviewer.errors import EngineError, EngineRequestError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from types import TracebackType

    import httpx

    from reviewer.engine.client.endpoint import Endpoint

_PROBE_SECONDS = 5.0


class EngineClient:
    """Talks to one model server; an async context manager.

    Args:
        endpoint: Where it answers.
        network: Replaces the network, for tests.

    Every call raises ``EngineUnreachableError`` when nothing accepts the connection within a second,
    ``EngineDiedError`` when the connection broke before the answer was complete, ``InferenceTimeoutError`` when the
    answer was not complete after ``timeout`` seconds (None: no limit), and ``PromptTooLongError`` or
    ``EngineRequestError`` when the server refused.
    """

    def __init__(self, endpoint: Endpoint, *, network: httpx.AsyncBaseTransport | None = None) -> None:
        self.endpoint = endpoint
        self._model = endpoint.served_name
        self._transport = Transport(endpoint, network)

    @property
    def answered(self) -> bool:
        """Whether the server has answered anything yet."""
        return self._transport.answered

    async def __aenter__(self) -> Self:
        """Connections are made as they are needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; open requests are given up, and the server stops decoding them."""
        await self._transport.aclose()

    async def chat(
        self, messages: Sequence[wire.Message], *, timeout: float | None = None, **sampling: Any
    ) -> wire.Completion:
        """Ask for one answer to a conversation; ``sampling`` are fields of ``Sampling``."""
        body = wire.chat_body(await self._model_name(), messages, wire.Sampling(**sampling))
        return await self._answer("/v1/chat/completions", body, timeout)

    async def complete(self, prompt: str, *, timeout: float | None = None, **sampling: Any) -> wire.Completion:
        """Continue a raw prompt, without a chat template; for fill-in-the-middle."""
        body = wire.completion_body(await self._model_name(), prompt, wire.Sampling(**sampling))
        return await self._answer("/v1/completions", body, timeout)

    async def stream(
        self, prompt: str | Sequence[wire.Message], *, timeout: float | None = None, **sampling: Any
    ) -> AsyncGenerator[str, None]:
        """Ask for one answer to a conversation, or continue a raw prompt, and yield the pieces as they are decoded.

        Leaving the loop early ends the request once the iterator is closed; ``contextlib.aclosing`` does so at once.
        """
        model, options = await self._model_name(), wire.Sampling(**sampling)
        if isinstance(prompt, str):
            path, body = "/v1/completions", wire.completion_body(model, prompt, options)
        else:
            path, body = "/v1/chat/completions", wire.chat_body(model, prompt, options)
        async with aclosing(self._transport.lines(path, body | {"stream": True}, timeout=timeout)) as lines:
            async for line in lines:
                piece = wire.read_delta(line)
                if piece is None:
                    return
                if piece:
                    yield piece
        raise self._transport.died("it broke off its answer")

    async def health(self, *, timeout: float = _PROBE_SECONDS) -> bool:
        """Whether the server is ready; never raises."""
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

    async def _answer(self, path: str, body: dict[str, Any], timeout: float | None) -> wire.Completion:
        started = time.perf_counter()
        data = await self._transport.json("POST", path, body, timeout=timeout)
        return wire.read_completion(data, time.perf_counter() - started)
