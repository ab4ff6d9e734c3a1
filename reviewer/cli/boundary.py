"""The one place where exceptions become exit codes and words."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from reviewer.errors import ExitCode, ReviewerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def guarded(run: Callable[[], object]) -> int:
    """Call ``run`` and return an exit code, whatever happens.

    Args:
        run: Returns an exit code; None counts as passed.
    """
    try:
        result = run()
    except (KeyboardInterrupt, click.Abort) as left:
        # Click has ended the terminal's "^C" line already where it caught the interrupt itself.
        click.echo(("" if isinstance(left, click.Abort) else "\n") + "reviewer: interrupted", err=True)
        return ExitCode.INTERRUPTED
    except Exception as problem:  # noqa: BLE001 - the boundary: whatever is not known here is a bug of ours
        return _tell(problem)
    return result if isinstance(result, int) else ExitCode.PASSED


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
            _drop_stdout()
            return ExitCode.PASSED
    return _report_bug(problem)


def _show(problem: click.ClickException) -> None:
    """Write a usage error; it quotes arguments, which a CI runner must not read as commands."""
    import io

    from reviewer.terminal.masking import visible, without_commands

    shown = io.StringIO()
    problem.show(file=shown)
    click.echo(without_commands(visible(shown.getvalue())), nl=False, err=True)


def _drop_stdout() -> None:
    """Let nothing be flushed into the closed pipe when Python leaves."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def _report_bug(bug: Exception) -> int:
    import traceback

    text = "".join(traceback.format_exception(bug))
    try:
        where = f"; the traceback is in {_save(text)}"
    except OSError:
        where = ", and its traceback could not be saved:\n" + text
    click.echo(f"reviewer: a bug of ours: {type(bug).__name__}: {_first_line(bug)}{where}", err=True)
    return ExitCode.BUG


def _first_line(bug: Exception) -> str:
    from reviewer.terminal.masking import visible, without_commands

    return without_commands(visible((str(bug).splitlines() or [""])[0][:200]))


def _save(text: str) -> Path:
    """Keep a traceback, readable by this user alone: its values may quote the code under review."""
    import datetime as dt
    import platform

    from reviewer import __version__, paths

    folder = paths.state_dir() / "crashes"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    path = folder / f"{stamp}-{os.getpid()}.txt"
    head = f"reviewer {__version__}, Python {platform.python_version()}, {platform.platform()}\n{sys.argv}\n\n"
    with path.open("x", encoding="utf-8", errors="backslashreplace") as file:
        file.write(head + text)
    return path
