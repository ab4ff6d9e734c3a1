"""Sleeps until a signal comes or the time is over, without looking again and again in between."""

from __future__ import annotations

import select
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

# Handled and not ignored: what is ignored stays so in the engine.
_DEAF = ("SIGINT", "SIGHUP", "SIGCHLD")


class Wake:
    """Takes over the signals of this process.

    Args:
        on_end: Called when the process is told to end, in the middle of whatever it does.
    """

    def __init__(self, on_end: Callable[[], None]) -> None:
        # A pair of sockets, since Windows can neither wake up by a pipe nor wait for one.
        self._heard, speaks = socket.socketpair()
        self._heard.setblocking(False)
        speaks.setblocking(False)
        self._speaks = speaks  # kept open
        signal.set_wakeup_fd(speaks.fileno(), warn_on_full_buffer=False)

        def end(_number: int, _frame: FrameType | None) -> None:
            on_end()

        def nothing(_number: int, _frame: FrameType | None) -> None:
            pass

        signal.signal(signal.SIGTERM, end)
        for name in _DEAF:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), nothing)

    def wait(self, seconds: float) -> None:
        """Sleep until a signal comes, at most so long."""
        select.select([self._heard], [], [], max(0.0, seconds))
        with suppress(BlockingIOError):
            while self._heard.recv(512):
                pass
