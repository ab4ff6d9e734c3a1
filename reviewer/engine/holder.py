"""Holds a manager's engine: prepared, loaded, brought back when it died, and disconnected or stopped."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from reviewer.errors import EngineError, EngineNotReadyError, ModelNotLoadedError

if TYPE_CHECKING:
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
        performance: Counts failed starts.
        may_start: Whether an engine may be started; without it, only a running one is joined.

    Attributes:
        engine: Made from the configuration; None before ``prepared``.
        loaded_at: When it was loaded, in seconds since the epoch; None while it is not.
    """

    def __init__(self, config: ModelConfig, performance: Performance, *, may_start: bool = True) -> None:
        self.engine: OwnEngine | AttachedEngine | None = None
        self.loaded_at: float | None = None
        self._config = config
        self._performance = performance
        self._may_start = may_start
        self._pool: EnginePool | None = None
        self._lock = asyncio.Lock()
        self._revival: asyncio.Task[None] | None = None
        self._lost: EngineError | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about the plan and the endpoints, one line each."""
        left_out = [f"{state.endpoint} is left out: {state.problem}" for state in self._left_out()]
        plan = self.engine.notes if self.engine is not None else ()
        return tuple(dict.fromkeys((*plan, *left_out, *(self._pool.notes if self._pool is not None else ()))))

    def endpoints(self) -> tuple[EndpointState, ...]:
        """All endpoints as they were when last checked."""
        return (*(self._pool.states() if self._pool is not None else ()), *self._left_out())

    async def survey(self) -> tuple[EndpointState, ...]:
        """Check all endpoints now."""
        return (*(await self._pool.survey() if self._pool is not None else ()), *self._left_out())

    async def prepared(self) -> OwnEngine | AttachedEngine:
        """Make the engine from the configuration; nothing is started.

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

    def loaded(self) -> OwnEngine | AttachedEngine:
        """The engine that is loaded.

        Raises:
            ModelNotLoadedError: There is none.
        """
        if self.loaded_at is not None and self.engine is not None:
            return self.engine
        if self._lost is not None:
            message = f"the engine could not be restarted: {self._lost.message}"
            raise ModelNotLoadedError(message, hint=self._lost.hint)
        raise ModelNotLoadedError(
            "the model is not loaded", hint="await manager.load_model() first, or use `async with AIModelManager()`"
        )

    async def pool(self) -> EnginePool:
        """The connections to the engine that is loaded; waits for one that is being brought back.

        Raises:
            ModelNotLoadedError: There is none.
        """
        if self._revival is not None:
            await asyncio.wait([self._revival])
        self.loaded()
        assert self._pool is not None  # noqa: S101 - made when the engine was loaded
        return self._pool

    async def load(self, progress: Progress, wait: float | None) -> None:
        """Start or join the engine; see ``AIModelManager.load_model``."""
        ends = None if wait is None else time.monotonic() + wait
        async with self._lock:
            if self.loaded_at is None:
                await self._connect(progress, ends)

    async def disconnect(self, *, stop: bool) -> None:
        """Close the connections; ``stop`` also ends the engine, if this program started it."""
        if self._revival is not None:
            self._revival.cancel()
            await asyncio.wait([self._revival])
        async with self._lock:
            self.loaded_at = self._lost = None
            if self._pool is not None:
                await self._pool.aclose()
            if stop and self.engine is not None:
                await asyncio.to_thread(self.engine.stop)

    async def revive(self, progress: Progress) -> None:
        """Bring back an engine that died; see ``AIModelManager.revive``."""
        if self._revival is None:
            self._revival = asyncio.create_task(self._bring_back(progress))
        # The cancellation of one request must not end the revival for the others.
        await asyncio.shield(self._revival)

    async def _bring_back(self, progress: Progress) -> None:
        try:
            async with self._lock:
                if self._pool is not None and self.loaded_at is not None and await self._pool.health():
                    return
                try:
                    await self._connect(progress, None)
                except EngineError as error:
                    # Kept, so that later requests do not each try again.
                    self.loaded_at, self._lost = None, error
                    if self._pool is not None:
                        await self._pool.reconnect(())
                    raise
        finally:
            self._revival = None

    async def _connect(self, progress: Progress, ends: float | None) -> None:
        """Start or join the engine and connect to it; the lock is held."""
        engine = await self.prepared()
        if not self._may_start and not await asyncio.to_thread(engine.is_running):
            raise EngineNotReadyError("no engine is running", hint="reviewer engine start")
        wait = None if ends is None else max(0.0, ends - time.monotonic())
        cancelled = threading.Event()
        try:
            with self._performance.noting():
                endpoints = await asyncio.to_thread(engine.start, progress, wait, cancelled)
        finally:
            cancelled.set()  # the thread stops waiting when this task is cancelled, so Ctrl-C works at once
        from reviewer.engine.client.pool import EnginePool

        if self._pool is None:
            self._pool = EnginePool(endpoints, timeout=self._config.timeout)
        else:
            await self._pool.reconnect(endpoints)
        self.loaded_at, self._lost = time.time(), None

    def _left_out(self) -> tuple[EndpointState, ...]:
        return self.engine.left_out if self.engine is not None else ()
