"""The verdict on an engine: facts in, one mapping out."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

# Long enough that an error is seen after a failed commit.
_RECENT_SECONDS = 300.0
_NEAR_LIMIT = 0.95


class HealthStatus(StrEnum):
    """The overall verdict."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class EndpointState:
    """One endpoint as the client sees it.

    Attributes:
        open_requests: Our own open requests there.
        problem: Why it is not used; empty while it is.
    """

    endpoint: str
    answers: bool
    open_requests: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What can be seen of an engine from outside; memory in bytes, None where unknown.

    Attributes:
        state: ``stopped``, ``starting``, ``ready``, ``dead``, ``attached`` or ``not loaded``.
        damaged: Model files that are missing or changed; None where they were not checked.
    """

    state: str
    pid: int | None = None
    endpoint: str | None = None
    log: str | None = None
    quantization: str | None = None
    dtype: str | None = None
    memory_limit: int | None = None
    memory_planned: int | None = None
    memory_measured: int | None = None
    damaged: tuple[str, ...] | None = None


NOT_LOADED = EngineFacts(state="not loaded")


def judge(
    *,
    loaded: bool,
    endpoints: tuple[EndpointState, ...],
    facts: EngineFacts,
    performance: dict[str, float | int],
    errors: tuple[tuple[float, str], ...],
) -> dict[str, Any]:
    """Weigh the facts: unhealthy when nothing can be asked, degraded when answers may fail, else healthy.

    Returns:
        Plain values, ready for JSON: ``status`` (a ``HealthStatus``), ``engine`` (its state), ``endpoint`` (whether
        any answers), ``endpoints`` (a dictionary for each), ``model_files`` (whether they are whole; None where they
        were not checked), ``memory_bytes`` and ``memory_limit_bytes`` (None where unknown), ``recent_errors``,
        ``latency`` (``p50``, ``p95``, ``p99`` in seconds) and ``problems``, one sentence each, none when healthy.
    """
    recent = [message for when, message in errors if time.time() - when <= _RECENT_SECONDS]
    answers = any(state.answers for state in endpoints)
    fatal = _fatal(loaded, answers, facts)
    minor = [*(_left_out(endpoints) if answers else ()), *_minor(facts, recent)]
    return {
        "status": HealthStatus.UNHEALTHY if fatal else HealthStatus.DEGRADED if minor else HealthStatus.HEALTHY,
        "engine": facts.state,
        "endpoint": answers,
        "endpoints": [asdict(state) for state in endpoints],
        "model_files": None if facts.damaged is None else not facts.damaged,
        "memory_bytes": facts.memory_measured,
        "memory_limit_bytes": facts.memory_limit,
        "recent_errors": recent,
        "latency": {name: float(performance[f"latency_{name}"]) for name in ("p50", "p95", "p99")},
        "problems": [*fatal, *minor],
    }


def _fatal(loaded: bool, answers: bool, facts: EngineFacts) -> list[str]:
    if not loaded:
        return ["the model is not loaded"]
    problems = [] if facts.state in ("ready", "attached") else [f"the engine is {facts.state}"]
    return problems if answers else [*problems, "the endpoint does not answer"]


def _left_out(endpoints: tuple[EndpointState, ...]) -> list[str]:
    return [f"{state.endpoint} is left out: {state.problem}" for state in endpoints if not state.answers]


def _minor(facts: EngineFacts, recent: list[str]) -> list[str]:
    problems = []
    if facts.damaged:
        problems.append(f"damaged model files: {', '.join(facts.damaged)}")
    if facts.memory_measured and facts.memory_limit and facts.memory_measured > _NEAR_LIMIT * facts.memory_limit:
        problems.append(f"memory is at {facts.memory_measured / facts.memory_limit:.0%} of its limit")
    if recent:
        problems.append(f"{len(recent)} failed requests in the last five minutes, the latest: {recent[-1]}")
    return problems
