"""One engine as a manager holds it: prepared, loaded, brought back when it died, and let go of or stopped."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from reviewer.engine.client.link import Link
from reviewer.errors import EngineError, ModelNotLoadedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reviewer.engine.client.client import EngineClient
    from reviewer.engine.client.health import EndpointState
    from reviewer.engine.client.pool import EnginePool
    from reviewer.engine.config import ModelConfig
    from reviewer.engine.engines import AttachedEngine, OwnEngine
    from reviewer.engine.performance import Performance
    from reviewer.terminal.progress import Progress


class Holder:
    """Holds the engine of one configuration.

    Args:
        config: Which engine.
        performance: Notes what could not be started.

    Attributes:
        engine: What was made of the configuration; None before ``prepared``.
        loaded_at: When it was loaded, in seconds since the epoch; None while it is not.
    """

    def __init__(self, config: ModelConfig, performance: Performance) -> None:
        self.engine: OwnEngine | AttachedEngine | None = None
        self.loaded_at: float | None = None
        self._config = config
        self._performance = performance
        self._link = Link()
        self._lock = asyncio.Lock()
        self._revival: asyncio.Task[None] | None = None
        self._lost: EngineError | None = None

    @property
    def loaded(self) -> bool:
        """Whether there is a client to ask."""
        return self._link.client is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the endpoints, one line each."""
        left_out = [f"{state.endpoint} is left out: {state.problem}" for state in self._left_out()]
        return tuple(dict.fromkeys((*left_out, *self._link.notes)))

    def endpoints(self) -> tuple[EndpointState, ...]:
        """All endpoints as they were when last seen."""
        seen = self._link.client.states() if self._link.client is not None else ()
        return (*seen, *self._left_out())

    async def survey(self) -> tuple[EndpointState, ...]:
        """All endpoints as they are now."""
        seen = await self._link.client.survey() if self._link.client is not None else ()
        return (*seen, *self._left_out())

    async def prepared(self) -> OwnEngine | AttachedEngine:
        """Make an engine of the configuration; nothing is started.

        Raises:
            EngineError: It is not installed, nothing fits, or the configured URL does not answer.
        """
        if self.engine is None:
            from reviewer.engine import engines

            if self._config.engine_url:
                self.engine = await engines.attach(self._config)
            else:
                self.engine = await asyncio.to_thread(engines.prepare, self._config)
        return self.engine

    async def load(self, progress: Progress, wait: float | None) -> None:
        """Start or join the engine; see ``AIModelManager.load_model``."""
        async with self._lock:
            if not self.loaded:
                await self._connect(progress, wait)

    async def stop(self) -> None:
        """Let go of the engine and end it, where it is ours."""
        await self._give_up_revival()
        async with self._lock:
            await self._close()
            if self.engine is not None:
                await asyncio.to_thread(self.engine.stop)

    async def let_go(self) -> None:
        """Let go of the engine and leave it running."""
        await self._give_up_revival()
        async with self._lock:
            await self._close()

    async def revive(self, progress: Progress) -> None:
        """Bring back an engine that died; see ``AIModelManager.revive``."""
        if self._revival is None:
            self._revival = asyncio.create_task(self._bring_back(progress))
        # One request's cancellation is no reason for the others to lose their engine.
        await asyncio.shield(self._revival)

    @asynccontextmanager
    async def using(self) -> AsyncIterator[EngineClient | EnginePool]:
        """The client for one request; an engine that is coming back is waited for.

        Raises:
            ModelNotLoadedError: There is none.
        """
        if self._revival is not None:
            await asyncio.wait([self._revival])
        async with self._link.using(self._client()) as client:
            yield client

    def require(self) -> OwnEngine | AttachedEngine:
        """The engine that is loaded.

        Raises:
            ModelNotLoadedError: There is none.
        """
        self._client()
        assert self.engine is not None  # noqa: S101 - a client is only made from an engine
        return self.engine

    def _client(self) -> EngineClient | EnginePool:
        if self._link.client is not None:
            return self._link.client
        if self._lost is not None:
            message = f"the engine could not be brought back: {self._lost.message}"
            raise ModelNotLoadedError(message, hint=self._lost.hint)
        raise ModelNotLoadedError(
            "the model is not loaded", hint="await manager.load_model() first, or use `async with AIModelManager()`"
        )

    def _left_out(self) -> tuple[EndpointState, ...]:
        return self.engine.left_out if self.engine is not None else ()

    async def _connect(self, progress: Progress, wait: float | None) -> None:
        """Start or join the engine and connect to it; the lock is held."""
        engine = await self.prepared()
        with self._performance.noting():
            endpoint = await _in_thread(engine.start, progress, wait)
        from reviewer.engine.client.pool import connect

        await self._link.change(connect(endpoint, timeout=self._config.timeout))
        self.loaded_at, self._lost = time.time(), None

    async def _bring_back(self, progress: Progress) -> None:
        try:
            async with self._lock:
                if self._link.client is not None and await self._link.client.health():
                    return
                try:
                    await self._connect(progress, None)
                except EngineError as error:
                    # Not tried anew by each request that is still to come.
                    await self._link.change(None)
                    self._lost = error
                    raise
        finally:
            self._revival = None

    async def _give_up_revival(self) -> None:
        if self._revival is not None:
            self._revival.cancel()
            await asyncio.wait([self._revival])

    async def _close(self) -> None:
        self.loaded_at = self._lost = None
        await self._link.close()


async def _in_thread(start: Any, progress: Progress, wait: float | None) -> Any:
    """Run a blocking start in a thread that stops waiting when this task is cancelled, so that Ctrl-C is at once."""
    cancelled = threading.Event()
    try:
        return await asyncio.to_thread(start, progress, wait, cancelled)
    finally:
        cancelled.set()
