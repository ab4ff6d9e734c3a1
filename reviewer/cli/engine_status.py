"""How the state of engines and their logs are shown."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from reviewer import output
from reviewer.masking import mask, visible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reviewer.engine.state import ServerState

_FOLLOW_SECONDS = 0.3


def lines(states: Sequence[ServerState]) -> list[str]:
    """A few lines for each engine."""
    return [line for state in states for line in _about(state)]


def as_json(states: Sequence[ServerState], attached: Sequence[dict[str, Any]] = ()) -> str:
    """A list of objects, those of other people's servers after our own; the key of an endpoint is not part of it."""
    return json.dumps([*(_plain(state) for state in states), *attached], indent=2)


def safe(line: str) -> str:
    """A line of the log as it may be shown."""
    from reviewer.engine import failures

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
        facts.append(f"up {_duration(time.time() - state.started_at)}")
    if state.memory_bytes:
        facts.append(output.byte_size(state.memory_bytes) + _compared(state))
    count = len(state.processes)
    where = [f"pid {state.pid}", f"{count} process{'es' if count > 1 else ''}"] if count else ["no process is left"]
    found = [", ".join(facts), f"  {', '.join(where)}, {state.endpoint}", f"  log {state.log}"]
    if state.status == "dead":
        found.append("  it ended by itself; `reviewer engine start` brings it back, `reviewer engine stop` forgets it")
    return found


def _compared(state: ServerState) -> str:
    parts = []
    if state.planned_bytes is not None:
        parts.append(f"planned {output.byte_size(state.planned_bytes)}")
    if state.memory_limit_bytes is not None:
        parts.append(f"limit {output.byte_size(state.memory_limit_bytes)}")
    return f" ({', '.join(parts)})" if parts else ""


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


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
    }
