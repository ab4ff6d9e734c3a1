"""Searches for what fits: tries candidates in order of preference, takes the first below the limit, and explains."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.engine.planning.budget import FEW_SEQUENCES, Workload
from reviewer.engine.planning.limits import GPU_SHARE_LEAST, Limit
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.engine.planning.preferences import Option, Preferences

_SPARE_USED = 0.9  # of the remaining memory, since the margin grows with the cache
_LEAST_CONTEXT = 1024  # less is too short for a hunk and its reply


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing to try; ``reductions`` says how it is smaller than what is preferred."""

    option: Option
    workload: Workload
    reductions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What fits: a form of the weights, a workload and a KV cache, and the steps to it."""

    option: Option
    workload: Workload
    kv_bytes: int
    gpu_share: float | None
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Miss:
    """Nothing fits; the smallest workload, if any could be tried."""

    nearest: Workload | None


def search(wanted: Preferences, limit: Limit) -> Fit | Miss:
    """Find the first candidate that fits."""
    steps = list(wanted.notes)
    nearest: Workload | None = None
    for candidate in _candidates(wanted, wanted.options):
        for workload in _spread(candidate.workload, limit):
            kv_bytes = _kv_bytes(workload, limit)
            if kv_bytes is not None:
                return _fit(candidate.option, workload, kv_bytes, limit, [*steps, *candidate.reductions])
            if nearest is None or least_bytes(workload) < least_bytes(nearest):
                nearest = workload
        if not candidate.reductions:
            steps.append(_why_not(candidate, limit))
    return Miss(nearest or _blocked(wanted))


def _fit(option: Option, wanted: Workload, kv_bytes: int, limit: Limit, steps: list[str]) -> Fit:
    """The workload with as many concurrent requests as its KV cache holds."""
    held = max(1, min(wanted.max_num_seqs, kv_bytes // wanted.kv_typical_bytes))
    workload = dataclasses.replace(wanted, max_num_seqs=held)
    notes = [f"{wanted.max_num_seqs} → {held} concurrent requests: the KV cache has no room for more"]
    return Fit(
        option=option,
        workload=workload,
        kv_bytes=kv_bytes,
        gpu_share=_share(workload, kv_bytes, limit) if limit.gpus else None,
        steps=(*steps, *_spread_note(workload, limit), *(notes if held < wanted.max_num_seqs else ())),
    )


def least_bytes(workload: Workload) -> int:
    """The memory of a workload with the smallest KV cache."""
    return workload.total_bytes(workload.kv_least_bytes)


def ceiling(workload: Workload, limit: Limit) -> int:
    """The limit for a workload."""
    return limit.gpu_bytes(workload.gpus) * workload.gpus if limit.gpus else limit.bytes


def _blocked(wanted: Preferences) -> Workload | None:
    """The workload if this machine had the kernels, for the numbers of an error message."""
    loads = [candidate.workload for candidate in _candidates(wanted, wanted.blocked)]
    return min(loads, key=least_bytes, default=None)


def _candidates(wanted: Preferences, options: tuple[Option, ...]) -> Iterator[Candidate]:
    """Each form as preferred, then the smallest form with less context, then with fewer requests."""
    if not options:
        return
    length, seqs = wanted.max_model_len, wanted.max_num_seqs
    for option in options:
        yield Candidate(option, wanted.workload(option, length, seqs))
    smallest = min(options, key=lambda option: least_bytes(wanted.workload(option, length, seqs)))
    shorter: tuple[str, ...] = ()
    while length > _LEAST_CONTEXT:
        length = max(_LEAST_CONTEXT, length // 2)
        shorter = (f"context {wanted.max_model_len} → {length} tokens: a longer one does not fit",)
        yield Candidate(smallest, wanted.workload(smallest, length, seqs), shorter)
    seqs = min(seqs, FEW_SEQUENCES)
    while seqs > 1:
        seqs //= 2
        fewer = f"{wanted.max_num_seqs} → {seqs} concurrent requests: more do not fit"
        yield Candidate(smallest, wanted.workload(smallest, length, seqs), (*shorter, fewer))


def _spread(workload: Workload, limit: Limit) -> Iterator[Workload]:
    """The workload on one GPU, then on every number of GPUs that can share its heads."""
    yield workload
    shape, count = workload.shape, 2
    while count <= len(limit.gpus):
        if shape.heads % count == 0 and (shape.kv_heads % count == 0 or count % shape.kv_heads == 0):
            yield dataclasses.replace(workload, gpus=count)
        count *= 2


def _kv_bytes(workload: Workload, limit: Limit) -> int | None:
    """The KV cache that the limits allow; None if not even the smallest fits."""
    least = workload.kv_least_bytes
    spare = int((ceiling(workload, limit) - least_bytes(workload)) * _SPARE_USED)
    if limit.inner_bytes is not None:
        spare = min(spare, limit.inner_bytes - workload.inner_bytes(least))
    return None if spare < 0 else min(workload.kv_most_bytes, least + spare)


def _share(workload: Workload, kv_bytes: int, limit: Limit) -> float:
    """VLLM's share of each GPU: what the plan needs, within the limits."""
    total = min(gpu.total_bytes for gpu in limit.gpus[: workload.gpus])
    needed = workload.total_bytes(kv_bytes) / workload.gpus / total
    return int(min(limit.gpu_share(workload.gpus), max(GPU_SHARE_LEAST, needed + 0.001)) * 1000) / 1000


def _spread_note(workload: Workload, limit: Limit) -> tuple[str, ...]:
    if workload.gpus == 1:
        return ()
    one = least_bytes(dataclasses.replace(workload, gpus=1))
    return (f"{workload.gpus} GPUs: {byte_size(one)} needed, {byte_size(limit.gpu_bytes(1))} on one",)


def _why_not(candidate: Candidate, limit: Limit) -> str:
    load = candidate.workload
    title = candidate.option.title
    inner = load.inner_bytes(load.kv_least_bytes)
    if limit.inner_bytes is not None and limit.inner_bytes < inner:
        return f"{title} does not fit: {byte_size(inner)} needed, {limit.inner_reason} {byte_size(limit.inner_bytes)}"
    there = max(ceiling(workload, limit) for workload in _spread(load, limit))
    need = f"{byte_size(least_bytes(load))} needed at {load.max_model_len} tokens"
    return f"{title} does not fit: {need}, {byte_size(there)} available"
