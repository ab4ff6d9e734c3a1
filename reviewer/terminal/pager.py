"""Shows a text that is longer than the terminal through the user's pager, chosen as git chooses it."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from reviewer.terminal import links, output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NOT_STARTED = (126, 127)  # a shell's exit status for a command that it cannot run
_LESS_WITH_LINKS = 566

_wanted = True


def set_wanted(wanted: bool) -> None:
    """Turn paging off, or on again."""
    global _wanted  # noqa: PLW0603 - one process has one terminal
    _wanted = wanted


def page(text: str, configured: Callable[[], str]) -> bool:
    """Show a text through a pager if it is longer than the terminal.

    Args:
        text: What to show, colour codes included.
        configured: Returns the user's ``core.pager``.

    Returns:
        Whether it was shown; False where there is no terminal, no pager or no need for one.
    """
    if not _wanted or not _on_terminal() or text.count("\n") + 2 <= shutil.get_terminal_size().lines:
        return False
    command = _command(configured)
    return bool(command) and _run(command, text)


def _on_terminal() -> bool:
    has_keyboard = sys.stdin is not None and sys.stdin.isatty()
    return output.is_terminal() and has_keyboard and not os.environ.get("CI")


def _command(configured: Callable[[], str]) -> str:
    """The pager's command line; empty for none, as with ``GIT_PAGER=cat``."""
    for value in (os.environ.get("GIT_PAGER"), configured() or None, os.environ.get("PAGER")):
        if value is not None:
            return "" if value.strip() in ("", "cat") else value
    return "less" if shutil.which("less") else ""


def _run(command: str, text: str) -> bool:
    environment = {"LESS": "FRX", "LV": "-c", **os.environ}  # git's
    shown = text if _shows_links(command) else links.without(text)
    try:
        # The user's own command, from the environment or the user's git configuration.
        process = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, env=environment)  # noqa: S602
    except OSError:
        return False
    with _interrupts_left_to_pager():
        encoding = sys.stdout.encoding or "utf-8"
        process.communicate(f"{shown}\n".encode(encoding, "replace"))
    return process.returncode not in _NOT_STARTED


@contextlib.contextmanager
def _interrupts_left_to_pager() -> Iterator[None]:
    """Ctrl-C is a key of the pager; it must not end this process before the pager has restored the terminal."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _shows_links(command: str) -> bool:
    """Whether the pager passes links on; an older less prints them."""
    try:
        program = shlex.split(command)[0]
        if os.path.basename(program) != "less":  # noqa: PTH119 - on Windows, too, a shell's word
            return False
        found = subprocess.run([program, "--version"], capture_output=True, check=False, timeout=5).stdout
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
        return False
    version = re.match(rb"less (\d+)", found)
    return version is not None and int(version[1]) >= _LESS_WITH_LINKS
