"""The servers of one model, used as one: each request goes to the least loaded of them, and none is lost with a server.

Most often there is one. A server's load is the number of our open requests there and of other clients' requests, as far
as its ``/metrics`` shows them. A request whose server dies is sent to another one. While requests are open, all servers
are checked every few seconds, so one that falls silent (lost power, a cut network, a hung engine) is noticed.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from reviewer.engine.client.client import EngineClient
from reviewer.engine.client.member import Member, Request
from reviewer.errors import EngineDiedError, EngineError, EngineFaultError, EngineUnreachableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence

    from reviewer.engine.client.endpoint import Endpoint
    from reviewer.engine.client.health import EndpointState
    from reviewer.engine.client.wire import Completion, Message

_T = TypeVar("_T")

_WATCH_SECONDS = 5.0
_FIRST_LOOK_SECONDS = 1.0
_LOOKS_IN_TIMEOUT = 4
# A request that kills every server that reads it must not take down the whole pool.
_MAX_TRIES = 3
_MOVABLE = (EngineDiedError, EngineUnreachableError, EngineFaultError)


class EnginePool:
    """The connections to the servers of one model.

    Args:
        endpoints: Where they answer; all serve the same model.
        timeout: Seconds without any progress of the server after which a request that has no deadline is given up.
        watch_seconds: Time between two checks of the servers while requests are open.

    Every request raises what ``EngineClient`` raises: ``EngineUnreachableError`` and ``EngineDiedError`` only when no
    server is left, and ``InferenceTimeoutError`` also when the server makes no progress.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], *, timeout: float = 120.0, watch_seconds: float | None = None
    ) -> None:
        self._timeout = timeout
        self._watch_seconds = watch_seconds or _WATCH_SECONDS
        self._members: list[Member] = []
        self._retired: list[Member] = []
        self._first_look: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._notes: dict[str, None] = {}
        self._use(endpoints)

    @property
    def notes(self) -> tuple[str, ...]:
        """What happened to the servers that the user should know, one line each."""
        return tuple(self._notes)

    async def reconnect(self, endpoints: Sequence[Endpoint]) -> None:
        """Send requests to these servers from now on; requests open at the previous ones may finish."""
        before = self._members
        self._use(endpoints)
        self._retired += [member for member in before if member.requests]
        for member in before:
            if not member.requests:
                await member.client.aclose()

    async def aclose(self) -> None:
        """Close all connections; open requests are given up, and the servers stop decoding them."""
        tasks = [task for task in (self._first_look, self._watcher) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        members = [*self._members, *self._retired]
        self._use(())
        for member in members:
            await member.client.aclose()

    def states(self) -> tuple[EndpointState, ...]:
        """Each server as it was when last checked."""
        return tuple(member.state() for member in self._members)

    async def survey(self) -> tuple[EndpointState, ...]:
        """Check each server now; one that is back is used again."""
        await (self._members[0].check_health() if self._alone else self._look_at_all(self._watch_seconds))
        return self.states()

    async def health(self) -> bool:
        """Whether any server answers. Never raises."""
        return any(state.answers for state in await self.survey())

    async def chat(self, messages: Sequence[Message], *, timeout: float | None = None, **sampling: Any) -> Completion:
        """Ask for one answer to a conversation; see ``EngineClient.chat``.

        Args:
            messages: The conversation.
            timeout: Deadline for the whole answer, in seconds; None waits as long as the server makes progress.
            **sampling: Fields of ``Sampling``.
        """
        return await self._ask(lambda client, left: client.chat(messages, timeout=left, **sampling), timeout)

    async def complete(self, prompt: str, *, timeout: float | None = None, **sampling: Any) -> Completion:
        """Continue a raw prompt; see ``chat`` for the arguments."""
        return await self._ask(lambda client, left: client.complete(prompt, timeout=left, **sampling), timeout)

    async def stream(
        self, prompt: str | Sequence[Message], *, timeout: float | None = None, **sampling: Any
    ) -> AsyncGenerator[str, None]:
        """Ask for an answer, or the rest of a raw prompt, piece by piece; then it stays with its server."""
        ends, tried = _ends(timeout), list[Member]()
        while True:
            member, begun = await self._choose(tried), False
            async with self._request(member, patient=timeout is None) as request:
                try:
                    async with aclosing(member.client.stream(prompt, timeout=_left(ends), **sampling)) as pieces:
                        while (piece := await request.wait(_next(pieces))) is not None:
                            begun = True
                            member.progressed()
                            yield piece
                    return
                except _MOVABLE as error:
                    if begun or not await self._may_move(member, error, tried):
                        raise

    @property
    def _alone(self) -> bool:
        return len(self._members) == 1

    def _use(self, endpoints: Sequence[Endpoint]) -> None:
        self._members = [Member(EngineClient(endpoint), alone=len(endpoints) == 1) for endpoint in endpoints]
        self._first_look = None

    async def _ask(
        self, ask: Callable[[EngineClient, float | None], Coroutine[Any, Any, _T]], timeout: float | None
    ) -> _T:
        ends, tried = _ends(timeout), list[Member]()
        while True:
            member = await self._choose(tried)
            async with self._request(member, patient=timeout is None) as request:
                try:
                    answer = await request.wait(ask(member.client, _left(ends)))
                except _MOVABLE as error:
                    if not await self._may_move(member, error, tried):
                        raise
                else:
                    member.progressed()
                    return answer

    @asynccontextmanager
    async def _request(self, member: Member, *, patient: bool) -> AsyncIterator[Request]:
        request = Request(patient=patient)
        member.requests.add(request)
        self._watch()
        try:
            yield request
        finally:
            member.requests.discard(request)
            if member in self._retired and not member.requests:
                self._retired.remove(member)
                await member.client.aclose()

    async def _choose(self, tried: Sequence[Member]) -> Member:
        if self._alone:
            return self._members[0]
        if self._first_look is None:
            self._first_look = asyncio.create_task(self._look_at_all(_FIRST_LOOK_SECONDS))
        # Not awaited itself: the cancellation of one request must not cancel the look for the others.
        look = self._first_look
        await asyncio.wait([look])
        if look.cancelled():  # by another task, which found no server and closed the pool
            raise EngineDiedError("the connections to the endpoints were closed")
        look.result()
        usable = [member for member in self._members if member.alive and member not in tried]
        if usable:
            return min(usable, key=lambda member: member.load)
        reasons = "; ".join(member.problem for member in self._members if member.problem)
        kind = EngineDiedError if any(member.client.answered for member in self._members) else EngineUnreachableError
        raise kind(f"none of the {len(self._members)} endpoints answers: {reasons}", hint="check engine.url")

    async def _may_move(self, member: Member, error: EngineError, tried: list[Member]) -> bool:
        """Whether to try another server after this one failed; notes a server that is gone."""
        if self._alone or member not in self._members:
            return False
        tried.append(member)
        async with member.checking:  # one check for all requests that failed together
            if member.alive and not await member.client.health():
                member.problem = error.message
                self._note_gone(member)
        if isinstance(error, EngineFaultError) and member.alive:
            return False  # the server is well: the request is at fault
        left = [one for one in self._members if one.alive and one not in tried]
        return bool(left) and len(tried) < _MAX_TRIES

    async def _look_at_all(self, timeout: float) -> None:
        await asyncio.gather(*(self._look(member, timeout) for member in (*self._members, *self._retired)))

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
        """Check the servers until no request is open; give up requests to a server that makes no progress."""
        while True:
            await asyncio.sleep(min(self._watch_seconds, self._timeout / _LOOKS_IN_TIMEOUT))
            busy = [member for member in (*self._members, *self._retired) if member.requests]
            if not busy:
                return
            await self._look_at_all(self._watch_seconds)
            for member in busy:
                member.give_up_silent(self._timeout)


async def _next(pieces: AsyncGenerator[str, None]) -> str | None:
    return await anext(pieces, None)


def _ends(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _left(ends: float | None) -> float | None:
    return None if ends is None else max(0.0, ends - time.monotonic())
