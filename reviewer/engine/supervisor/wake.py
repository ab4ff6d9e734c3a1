"""Sleeps until a signal arrives or the time is over, without polling."""

from __future__ import annotations

import select
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Handled rather than ignored, since the engine would inherit ignored ones.
_WITHOUT_EFFECT = ("SIGINT", "SIGHUP", "SIGCHLD")


class Wake:
    """Takes over the signals of this process.

    Args:
        on_end: Called on SIGTERM, in the middle of whatever the process does.
    """

    def __init__(self, on_end: Callable[[], None]) -> None:
        # A pair of sockets, since on Windows neither set_wakeup_fd nor select takes a pipe.
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: on_end())
        for name in _WITHOUT_EFFECT:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), lambda *_: None)

    def wait(self, seconds: float) -> None:
        """Sleep until a signal arrives, at most so long."""
        select.select([self._receiver], [], [], max(0.0, seconds))
        with suppress(BlockingIOError):
            while self._receiver.recv(512):
                pass
