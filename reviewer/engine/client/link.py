"""The client to the engine that runs now, and those to engines before it whose last requests are not done yet."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reviewer.engine.client.client import EngineClient
    from reviewer.engine.client.pool import EnginePool


class Link:
    """Holds one client at a time, and closes none that a request still uses unless it is told to.

    Attributes:
        client: The one in use; None where the engine is not loaded.
    """

    def __init__(self) -> None:
        self.client: EngineClient | EnginePool | None = None
        self._open: Counter[EngineClient | EnginePool] = Counter()
        self._noted: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What the clients had to tell, those of earlier engines too."""
        now = self.client.notes if self.client is not None else ()
        return tuple(dict.fromkeys((*self._noted, *now)))

    @asynccontextmanager
    async def using(self, client: EngineClient | EnginePool) -> AsyncIterator[EngineClient | EnginePool]:
        """Keep a client open for one request."""
        self._open[client] += 1
        try:
            yield client
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]
                if client is not self.client:
                    await client.aclose()

    async def change(self, client: EngineClient | EnginePool | None) -> None:
        """Use another client from now on; requests that are open at the one before end in their own time."""
        before, self.client = self.client, client
        if before is None:
            return
        self._noted.update(dict.fromkeys(before.notes))
        if before not in self._open:
            await before.aclose()

    async def close(self) -> None:
        """Close all clients; requests that are open are given up."""
        await self.change(None)
        for client in [*self._open]:
            await client.aclose()
