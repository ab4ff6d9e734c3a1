"""Linux's means to keep a tree of processes together; does nothing on other systems.

There the next command finds the processes that a killed supervisor left, by the marker in their environment.
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

# Of 1000: if the system must kill a process, then the engine rather than the editor.
_OOM_SCORE = b"500"


def adopt_orphans() -> bool:
    """Become the parent of every descendant whose own parent ends."""
    prctl = _prctl()
    return prctl is not None and prctl(_PR_SET_CHILD_SUBREAPER, 1) == 0


def ends_with_parent() -> Callable[[], None] | None:
    """What a child runs before its program, to be terminated when this process ends; None on other systems."""
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
    """Reap adopted children that have ended, except ``own``, which its ``Popen`` reaps."""
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
