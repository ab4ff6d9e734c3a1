"""Why a supervisor ended, restarted or gave up its engine, in words: what happened, with numbers, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.engine.server.life import Reason, duration
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from reviewer.engine.server.failures import Failure

_LESS = "raise max_memory_gb, lower max_model_len or max_num_seqs, or take a smaller model"


@dataclass(frozen=True, slots=True)
class Ending:
    """What is written down about it."""

    reason: Reason
    message: str
    hint: str = ""

    def as_dict(self) -> dict[str, object]:
        """As fields of ``Life``."""
        return {"reason": self.reason, "message": self.message, "hint": self.hint}


def idle(seconds: float) -> Ending:
    """Nobody needed it."""
    return Ending(
        Reason.IDLE,
        f"the engine was stopped after {duration(seconds)} without a request",
        "the next review starts it again; engine.idle_timeout sets the time",
    )


def low_memory(taken: int, available: int) -> Ending:
    """The machine's memory was needed elsewhere."""
    return Ending(
        Reason.LOW_MEMORY,
        f"the engine was stopped to free its {byte_size(taken)}: "
        f"only {byte_size(available)} of this machine's memory were left",
        "close other programs; the next review starts it again",
    )


def over_limit(taken: int, limit: int, planned: int | None) -> Ending:
    """It took more than it was given, and there is no smaller way to run it."""
    foretold = f" (planned {byte_size(planned)})" if planned is not None else ""
    return Ending(
        Reason.MEMORY,
        f"the engine was stopped: it took {byte_size(taken)}{foretold}, its limit is {byte_size(limit)}",
        _LESS,
    )


def made_smaller(taken: int, limit: int, less: str) -> Ending:
    """It took more than it was given, and goes on with less."""
    return Ending(
        Reason.MEMORY,
        f"the engine was restarted smaller, with {less}: it took {byte_size(taken)}, its limit is {byte_size(limit)}",
        _LESS,
    )


def died(failure: Failure, *, again: bool) -> Ending:
    """It ended by itself."""
    times = " again, after it had been brought back" if again else ""
    return Ending(Reason.DIED, f"the engine died{times}: {failure.cause}", failure.todo or "")


def not_started(error: OSError, hint: str) -> Ending:
    """The system could not run it."""
    return Ending(Reason.NOT_STARTED, f"the engine cannot be started: {error}", hint)
