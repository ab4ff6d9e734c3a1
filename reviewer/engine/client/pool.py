"""Several servers of one model, used as one: each request goes to the least loaded, and none is lost with a server.

It has the interface of ``EngineClient``. A server's load is the number of our own open requests there and of the
requests that others have there, as far as its ``/metrics`` tell. A request whose server dies is asked of another one;
a server that falls silent (its machine lost power, its network is cut) is found out by asking it now and then.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Self, TypeVar

from reviewer.engine.client.client import EngineClient
from reviewer.engine.client.member import Member
from reviewer.errors import (
    EngineDiedError,
    EngineError,
    EngineFaultError,
    EngineUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
    from types import TracebackType

    from reviewer.engine.client.endpoint import Endpoint
    from reviewer.engine.client.health import EndpointState
    from reviewer.engine.client.wire import Completion, Message

_T = TypeVar("_T")

_WATCH_SECONDS = 5.0
_FIRST_LOOK_SECONDS = 1.0
# A request that kills whatever reads it must not take down the whole pool.
_MOST_SERVERS = 3
_MOVABLE = (EngineDiedError, EngineUnreachableError, EngineFaultError)


def connect(endpoints: Endpoint | Sequence[Endpoint], *, timeout: float) -> EngineClient | EnginePool:
    """A client for one endpoint, a pool for several."""
    found = tuple(endpoints) if isinstance(endpoints, (tuple, list)) else (endpoints,)
    clients = [EngineClient(endpoint, timeout=timeout) for endpoint in found]
    return clients[0] if len(clients) == 1 else EnginePool(clients, timeout=timeout, watch_seconds=_WATCH_SECONDS)


class EnginePool:
    """Talks to several servers of one model; an async context manager.

    Args:
        clients: One for each server.
        timeout: Default time for a whole answer, in seconds, whichever servers it takes.
        watch_seconds: Time between two looks at the servers while requests are open.

    Every call raises what ``EngineClient`` raises; ``EngineUnreachableError`` and ``EngineDiedError`` only when no
    server is left to ask.
    """

    def __init__(self, clients: Sequence[EngineClient], *, timeout: float = 120.0, watch_seconds: float = 5.0) -> None:
        self._members = [Member(client) for client in clients]
        self._timeout = timeout
        self._watch_seconds = watch_seconds
        self._first_look: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._notes: dict[str, None] = {}

    def __repr__(self) -> str:
        """Show where it leads, without the keys."""
        return f"EnginePool({[member.client for member in self._members]!r})"

    async def __aenter__(self) -> Self:
        """Nothing to open: connections are made as they are needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; unfinished requests are given up, and the servers stop decoding them."""
        looking = [task for task in (self._first_look, self._watcher) if task is not None]
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)
        for member in self._members:
            await member.client.aclose()

    @property
    def notes(self) -> tuple[str, ...]:
        """What happened to the servers that the user should know, one line each."""
        return tuple(self._notes)

    def states(self) -> tuple[EndpointState, ...]:
        """Each server as it was when last seen."""
        return tuple(member.state() for member in self._members)

    async def survey(self) -> tuple[EndpointState, ...]:
        """Look at each server now."""
        await self._see_all(self._watch_seconds)
        return self.states()

    async def health(self) -> bool:
        """Whether any server is there; one that is back is used again. Never raises."""
        return any(state.answers for state in await self.survey())

    async def chat(
        self, messages: Sequence[Message], *, max_tokens: int, timeout: float | None = None, **options: Any
    ) -> Completion:
        """Ask for one answer to a conversation; see ``EngineClient.chat``."""
        return await self._ask(
            lambda client, left: client.chat(messages, max_tokens=max_tokens, timeout=left, **options), timeout
        )

    async def complete(
        self, prompt: str, *, max_tokens: int, timeout: float | None = None, **options: Any
    ) -> Completion:
        """Continue a raw prompt; see ``EngineClient.complete``."""
        return await self._ask(
            lambda client, left: client.complete(prompt, max_tokens=max_tokens, timeout=left, **options), timeout
        )

    async def stream(
        self, messages: Sequence[Message], *, max_tokens: int, timeout: float | None = None, **options: Any
    ) -> AsyncGenerator[str, None]:
        """Ask for one answer piece by piece; once a piece is out, it cannot be begun anew on another server."""
        ends = _now() + (timeout or self._timeout)
        tried: list[Member] = []
        while True:
            member, begun = await self._choose(tried), False
            member.streams += 1
            try:
                left = _left(ends)
                async with aclosing(
                    member.client.stream(messages, max_tokens=max_tokens, timeout=left, **options)
                ) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
                return
            except _MOVABLE as error:
                if begun or not await self._may_move(member, error, tried):
                    raise
            finally:
                member.streams -= 1

    async def models(self) -> list[dict[str, Any]]:
        """The models that one of the servers serves; all serve the same."""
        return await self._ask(lambda client, _: client.models(), None)

    async def count_tokens(self, messages: Sequence[Message]) -> int:
        """The length of a conversation in tokens; any server knows it."""
        return await self._ask(lambda client, _: client.count_tokens(messages), None)

    async def metrics(self) -> dict[str, float]:
        """The figures of all servers that answer, summed."""
        total: dict[str, float] = {}
        found = await asyncio.gather(*(m.client.metrics() for m in self._members if m.alive), return_exceptions=True)
        for figures in found:
            if isinstance(figures, BaseException):
                if not isinstance(figures, EngineError):
                    raise figures
                continue
            for name, value in figures.items():
                total[name] = total.get(name, 0.0) + value
        return total

    async def _ask(self, ask: Callable[[EngineClient, float], Coroutine[Any, Any, _T]], timeout: float | None) -> _T:
        ends = _now() + (timeout or self._timeout)
        tried: list[Member] = []
        while True:
            member = await self._choose(tried)
            self._watch()
            try:
                return await member.run(ask(member.client, _left(ends)))
            except _MOVABLE as error:
                if not await self._may_move(member, error, tried):
                    raise

    async def _choose(self, tried: Sequence[Member]) -> Member:
        if self._first_look is None:
            self._first_look = asyncio.create_task(self._see_all(_FIRST_LOOK_SECONDS))
        # Not awaited itself: one request's cancellation is no reason for the others to know nothing.
        await asyncio.wait([self._first_look])
        if self._first_look.cancelled():  # by another task, which found no server and closed the pool
            raise EngineDiedError("the endpoints were given up")
        self._first_look.result()
        fresh = [member for member in self._members if member.alive and member not in tried]
        if fresh:
            return min(fresh, key=lambda member: member.load)
        reasons = "; ".join(member.problem for member in self._members if member.problem)
        kind = EngineDiedError if any(member.client.answered for member in self._members) else EngineUnreachableError
        raise kind(f"none of the {len(self._members)} endpoints answers: {reasons}", hint="check engine.url")

    async def _may_move(self, member: Member, error: EngineError, tried: list[Member]) -> bool:
        """Whether another server should be asked after this one failed; notes a server that is gone."""
        tried.append(member)
        async with member.looking:  # one look for all requests that broke together
            if member.alive and not await member.client.health():
                member.problem = error.message
                self._note_gone(member)
        if isinstance(error, EngineFaultError) and member.alive:
            return False  # the server is well: it is the request
        left = [one for one in self._members if one.alive and one not in tried]
        return bool(left) and len(tried) < _MOST_SERVERS

    async def _see_all(self, timeout: float) -> None:
        await asyncio.gather(*(self._look(member, timeout) for member in self._members))

    async def _look(self, member: Member, timeout: float) -> None:
        before = member.alive
        await member.look(timeout)
        if before and not member.alive:
            self._note_gone(member)
        elif member.alive and not before:
            self._notes[f"{member.client.endpoint} answers again"] = None

    def _note_gone(self, member: Member) -> None:
        others = any(one.alive for one in self._members)
        self._notes[f"{member.problem}{'; the other endpoints take its requests' if others else ''}"] = None

    def _watch(self) -> None:
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._keep_watch())

    async def _keep_watch(self) -> None:
        while True:
            await asyncio.sleep(self._watch_seconds)
            if not any(member.requests for member in self._members):
                return
            await self._see_all(self._watch_seconds)


def _now() -> float:
    return time.monotonic()


def _left(ends: float) -> float:
    return max(0.001, ends - _now())  # no time at all would mean the default
