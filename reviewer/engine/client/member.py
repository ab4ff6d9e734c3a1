"""One server of a pool: what is open there, how busy it is, whether it answers and whether it makes progress."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar

from reviewer.engine.client import prometheus
from reviewer.engine.client.health import EndpointState
from reviewer.errors import EngineDiedError, EngineError, EngineRequestError, InferenceTimeoutError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from reviewer.engine.client.client import EngineClient

_T = TypeVar("_T")

# Failed checks in a row after which a server counts as gone; one that is only busy answers some of them.
_MAX_MISSED = 3


class Request:
    """One open request.

    Args:
        patient: Whether it has no deadline of its own, and is given up when the server makes no progress.
    """

    def __init__(self, *, patient: bool) -> None:
        self.patient = patient
        self.since = time.monotonic()
        self._task: asyncio.Task[Any] | None = None
        self._error: EngineError | None = None

    async def wait(self, asking: Coroutine[Any, Any, _T]) -> _T:
        """Wait for the answer, or for its next piece.

        Raises:
            EngineError: What the client raises, or what ``give_up`` was called with.
        """
        self.since = time.monotonic()
        task = asyncio.create_task(asking)
        self._task = task
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if self._error is None or (current is not None and current.cancelling()):
                raise
            raise self._error from None
        finally:
            self._task = None

    def give_up(self, error: EngineError) -> None:
        """End the wait with an error."""
        if self._task is not None:
            self._error = error
            self._task.cancel()


class Member:
    """One server of a pool.

    Args:
        client: Talks to it.
        alone: Whether it is the only one. It is used whatever happens, since no other can take its requests.

    Attributes:
        problem: Why it is not used; empty while it is.
        requests: Our open requests.
        checking: Held while it is checked because a request failed.
    """

    def __init__(self, client: EngineClient, *, alone: bool) -> None:
        self.client = client
        self.problem = ""
        self.requests: set[Request] = set()
        self.checking = asyncio.Lock()
        self._alone = alone
        self._foreign = 0.0
        self._missed = 0
        self._counters: tuple[float | None, ...] = ()
        self._progressed = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether it may be asked."""
        return not self.problem

    @property
    def load(self) -> float:
        """Open requests there: ours and, as far as it shows them, those of other clients."""
        return len(self.requests) + self._foreign

    def state(self) -> EndpointState:
        """Its state as last seen."""
        problem = self.problem or ("it did not answer in time" if self._missed else "")
        return EndpointState(str(self.client.endpoint), not problem, len(self.requests), problem)

    def progressed(self) -> None:
        """Note that it has answered something."""
        self._progressed = time.monotonic()

    def give_up_silent(self, seconds: float) -> None:
        """Give up the patient requests, where the server has made no progress for so long."""
        now = time.monotonic()
        for request in [one for one in self.requests if one.patient]:
            if now - max(request.since, self._progressed) >= seconds:
                request.give_up(
                    InferenceTimeoutError(
                        f"the engine made no progress for {seconds:g} s",
                        hint="check the engine's log, or raise timeout",
                    )
                )

    async def check_health(self) -> None:
        """Ask ``/health`` instead of ``/metrics``."""
        self._missed = 0 if await self.client.health() else self._missed + 1

    async def look(self, timeout: float) -> None:
        """Check whether it answers, how busy it is and whether it makes progress.

        A server that refuses connections is left out at once and its open requests end by themselves. One that does
        not answer is left out after some checks, and its open requests are given up then.
        """
        try:
            await (self._measure(timeout) if self.alive else self._try_again(timeout))
            self._missed = 0
        except InferenceTimeoutError:
            self._miss(f"{self.client.endpoint} does not answer any more")
        except EngineError as error:
            # It may have closed an idle connection at just that moment, so ask once more.
            if self.alive and not self._alone and not await self.client.health(timeout=timeout):
                self.problem = error.message
            self._miss(error.message)

    async def _measure(self, timeout: float) -> None:
        ours = len(self.requests)
        try:
            figures = await self.client.metrics(timeout=timeout)
        except EngineRequestError:
            figures = {}  # it answers, but publishes no metrics
        self._foreign = max(0.0, prometheus.open_requests(figures) - ours)
        counters = tuple(figures.get(name) for name in prometheus.PROGRESS)
        if counters != self._counters:
            self._counters = counters
            self.progressed()

    async def _try_again(self, timeout: float) -> None:
        """Use it again if it answers with the same model."""
        name = self.client.endpoint.served_name
        served = await self.client.models(timeout=timeout)
        if name is None or any(entry["id"] == name for entry in served):
            self.problem = ""

    def _miss(self, why: str) -> None:
        self._missed += 1
        if self._alone or self._missed < _MAX_MISSED:
            return
        self.problem = self.problem or why
        for request in self.requests:
            request.give_up(EngineDiedError(self.problem))
