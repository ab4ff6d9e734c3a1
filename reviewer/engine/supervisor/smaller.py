"""Reduces an engine's command to less memory: a smaller KV cache, and as many concurrent requests as that holds.

The context length stays, since prompts are cut to it, and so do the weights.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from collections.abc import Sequence

# vLLM: "Maximum concurrency for 4,096 tokens per request: 3.01x", before its KV cache is allocated.
CONCURRENCY = re.compile(rb"Maximum concurrency for [\d,]+ tokens per request: (\d+(?:\.\d+)?)x")

SEQUENCES = "--max-num-seqs"
KV_BYTES = "--kv-cache-memory-bytes"
_ROOM = 1.05  # blocks are whole; a cache for exactly one request may come out a block short
_MARGIN = 1.25  # the measured excess may not be all of it
# The excess is measured when the engine has just crossed its limit and still grows, so it says little about how much
# the engine will need. Each reduction gives up at least this share of the cache, and a few are enough.
_SHARES = (0.125, 0.25, 0.5)


def smaller(argv: Sequence[str], concurrency: float | None, excess: int, *, times: int = 0) -> tuple[str, ...] | None:
    """A command that needs at least ``excess`` bytes less; None where the KV cache does not hold that much.

    Args:
        argv: The command that used too much.
        concurrency: How many requests of full length its KV cache holds; None before it was allocated, when it cannot
            be the cause.
        excess: In bytes.
        times: How often the command was reduced before.
    """
    seqs, kv_bytes = number(argv, SEQUENCES), number(argv, KV_BYTES)
    if not kv_bytes or not concurrency:
        return None
    least = int(kv_bytes / concurrency * _ROOM)
    left = int(kv_bytes - excess * _MARGIN)
    if left < least:
        return None
    share = _SHARES[min(times, len(_SHARES) - 1)]
    left = max(least, min(left, int(kv_bytes * (1 - share))))
    made = list(argv)
    made[made.index(KV_BYTES) + 1] = str(left)
    if seqs is not None:
        made[made.index(SEQUENCES) + 1] = str(max(1, seqs * left // kv_bytes))
    return tuple(made)


def described(argv: Sequence[str]) -> str:
    """The memory-related options of a command, for a message."""
    seqs, kv_bytes = number(argv, SEQUENCES), number(argv, KV_BYTES)
    parts = [f"{seqs} request{'s' if seqs != 1 else ''} at once"] if seqs is not None else []
    parts += [f"{byte_size(kv_bytes)} of KV cache"] if kv_bytes is not None else []
    return ", ".join(parts)


def number(argv: Sequence[str], flag: str) -> int | None:
    """The value of an option; None without one."""
    words = list(argv)
    if flag not in words[:-1]:
        return None
    value = words[words.index(flag) + 1]
    return int(value) if value.isdigit() else None
