"""Why a supervisor stopped, restarted or gave up its engine: what happened, with figures, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.engine.server.life import Reason, duration
from reviewer.errors import in_words
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from reviewer.engine.server.failures import Failure

_LESS = "raise max_memory_gb, lower max_model_len or max_num_seqs, or use a smaller model"


@dataclass(frozen=True, slots=True)
class Ending:
    """Fields of ``Life`` that explain an end or a restart."""

    reason: Reason
    message: str
    hint: str = ""


def idle(seconds: float) -> Ending:
    """It was not used."""
    return Ending(
        Reason.IDLE,
        f"the engine was stopped after {duration(seconds)} without a request",
        "the next review starts it again; engine.idle_timeout sets the time",
    )


def low_memory(used: int, available: int) -> Ending:
    """The machine ran low on memory."""
    return Ending(
        Reason.LOW_MEMORY,
        f"the engine was stopped to free its {byte_size(used)}: "
        f"only {byte_size(available)} of this machine's memory was left",
        "close other programs; the next review starts it again",
    )


def over_limit(used: int, limit: int, planned: int | None) -> Ending:
    """It exceeded its limit and cannot run with less."""
    plan = f" (planned {byte_size(planned)})" if planned is not None else ""
    return Ending(
        Reason.MEMORY,
        f"the engine was stopped: it used {byte_size(used)}{plan}, its limit is {byte_size(limit)}",
        _LESS,
    )


def made_smaller(used: int, limit: int, less: str) -> Ending:
    """It exceeded its limit and was restarted with less."""
    why = f"it used {byte_size(used)}, its limit is {byte_size(limit)}"
    return Ending(Reason.MEMORY, f"the engine was restarted with less memory, {less}: {why}", _LESS)


def died(failure: Failure, *, again: bool) -> Ending:
    """It ended by itself."""
    return Ending(
        Reason.DIED, f"the engine died{' again after a restart' if again else ''}: {failure.cause}", failure.todo or ""
    )


def not_started(error: OSError, hint: str) -> Ending:
    """The system could not run it."""
    return Ending(Reason.NOT_STARTED, f"the engine cannot be started: {in_words(error)}", hint)
