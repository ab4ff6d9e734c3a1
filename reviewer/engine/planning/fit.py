"""The search for what fits: candidates from best to least, the first under the ceiling, and why not the others."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.engine.planning.budget import FEW_SEQUENCES, Workload, gigabytes
from reviewer.engine.planning.limits import GPU_SHARE_LEAST, Limit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.engine.planning.options import Option, Wish

_SPARE_USED = 0.9  # of what is left over: the margin grows with the cache
_LEAST_CONTEXT = 1024  # below it no hunk with its reply fits


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing to try; ``changed`` says what was given up for it since the one before."""

    option: Option
    workload: Workload
    changed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What fits: a form of the weights, a workload, a KV cache, and the steps that led there."""

    option: Option
    workload: Workload
    kv_bytes: int
    gpu_share: float | None
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Miss:
    """Nothing fits; the workload that came nearest, None where there was nothing to try."""

    nearest: Workload | None


def search(wish: Wish, limit: Limit) -> Fit | Miss:
    """Take the first candidate that fits."""
    steps = list(wish.notes)
    nearest: Workload | None = None
    for candidate in _candidates(wish, wish.options):
        if candidate.changed:
            steps.append(candidate.changed)
        for workload in _spread(candidate.workload, limit):
            kv_bytes = _kv_bytes(workload, limit)
            if kv_bytes is not None:
                return _fit(candidate.option, workload, kv_bytes, limit, steps)
            if nearest is None or least_bytes(workload) < least_bytes(nearest):
                nearest = workload
        if not candidate.changed:
            steps.append(_why_not(candidate, limit))
    return Miss(nearest or _blocked(wish))


def _fit(option: Option, wanted: Workload, kv_bytes: int, limit: Limit, steps: list[str]) -> Fit:
    """The workload with as many requests at once as its KV cache holds."""
    held = max(1, min(wanted.max_num_seqs, kv_bytes // wanted.kv_typical_bytes))
    workload = dataclasses.replace(wanted, max_num_seqs=held)
    notes = [f"{wanted.max_num_seqs} → {held} requests at once: the KV cache holds no more"]
    return Fit(
        option=option,
        workload=workload,
        kv_bytes=kv_bytes,
        gpu_share=_share(workload, kv_bytes, limit) if limit.gpus else None,
        steps=(*steps, *_spread_note(workload, limit), *(notes if held < wanted.max_num_seqs else ())),
    )


def least_bytes(workload: Workload) -> int:
    """The least that a workload takes."""
    return workload.total_bytes(workload.kv_least_bytes)


def ceiling(workload: Workload, limit: Limit) -> int:
    """What a workload may take in all."""
    return limit.gpu_bytes(workload.gpus) * workload.gpus if limit.gpus else limit.bytes


def _blocked(wish: Wish) -> Workload | None:
    """What the model would take if its kernels were there; for the numbers of a refusal."""
    loads = [candidate.workload for candidate in _candidates(wish, wish.blocked)]
    return min(loads, key=least_bytes, default=None)


def _candidates(wish: Wish, options: tuple[Option, ...]) -> Iterator[Candidate]:
    """What is tried, best first: each form as wished, then the smallest form shorter, then with fewer requests."""
    if not options:
        return
    length, seqs = wish.max_model_len, wish.max_num_seqs
    for option in options:
        yield Candidate(option, wish.workload(option, length, seqs))
    smallest = min(options, key=lambda option: least_bytes(wish.workload(option, length, seqs)))
    while length > _LEAST_CONTEXT:
        shorter = max(_LEAST_CONTEXT, length // 2)
        change = f"context {length} → {shorter} tokens: the longer one does not fit"
        length = shorter
        yield Candidate(smallest, wish.workload(smallest, length, seqs), change)
    seqs = min(seqs, FEW_SEQUENCES)
    while seqs > 1:
        change = f"{seqs} → {seqs // 2} requests at once: more do not fit"
        seqs //= 2
        yield Candidate(smallest, wish.workload(smallest, length, seqs), change)


def _spread(workload: Workload, limit: Limit) -> Iterator[Workload]:
    """The workload on one GPU, then on as many as its heads can be split over."""
    yield workload
    shape, count = workload.shape, 2
    while count <= len(limit.gpus):
        if shape.heads % count == 0 and (shape.kv_heads % count == 0 or count % shape.kv_heads == 0):
            yield dataclasses.replace(workload, gpus=count)
        count *= 2


def _kv_bytes(workload: Workload, limit: Limit) -> int | None:
    """The KV cache that the ceilings allow, or None where not even the least one fits."""
    least = workload.kv_least_bytes
    spare = int((ceiling(workload, limit) - least_bytes(workload)) * _SPARE_USED)
    if limit.inner_bytes is not None:
        spare = min(spare, limit.inner_bytes - workload.inner_bytes(least))
    return None if spare < 0 else min(workload.kv_most_bytes, least + spare)


def _share(workload: Workload, kv_bytes: int, limit: Limit) -> float:
    """The share of each GPU that vLLM is given: what the plan needs, within the bounds, never above the ceiling."""
    total = min(gpu.total_bytes for gpu in limit.gpus[: workload.gpus])
    needed = workload.total_bytes(kv_bytes) / workload.gpus / total
    return int(min(limit.gpu_share(workload.gpus), max(GPU_SHARE_LEAST, needed + 0.001)) * 1000) / 1000


def _spread_note(workload: Workload, limit: Limit) -> tuple[str, ...]:
    if workload.gpus == 1:
        return ()
    one = least_bytes(dataclasses.replace(workload, gpus=1))
    return (f"{workload.gpus} GPUs: {gigabytes(one)} needed, {gigabytes(limit.gpu_bytes(1))} on one",)


def _why_not(candidate: Candidate, limit: Limit) -> str:
    if candidate.changed:
        return candidate.changed
    load = candidate.workload
    title = candidate.option.title
    inner = load.inner_bytes(load.kv_least_bytes)
    if limit.inner_bytes is not None and limit.inner_bytes < inner:
        return f"{title} does not fit: {gigabytes(inner)} needed, {limit.inner_reason} {gigabytes(limit.inner_bytes)}"
    there = max(ceiling(workload, limit) for workload in _spread(load, limit))
    need = f"{gigabytes(least_bytes(load))} needed at {load.max_model_len} tokens"
    return f"{title} does not fit: {need}, {gigabytes(there)} there"
