"""The same engine with less memory: a smaller KV cache, and as many requests at once as it still holds.

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

_SEQS = "--max-num-seqs"
_KV = "--kv-cache-memory-bytes"
_ROOM = 1.05  # blocks are whole; a cache for exactly one request may come out a block short
_MARGIN = 1.25  # what it took too much may not have been all
# An engine is seen when it has just crossed its limit, and grows on: what it took too much then says little of how much
# it will take. So each time gives up at the least such a share of the cache, and a few times are enough.
_SHARES = (0.125, 0.25, 0.5)


def smaller(argv: Sequence[str], concurrency: float | None, excess: int, *, times: int = 0) -> tuple[str, ...] | None:
    """A command that takes less by more than ``excess`` bytes; None where the KV cache does not hold that much.

    Args:
        argv: The command that took too much.
        concurrency: How many requests of full length its KV cache holds; None where it had not been laid out yet, and
            cannot be the cause.
        excess: In bytes.
        times: How often it was made smaller before.
    """
    seqs, kv_bytes = _number(argv, _SEQS), _number(argv, _KV)
    if not kv_bytes or not concurrency:
        return None
    least = int(kv_bytes / concurrency * _ROOM)
    left = int(kv_bytes - excess * _MARGIN)
    if left < least:
        return None
    share = _SHARES[min(times, len(_SHARES) - 1)]
    left = max(least, min(left, int(kv_bytes * (1 - share))))
    made = list(argv)
    made[made.index(_KV) + 1] = str(left)
    if seqs is not None:
        made[made.index(_SEQS) + 1] = str(max(1, seqs * left // kv_bytes))
    return tuple(made)


def described(argv: Sequence[str]) -> str:
    """What a command gives the engine, for a sentence."""
    seqs, kv_bytes = _number(argv, _SEQS), _number(argv, _KV)
    parts = [f"{seqs} request{'s' if seqs != 1 else ''} at once"] if seqs is not None else []
    parts += [f"{byte_size(kv_bytes)} of KV cache"] if kv_bytes is not None else []
    return ", ".join(parts)


def saved(before: Sequence[str], after: Sequence[str]) -> int:
    """Bytes of KV cache that the second command takes less."""
    return (_number(before, _KV) or 0) - (_number(after, _KV) or 0)


def sequences(argv: Sequence[str]) -> int | None:
    """Requests at once."""
    return _number(argv, _SEQS)


def _number(argv: Sequence[str], flag: str) -> int | None:
    words = list(argv)
    if flag not in words[:-1]:
        return None
    value = words[words.index(flag) + 1]
    return int(value) if value.isdigit() else None
