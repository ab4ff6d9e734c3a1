"""Is the engine well? Facts in, one verdict out."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

# An error is recent for five minutes: long enough to be seen after a failed commit, short enough to be forgiven.
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
        open_requests: Our own requests that are under way there.
        problem: Why it is not used; empty while it is.
    """

    endpoint: str
    answers: bool
    open_requests: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What can be seen of one engine from outside; bytes throughout, None where it cannot be known.

    Attributes:
        state: ``stopped``, ``starting``, ``ready``, ``dead`` or ``attached``.
        damaged: Model files that are missing or changed; None where they were not looked at.
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


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The verdict and what it rests on.

    Attributes:
        endpoint: Whether anything can be asked.
        endpoints: Each endpoint; several where a pool is attached to.
        problems: One sentence for each thing that is wrong; empty when healthy.
    """

    status: HealthStatus
    engine: str
    endpoint: bool
    model_files: bool | None
    memory_bytes: int | None
    memory_limit_bytes: int | None
    recent_errors: tuple[str, ...]
    latency: dict[str, float]
    problems: tuple[str, ...]
    endpoints: tuple[EndpointState, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def judge(
    *,
    loaded: bool,
    endpoints: tuple[EndpointState, ...],
    facts: EngineFacts | None,
    performance: dict[str, float | int],
    errors: tuple[tuple[float, str], ...],
) -> HealthReport:
    """Weigh the facts: unhealthy when nothing can be asked, degraded when answers may fail, else healthy."""
    facts = facts or EngineFacts(state="not loaded")
    now = time.time()
    recent = tuple(message for when, message in errors if now - when <= _RECENT_SECONDS)
    answers = any(state.answers for state in endpoints)
    fatal = list(_fatal(loaded, answers, facts))
    minor = [*_missing(endpoints), *_minor(facts, recent)]
    status = HealthStatus.UNHEALTHY if fatal else HealthStatus.DEGRADED if minor else HealthStatus.HEALTHY
    return HealthReport(
        status=status,
        engine=facts.state,
        endpoint=answers,
        model_files=None if facts.damaged is None else not facts.damaged,
        memory_bytes=facts.memory_measured,
        memory_limit_bytes=facts.memory_limit,
        recent_errors=recent,
        latency={name: float(performance[f"latency_{name}"]) for name in ("p50", "p95", "p99")},
        problems=(*fatal, *minor),
        endpoints=endpoints,
    )


def _fatal(loaded: bool, answers: bool, facts: EngineFacts) -> list[str]:
    if not loaded:
        return ["the model is not loaded"]
    problems = []
    if facts.state not in ("ready", "attached"):
        problems.append(f"the engine is {facts.state}")
    if not answers:
        problems.append("the endpoint does not answer")
    return problems


def _missing(endpoints: tuple[EndpointState, ...]) -> list[str]:
    if not any(state.answers for state in endpoints):
        return []
    return [f"{state.endpoint} is left out: {state.problem}" for state in endpoints if not state.answers]


def _minor(facts: EngineFacts, recent: tuple[str, ...]) -> list[str]:
    problems = []
    if facts.damaged:
        problems.append(f"damaged model files: {', '.join(facts.damaged)}")
    if facts.memory_measured and facts.memory_limit and facts.memory_measured > _NEAR_LIMIT * facts.memory_limit:
        share = facts.memory_measured / facts.memory_limit
        problems.append(f"memory is at {share:.0%} of its limit")
    if recent:
        problems.append(f"{len(recent)} failed requests in the last five minutes, the latest: {recent[-1]}")
    return problems
