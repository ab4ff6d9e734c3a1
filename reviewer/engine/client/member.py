"""One server of a pool: what is under way there, how busy it is, and whether it is still there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from reviewer.engine.client.health import EndpointState
from reviewer.engine.client.prometheus import RUNNING, WAITING
from reviewer.errors import EngineDiedError, EngineError, EngineRequestError, InferenceTimeoutError

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from reviewer.engine.client.client import EngineClient

_T = TypeVar("_T")

# Looks in a row without an answer after which a server counts as gone; one that is only busy answers some of them.
_MISSED_LOOKS = 3


class Member:
    """One server of a pool.

    Attributes:
        client: Talks to it.
        problem: Why it is left out; empty while it is used.
        streams: Streams that are under way.
        looking: Held while it is looked at because a request broke.
    """

    def __init__(self, client: EngineClient) -> None:
        self.client = client
        self.problem = ""
        self.streams = 0
        self.looking = asyncio.Lock()
        self._open: set[asyncio.Task[Any]] = set()
        self._foreign = 0.0
        self._missed = 0

    @property
    def alive(self) -> bool:
        """Whether it may be asked."""
        return not self.problem

    @property
    def requests(self) -> int:
        """Our own requests that are under way there."""
        return len(self._open) + self.streams

    @property
    def load(self) -> float:
        """Requests under way there, ours and, as far as it tells, those of others."""
        return self.requests + self._foreign

    def state(self) -> EndpointState:
        """What is known of it now."""
        problem = self.problem or ("it did not answer in time" if self._missed else "")
        return EndpointState(str(self.client.endpoint), not problem, self.requests, problem)

    async def run(self, asking: Coroutine[Any, Any, _T]) -> _T:
        """Wait for an answer, and give it up when the server falls silent.

        Raises:
            EngineDiedError: It fell silent.
            EngineError: As the client says.
        """
        task = asyncio.create_task(asking)
        self._open.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if self.alive or (current is not None and current.cancelling()):
                raise
            raise EngineDiedError(self.problem) from None
        finally:
            self._open.discard(task)

    async def look(self, timeout: float) -> None:
        """See whether it answers and how busy it is.

        One that refuses is left out at once and its open requests end by themselves; one that says nothing is left
        out after some looks, and its open requests are given up then.
        """
        try:
            await (self._measure(timeout) if self.alive else self._try_again(timeout))
            self._missed = 0
        except InferenceTimeoutError:
            self._miss(f"{self.client.endpoint} does not answer any more")
        except EngineError as error:
            # It may have closed an idle connection at just that moment, so once more.
            if self.alive and not await self.client.health(timeout=timeout):
                self.problem = error.message
            self._miss(error.message)

    async def _measure(self, timeout: float) -> None:
        ours = self.requests
        try:
            figures = await self.client.metrics(timeout=timeout)
        except EngineRequestError:
            figures = {}  # it answers, and has no such figures
        self._foreign = max(0.0, figures.get(RUNNING, 0.0) + figures.get(WAITING, 0.0) - ours)

    async def _try_again(self, timeout: float) -> None:
        """Use it again where it answers with the model that it had."""
        name = self.client.endpoint.served_name
        served = await self.client.models(timeout=timeout)
        if name is None or any(entry["id"] == name for entry in served):
            self.problem = ""

    def _miss(self, why: str) -> None:
        self._missed += 1
        if self._missed < _MISSED_LOOKS:
            return
        self.problem = self.problem or why
        for task in self._open:
            task.cancel()
