"""What Linux offers to keep a tree of processes together; does nothing on other systems.

There the next command finds what a killed supervisor left by the marker that all processes of an engine carry.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

# Of 1000: where the system must kill something, it shall be the engine and not the editor.
_OOM_SCORE = b"500"


def adopt_orphans() -> bool:
    """Become the parent of every process whose own parent ends, so that none of the tree gets lost."""
    prctl = _prctl()
    return prctl is not None and prctl(_PR_SET_CHILD_SUBREAPER, 1) == 0


def ends_with_parent() -> Callable[[], None] | None:
    """What a child runs before its program: it is told to end when this process is gone; None on other systems."""
    prctl = _prctl()
    if prctl is None:
        return None
    parent = os.getpid()

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
        if os.getppid() != parent:  # it was killed in between
            os._exit(1)
        with suppress(OSError):
            score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
            os.write(score, _OOM_SCORE)
            os.close(score)

    return before_exec


def reap_adopted(own: int | None) -> None:
    """Take leave of adopted children that have ended; ``own`` is left to the one who waits for it."""
    if not sys.platform.startswith("linux"):
        return
    with suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if ended.si_pid == own:
                return
            os.waitpid(ended.si_pid, 0)


def _prctl() -> Callable[[int, int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)

    def call(option: int, value: int) -> int:
        return int(libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0))

    return call
