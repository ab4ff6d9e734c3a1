"""How the state of engines and their logs are shown."""

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
_TOLD_SECONDS = 86_400.0  # what ended longer ago is no news


def lines(states: Sequence[ServerState]) -> list[str]:
    """A few lines for each engine."""
    return [line for state in states for line in _about(state)]


def ended_lines(lives: Sequence[Life]) -> list[str]:
    """Why the engines of the last day are gone that nobody has stopped."""
    return [line for life in _news(lives) for line in _about_end(life)]


def as_json(states: Sequence[ServerState], others: Sequence[dict[str, Any]] = ()) -> str:
    """A list of objects, what is no engine of ours after them; the key of an endpoint is not part of it."""
    return json.dumps([*(_plain(state) for state in states), *others], indent=2)


def plain_ended(lives: Sequence[Life]) -> list[dict[str, Any]]:
    """The same as ``ended_lines`` for a program."""
    return [
        {"model": life.model, "status": str(life.phase), "ended_at": life.since, **_why(life)} for life in _news(lives)
    ]


def safe(line: str) -> str:
    """A line of the log as it may be shown."""
    from reviewer.engine.server import failures

    return visible(mask(failures.plain(line)))


def follow(log: Path, offset: int) -> None:
    """Print what a log holds from ``offset`` on until nobody reads or the user interrupts; a fresh log is taken up."""
    rest = b""
    while True:
        time.sleep(_FOLLOW_SECONDS)
        try:
            with log.open("rb") as file:
                if file.seek(0, 2) < offset:
                    offset, rest = 0, b""
                file.seek(offset)
                data = file.read()
        except OSError:  # between two starts there may be no log
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
    where = [f"pid {state.pid}", f"{count} process{'es' if count > 1 else ''}"] if count else ["no process is left"]
    found = [", ".join(facts), f"  {', '.join(where)}, {state.endpoint}", *_work(state), f"  log {state.log}"]
    found += _told(state.life) if state.life is not None else []
    if state.status == "dead":
        found.append("  it ended by itself; `reviewer engine start` brings it back, `reviewer engine stop` forgets it")
    return found


def _work(state: ServerState) -> list[str]:
    """What it has done, how long it will stay, and what looking after it takes."""
    figures, found = _figures(state), []
    if state.metrics is not None:
        facts = [f"{figures['requests']} requests answered"]
        facts += [f"{count} {name}" for name in ("running", "waiting") if (count := figures[f"requests_{name}"])]
        rate, hits = figures["tokens_per_second"], figures["prefix_cache_hit_rate"]
        facts += (
            [f"{rate:.{0 if rate >= _FAST else 1}f} tokens a second when it worked last"] if rate is not None else []
        )
        facts += [f"{hits:.0%} of the prompt tokens from the prefix cache"] if hits is not None else []
        found.append(f"  {', '.join(facts)}")
    if figures["idle_left"] is not None:
        found.append(f"  stops in {duration(round(figures['idle_left']))} unless there is a request")
    if state.supervisor_bytes:
        found.append(f"  supervisor {output.byte_size(state.supervisor_bytes)}")
    return found


def _figures(state: ServerState) -> dict[str, Any]:
    """What the engine has counted and its supervisor has seen; None for what is not known."""
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
    return [life for life in lives if time.time() - life.since < _TOLD_SECONDS]


def _about_end(life: Life) -> list[str]:
    return [f"{life.model}  {life.phase} {duration(int(max(0, time.time() - life.since)))} ago", *_told(life)]


def _told(life: Life) -> list[str]:
    """What the supervisor had to say; it may quote the engine's log."""
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
        "supervisor": {"pid": state.life.supervisor if state.life else None, "memory_bytes": state.supervisor_bytes},
        "restarts": state.life.restarts if state.life else 0,
        "reductions": state.life.reductions if state.life else 0,
        **_figures(state),
        **_why(state.life),
    }
