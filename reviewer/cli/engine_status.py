"""Formats the state and logs of engines."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from reviewer.engine.server.life import duration
from reviewer.terminal import output
from reviewer.terminal.masking import mask, visible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reviewer.engine.server.life import Life
    from reviewer.engine.server.state import ServerState

_FOLLOW_SECONDS = 0.3
_FAST = 10.0  # tokens a second that need no decimals
_RECENT_SECONDS = 86_400.0  # ends before that are not shown


def lines(states: Sequence[ServerState]) -> list[str]:
    """A few lines for each engine."""
    return [line for state in states for line in _about(state)]


def ended_lines(lives: Sequence[Life]) -> list[str]:
    """Why engines ended by themselves during the last day."""
    return [line for life in _news(lives) for line in _about_end(life)]


def as_json(states: Sequence[ServerState], others: Sequence[dict[str, Any]] = ()) -> str:
    """A list of objects: engines, then others. API keys are not part of it."""
    return json.dumps([*(_plain(state) for state in states), *others], indent=2)


def plain_ended(lives: Sequence[Life]) -> list[dict[str, Any]]:
    """The objects for ``ended_lines``."""
    return [
        {"model": life.model, "status": str(life.phase), "ended_at": life.since, **_why(life)} for life in _news(lives)
    ]


def safe(line: str) -> str:
    """A log line with secrets masked and control characters made visible."""
    from reviewer.engine.server import failures

    return visible(mask(failures.plain(line)))


def follow(log: Path, offset: int) -> None:
    """Print a log from ``offset`` on as it grows, until interrupted or the reader leaves; a new log is followed."""
    rest = b""
    while True:
        time.sleep(_FOLLOW_SECONDS)
        try:
            with log.open("rb") as file:
                if file.seek(0, 2) < offset:
                    offset, rest = 0, b""
                file.seek(offset)
                data = file.read()
        except OSError:  # no log between two starts
            continue
        offset += len(data)
        *complete, rest = (rest + data).split(b"\n")
        if complete and not output.say("\n".join(safe(line.decode("utf-8", "replace")) for line in complete)):
            return


def _about(state: ServerState) -> list[str]:
    facts = [f"{state.model}  {state.status}"]
    if state.started_at is not None and state.status != "dead":
        facts.append(f"up {duration(int(time.time() - state.started_at))}")
    if state.memory_bytes:
        facts.append(output.byte_size(state.memory_bytes) + _compared(state))
    count = len(state.processes)
    where = [f"pid {state.pid}", f"{count} process{'es' if count > 1 else ''}"] if count else ["no processes left"]
    found = [", ".join(facts), f"  {', '.join(where)}, {state.endpoint}", *_work(state), f"  log {state.log}"]
    found += [f"  note: {visible(mask(note))}" for note in state.notes]
    found += _message(state.life) if state.life is not None else []
    if state.status == "dead":
        found.append(
            "  it ended unexpectedly; restart it with `reviewer engine start`, or clear it with `reviewer engine stop`"
        )
    return found


def _work(state: ServerState) -> list[str]:
    """Requests served, time until the idle stop, and the supervisor's memory."""
    figures, found = _figures(state), []
    if state.metrics is not None:
        facts = [f"{figures['requests']} requests answered"]
        facts += [f"{count} {name}" for name in ("running", "waiting") if (count := figures[f"requests_{name}"])]
        rate, hits = figures["tokens_per_second"], figures["prefix_cache_hit_rate"]
        facts += [f"{rate:.{0 if rate >= _FAST else 1}f} tokens per second when last busy"] if rate is not None else []
        facts += [f"{hits:.0%} of prompt tokens from the prefix cache"] if hits is not None else []
        found.append(f"  {', '.join(facts)}")
    if figures["idle_left"] is not None:
        found.append(f"  stops in {duration(round(figures['idle_left']))} if idle")
    if state.supervisor_bytes:
        found.append(f"  supervisor {output.byte_size(state.supervisor_bytes)}")
    return found


def _figures(state: ServerState) -> dict[str, Any]:
    """Figures of the engine and its supervisor; None if unknown."""
    from reviewer.engine.client import prometheus

    metrics, life = state.metrics, state.life
    return {
        "requests": round(metrics.get(prometheus.ANSWERED, 0)) if metrics is not None else None,
        "requests_running": round(metrics.get(prometheus.RUNNING, 0)) if metrics is not None else None,
        "requests_waiting": round(metrics.get(prometheus.WAITING, 0)) if metrics is not None else None,
        "tokens_per_second": life.tokens_per_second if life else None,
        "prefix_cache_hit_rate": prometheus.prefix_cache_hit_rate(metrics) if metrics is not None else None,
        "idle_timeout": life.idle_timeout if life else None,
        "idle_left": life.idle_left(time.time()) if life else None,
    }


def _news(lives: Sequence[Life]) -> list[Life]:
    return [life for life in lives if time.time() - life.since < _RECENT_SECONDS]


def _about_end(life: Life) -> list[str]:
    return [f"{life.model}  {life.phase} {duration(int(max(0, time.time() - life.since)))} ago", *_message(life)]


def _message(life: Life) -> list[str]:
    """The supervisor's message, which may quote the engine's log."""
    return [f"  {visible(mask(text))}" for text in (life.message, life.hint) if text]


def _why(life: Life | None) -> dict[str, Any]:
    if life is None or life.reason is None:
        return {"reason": None, "message": None, "hint": None}
    return {
        "reason": str(life.reason),
        "message": visible(mask(life.message)),
        "hint": visible(mask(life.hint)) or None,
    }


def _compared(state: ServerState) -> str:
    parts = []
    if state.planned_bytes is not None:
        parts.append(f"planned {output.byte_size(state.planned_bytes)}")
    if state.memory_limit_bytes is not None:
        parts.append(f"limit {output.byte_size(state.memory_limit_bytes)}")
    return f" ({', '.join(parts)})" if parts else ""


def _plain(state: ServerState) -> dict[str, Any]:
    return {
        "model": state.model,
        "served_name": state.served_name,
        "status": str(state.status),
        "key": state.key,
        "pid": state.pid,
        "processes": list(state.processes),
        "started_at": state.started_at,
        "endpoint": str(state.endpoint) if state.endpoint else None,
        "memory_bytes": state.memory_bytes,
        "planned_bytes": state.planned_bytes,
        "memory_limit_bytes": state.memory_limit_bytes,
        "log": str(state.log),
        "notes": [visible(mask(note)) for note in state.notes],
        "supervisor": {"pid": state.life.supervisor if state.life else None, "memory_bytes": state.supervisor_bytes},
        "restarts": state.life.restarts if state.life else 0,
        "reductions": state.life.reductions if state.life else 0,
        **_figures(state),
        **_why(state.life),
    }
