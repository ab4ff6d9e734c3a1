"""The one place that turns exceptions into exit codes and messages."""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from reviewer.errors import ExitCode, ReviewerError, if_full, in_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType
    from typing import TextIO

_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM)


def interrupt_on_signals() -> None:
    """Treat SIGTERM and SIGHUP as Ctrl-C, so that temporary files are removed; an ignored signal stays ignored."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)


def _interrupt(_number: int, frame: FrameType | None) -> None:
    # While asyncio runs, its handler of SIGINT cancels the main task instead of raising in the middle of the loop.
    on_ctrl_c = signal.getsignal(signal.SIGINT)
    if not callable(on_ctrl_c):  # ignored, as in a shell's background
        raise KeyboardInterrupt
    on_ctrl_c(signal.SIGINT, frame)


def guarded(run: Callable[[], object]) -> int:
    """Call ``run`` and return an exit code, whatever it raises.

    Args:
        run: Returns an exit code; None counts as passed.
    """
    try:
        result = run()
    except _interrupts() as left:
        # Click has already ended the terminal's "^C" line if it caught the interrupt itself.
        _echo(("" if isinstance(left, click.Abort) else "\n") + "reviewer: interrupted")
        return ExitCode.INTERRUPTED
    except Exception as problem:  # noqa: BLE001 - the boundary: anything unexpected is a bug
        return _tell(problem)
    return result if isinstance(result, int) else ExitCode.PASSED


def _interrupts() -> tuple[type[BaseException], ...]:
    """What Ctrl-C raises. A review that it cancels before its first step ends with asyncio's own error."""
    loaded = sys.modules.get("asyncio")
    return (KeyboardInterrupt, click.Abort, *((loaded.CancelledError,) if loaded is not None else ()))


def flushed(code: int) -> int:
    """Write what standard output still holds, and return the exit code of the whole run.

    A report that was not written whole, as on a full disk, must not pass for one.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:  # a server closes it when its client has left
                stream.flush()
        except OSError as problem:
            _drop(stream)
            if stream is sys.stdout and code == ExitCode.PASSED and not isinstance(problem, BrokenPipeError):
                _echo(f"reviewer: cannot write the output: {problem.strerror}")
                code = ExitCode.USAGE
    return code


def _tell(problem: Exception) -> int:
    match problem:
        case click.exceptions.Exit():
            return problem.exit_code
        case click.ClickException():
            _show(problem)
            return ExitCode.USAGE
        case ReviewerError():
            from reviewer.terminal import output

            output.error(problem)
            return problem.exit_code
        case BrokenPipeError():
            _drop(sys.stdout)
            return ExitCode.PASSED
        case OSError() if message := _of_the_machine(problem):
            _echo(f"reviewer: {message}")
            return ExitCode.USAGE
    return _report_bug(problem)


def _of_the_machine(problem: OSError) -> str | None:
    """Describe a fault of the machine, such as a full disk; None if the error may be a bug."""
    if str(problem.strerror).startswith("No usable temporary directory"):
        return "no usable temporary folder: set TMPDIR to a folder that you can write to"
    if problem.errno in _FAULTS:
        return in_words(problem) + ("\n  free space on that disk" if problem.filename and if_full(problem) else "")
    return None


def _show(problem: click.ClickException) -> None:
    """Write a usage error; it quotes arguments, which a CI runner must not read as commands."""
    import io

    from reviewer.terminal.masking import visible, without_commands

    shown = io.StringIO()
    problem.show(file=shown)
    _echo(without_commands(visible(shown.getvalue())).removesuffix("\n"))


def _echo(message: str) -> None:
    """Write to standard error, which may be on a full disk: the exit code stands even so."""
    with suppress(OSError):
        click.echo(message, err=True)


def _drop(stream: TextIO) -> None:
    """Keep Python from flushing into a closed pipe or a full disk at exit."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


def _report_bug(bug: Exception) -> int:
    import traceback

    text = "".join(traceback.format_exception(bug))
    try:
        where = f"; the traceback is in {_save(text)}"
    except OSError:
        where = "; the traceback could not be saved:\n" + text
    _echo(f"reviewer: internal error: {type(bug).__name__}: {_first_line(bug)}{where}")
    return ExitCode.BUG


def _first_line(bug: Exception) -> str:
    from reviewer.terminal.masking import visible, without_commands

    return without_commands(visible((str(bug).splitlines() or [""])[0][:200]))


def _save(text: str) -> Path:
    """Save a traceback, readable by this user only: it may quote the code under review."""
    import datetime as dt
    import platform

    from reviewer import __version__, files, paths

    folder = paths.state_dir() / "crashes"
    files.make_folder(folder, 0o700)
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    path = folder / f"{stamp}-{os.getpid()}.txt"
    head = f"reviewer {__version__}, Python {platform.python_version()}, {platform.platform()}\n{sys.argv}\n\n"
    files.write(path, (head + text).encode("utf-8", "backslashreplace"))
    return path
