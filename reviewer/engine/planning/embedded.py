"""Chooses among the embedded models the largest that suits a machine."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reviewer.engine.config import EMBEDDED_MODELS
from reviewer.engine.planning import hardware
from reviewer.engine.planning.budget import GB
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from reviewer.engine.config import ModelConfig
    from reviewer.engine.planning.hardware import Hardware

# The engine's memory in GB from which on a model is chosen, by what the machine computes in quickly; None never. The
# plans for 8192 tokens take this much with fewer requests at once than usual. In float32 the 1.5B takes twice the time
# for each token.
_LEAST_GB: dict[str, dict[str, float | None]] = {
    "int8": {"1.5b": 4.6, "0.5b": 3.5},
    "bfloat16": {"1.5b": 7.2, "0.5b": 4.2},
    "float32": {"1.5b": None, "0.5b": 6.0},
}
# Installed memory counts, not what is free just now, so that the choice stays the same; this part of it is usable.
_USABLE = 0.8
TITLES = {
    "1.5b": "Qwen2.5-Coder-1.5B-Instruct",
    "0.5b": "Qwen2.5-Coder-0.5B-Instruct",
    "135m": "SmolLM2-135M-Instruct",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """A name of ``EMBEDDED_MODELS``, and why it was chosen, as one line."""

    name: str
    reason: str


def choose(machine: Hardware, max_memory_gb: float | None = None, device: str = "auto") -> Choice:
    """The largest embedded model for a machine."""
    memory, quick = _memory(machine, device), _quick(machine, device)
    if max_memory_gb is not None:
        memory = min(memory, int(max_memory_gb * GB))
    for name, least in _LEAST_GB[quick].items():
        if least is not None and memory >= least * GB:
            return Choice(name, f"{TITLES[name]}: {_reason(name, memory, quick)}")
    return Choice("135m", f"{TITLES['135m']}: {byte_size(memory)} of usable memory are too few for a code model")


def resolved(config: ModelConfig, machine: Hardware | None = None) -> tuple[ModelConfig, str | None]:
    """Name the embedded model that ``embedded=True`` stands for; the second value says why, if it was chosen here."""
    if config.embedded is not True:
        return config, None
    choice = choose(machine or hardware.detect(), config.max_memory_gb, config.device)
    return dataclasses.replace(config, embedded=choice.name), choice.reason


def _memory(machine: Hardware, device: str) -> int:
    if device != "cpu" and machine.gpus:
        return int(max(gpu.total_bytes for gpu in machine.gpus) * _USABLE)
    return int(machine.total_bytes * _USABLE)


def _quick(machine: Hardware, device: str) -> str:
    if device != "cpu" and (machine.gpus or machine.unified):
        return "bfloat16"
    if machine.fast_int8:
        return "int8"
    return "bfloat16" if machine.fast_bfloat16 else "float32"


def _reason(name: str, memory: int, quick: str) -> str:
    size = f"{byte_size(memory)} of usable memory"
    if name == next(iter(EMBEDDED_MODELS)):
        return f"the largest embedded model, for {size} and {quick} instructions"
    if quick == "float32":
        return f"the 1.5B is slow on this processor, which has neither int8 nor bfloat16 instructions ({size})"
    return (
        f"the 1.5B needs {_LEAST_GB[quick]['1.5b']:g} GB, and this machine or max_memory_gb allows {byte_size(memory)}"
    )
