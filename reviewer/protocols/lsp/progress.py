"""Shows what the model is doing as work-done progress of the client."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import TYPE_CHECKING, Self

from lsprotocol import types
from pygls.exceptions import PyglsError

if TYPE_CHECKING:
    from types import TracebackType

    from pygls.lsp.server import LanguageServer

_TITLE = "reviewer"
_PAUSE = 0.2  # seconds between two reports


class WorkDone:
    """A ``Progress`` that reports from any thread, from the first step until its block ends.

    Args:
        server: Its client shows it, if it is able to.
    """

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        window = server.client_capabilities.window
        self._wanted = window is not None and bool(window.work_done_progress)
        self._loop = asyncio.get_running_loop()
        self._token = str(uuid.uuid4())
        self._news = asyncio.Event()
        self._message = ""
        self._percentage: int | None = None
        self._began = False
        self._sender: asyncio.Task[None] | None = None

    def step(self, message: str) -> None:
        """Begin a step."""
        self._loop.call_soon_threadsafe(self._note, message, None)

    def advance(self, done: float, total: float | None, unit: str = "") -> None:  # noqa: ARG002 - Progress
        """Report progress of the step."""
        share = min(100, int(100 * done / total)) if total else None
        self._loop.call_soon_threadsafe(self._note, None, share)

    async def __aenter__(self) -> Self:
        """Wait for the first step."""
        if self._wanted:
            self._sender = asyncio.create_task(self._send())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove it from the client's screen."""
        if self._sender is None:
            return
        self._sender.cancel()
        with contextlib.suppress(asyncio.CancelledError, PyglsError):
            await self._sender
        if self._began:
            self._server.work_done_progress.end(self._token, types.WorkDoneProgressEnd())

    def _note(self, message: str | None, percentage: int | None) -> None:
        self._message, self._percentage = message or self._message, percentage
        self._news.set()

    async def _send(self) -> None:
        progress = self._server.work_done_progress
        await self._news.wait()
        await progress.create_async(self._token)
        progress.begin(self._token, types.WorkDoneProgressBegin(_TITLE, message=self._message, cancellable=False))
        self._began = True
        while True:
            await asyncio.sleep(_PAUSE)
            await self._news.wait()
            self._news.clear()
            progress.report(
                self._token, types.WorkDoneProgressReport(message=self._message, percentage=self._percentage)
            )
