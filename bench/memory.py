"""The plan's prediction beside the measured peak of real vLLM, over models of random weights.

    python bench/memory.py --python ENGINE_PYTHON --tokenizer FOLDER --results FILE [--refused | --switches] [--report]

For each case the real plan is made, for this machine and a shape, and the engine is started as a review starts it: by
the plan's own command and environment plus ``--load-format dummy``, below its supervisor. A full step of prompts and
then requests with a schema each go to it, as many at once as the plan allows. The whole process tree, supervisor
included, is weighed several times a second from its start to its end. A case that has its result in the file is left
out, so an interrupted run goes on where it stopped. Linux only; ``--refused`` needs root.

``ENGINE_PYTHON`` has vLLM; no other engine should run from the same environment, or the system shares its libraries
between both (copy the one that ``reviewer engine status`` names). ``FOLDER`` holds any tokenizer of at most 49152
tokens, such as that of the installed embedded model.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import memory_report
from common import machine
from sampling import Sampler, control_group, killed, major_faults
from shapes import GRID, REFUSED, SWITCHES, Case, shape_of, with_allocator, write

from reviewer.engine.config import ModelConfig
from reviewer.engine.install import environment
from reviewer.engine.planning import hardware, launch
from reviewer.engine.planning.budget import GRAMMAR_BYTES_PER_TOKEN, GRAMMAR_CACHE_MIB
from reviewer.engine.planning.plan import PlanRefusedError, make_plan
from reviewer.engine.profile import ReplyBounds
from reviewer.engine.server import registry
from reviewer.engine.server.job import Watch
from reviewer.engine.server.server import Server, ServerSpec
from reviewer.errors import EngineNotReadyError, EngineStartError
from reviewer.prompting.reply import review_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.engine.client.endpoint import Endpoint
    from reviewer.engine.install.environment import EngineEnvironment
    from reviewer.engine.models.shape import ModelShape
    from reviewer.engine.planning.hardware import Hardware
    from reviewer.engine.planning.memory_plan import MemoryPlan

GB = 10**9
LOAD_SECONDS = 900
STUCK_SECONDS = 150  # with a limit that is too small it reads its libraries again and again, and gets nowhere
REPLY_TOKENS = 12


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, help="the engine's interpreter")
    parser.add_argument("--tokenizer", type=Path, help="a folder with a tokenizer")
    parser.add_argument("--results", type=Path, required=True, help="JSON file that results are added to")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--refused", action="store_true", help="limits that the plan refuses, with the kernel as judge")
    which.add_argument("--switches", action="store_true", help="what each way to take less saves")
    parser.add_argument("--cores", type=int, help="plan for so many, where other programs keep the rest busy")
    parser.add_argument("--allocator", type=Path, help="with --switches: a libtcmalloc to try too")
    parser.add_argument("--case", action="append", default=[], help="only this one; may be given several times")
    parser.add_argument("--list", action="store_true", help="name the cases that have no result yet")
    parser.add_argument("--report", action="store_true", help="only show what was measured, against the plan of today")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the engine must not be left behind
    cases, report = GRID, memory_report.grid
    if args.refused:
        cases, report = REFUSED, memory_report.refused
    elif args.switches:
        cases, report = SWITCHES, memory_report.switches
        cases += (with_allocator(args.allocator),) if args.allocator else ()
    done = json.loads(args.results.read_text(encoding="utf-8")) if args.results.is_file() else {}
    waiting = [case for case in cases if case.name not in done and (not args.case or case.name in args.case)]
    if args.list:
        print("\n".join(case.name for case in waiting))
        return 0
    engine = environment.find(python=str(args.python)) if waiting and not args.report else None
    for case in waiting if engine else []:
        done[case.name] = result = run(case, engine, args.tokenizer, args.cores)
        args.results.write_text(json.dumps(done, indent=1), encoding="utf-8")
        print(case.name, json.dumps({key: result[key] for key in ("measured", "outcome", "seconds")}), flush=True)
    print(machine())
    return report({case.name: done[case.name] for case in cases if case.name in done})


def planned(case: Case, found: ModelShape, machine_: Hardware, version: str) -> tuple[MemoryPlan, ModelConfig]:
    """The plan of a case and what was asked for; with ``group``, the smallest plan and that limit."""
    if case.slow:
        machine_ = replace(machine_, cpu_flags=frozenset({"avx2"}))
    free = ModelConfig(model=case.model, max_model_len=case.context, max_num_seqs=case.seqs)
    if not case.group and case.ceiling is None:
        return make_plan(machine_, found, free, vllm_version=version), free
    least = least_plan(found, machine_, free, version)
    if case.group:
        refused = replace(free, max_memory_gb=least.limit_bytes * case.group / GB)
        if case.group >= 1:
            return least, refused
        try:
            make_plan(machine_, found, refused, vllm_version=version)
        except PlanRefusedError:
            return least, refused
        raise RuntimeError(f"{case.name}: the plan does not refuse {refused.max_memory_gb:.2f} GB")
    assert case.ceiling is not None
    bound = replace(free, max_memory_gb=round(least.limit_bytes * case.ceiling / GB, 2))
    return make_plan(machine_, found, bound, vllm_version=version), bound


def least_plan(found: ModelShape, machine_: Hardware, config: ModelConfig, version: str) -> MemoryPlan:
    """The plan at the smallest ``max_memory_gb`` that is accepted, to 10 MB, in the dtype that is preferred."""
    dtype = make_plan(machine_, found, config, vllm_version=version).dtype
    low, high = 0, 3000  # in units of 10 MB
    best = None
    while high - low > 1:
        middle = (low + high) // 2
        try:
            plan = make_plan(machine_, found, replace(config, max_memory_gb=middle / 100), vllm_version=version)
        except PlanRefusedError:
            low = middle
            continue
        if plan.dtype == dtype:
            best, high = plan, middle
        else:
            low = middle
    assert best is not None
    return best


def run(case: Case, engine: EngineEnvironment, tokenizer: Path, cores: int | None) -> dict[str, Any]:
    """Start one engine as a review does, load it, weigh it, end it."""
    found = shape_of(case, tokenizer)
    version = engine.vllm_version if case.launcher else ""
    here = hardware.detect()
    plan, config = planned(case, found, replace(here, cpu_cores=cores or here.cpu_cores), version)
    folder = Path(tempfile.mkdtemp(prefix="rb-"))
    model = tokenizer if case.files else write(case.model, folder / "model", tokenizer)
    argv = [*launch.server_command(engine.python, version, plan.device), *launch.server_args(plan, model, "bench")]
    argv += [] if case.files else ["--load-format", "dummy"]
    env = launch.server_env(plan, engine.prefix) | dict(case.env)
    if case.preload:
        env["LD_PRELOAD"] = f"{env['LD_PRELOAD']}:{case.preload}"
    limit = int(config.max_memory_gb * GB) if config.max_memory_gb else None
    began = time.monotonic()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        group = None
        if case.group:
            assert limit is not None
            forget(engine.prefix)
            group = stack.enter_context(control_group(limit))
            argv = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs"), *argv]
        server = Server(
            ServerSpec(
                argv=tuple(argv),
                env=env,
                model=case.model,
                served_name="bench",
                key=case.name,
                # The kernel is the judge of a refused limit.
                memory_limit_bytes=None if case.group else limit,
                planned_bytes=plan.total_bytes,
                watch=Watch(idle_timeout=None, low_memory_bytes=0),
            ),
            folder / "run",
        )
        stack.callback(server.stop)
        with suppress(EngineNotReadyError):
            server.start(wait=0)
        supervisor = server.state(measure=False).life
        assert supervisor is not None
        with Sampler(supervisor.supervisor) as sampler:
            outcome = drive(case, plan, found, server, sampler)
        kills, faults = (killed(group), major_faults(group)) if group else (0, 0)
        lived = server.state(measure=False).life
        tail = registry.tail(server.log, 15)
    return {
        "case": asdict(case),
        "shape": asdict(found),
        "limit": limit,
        "plan": {**plan.as_dict(), "steps": list(plan.steps)},
        "measured": {kind: sampler.peak(kind) for kind in ("pss", "uss", "rss")},
        "phases": sampler.peaks,
        "samples": sampler.count,
        "outcome": outcome,
        "kills": kills,
        "faults": faults,
        "reductions": lived.reductions if lived else 0,
        "seconds": round(time.monotonic() - began),
        "log": tail if outcome not in ("loaded", "idle") else [],
    }


def forget(prefix: Path) -> None:
    """Drop an environment's files from the page cache, so that a control group pays for those that it maps."""
    for path in prefix.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def drive(case: Case, plan: MemoryPlan, shape: ModelShape, server: Server, sampler: Sampler) -> str:
    """Wait until it answers, then send what takes most; say how it went."""
    try:
        endpoint = server.start()
    except EngineStartError as problem:
        return f"died while starting: {problem.message}"
    sampler.phase = "idle"
    time.sleep(3)
    if case.idle:
        return "idle"
    try:
        outcome = asyncio.run(load(plan, shape, endpoint, sampler, STUCK_SECONDS if case.group else LOAD_SECONDS))
    except* (httpx.HTTPError, TimeoutError) as problems:
        outcome = f"load ended by {type(problems.exceptions[0]).__name__}"
    return outcome


async def load(plan: MemoryPlan, shape: ModelShape, endpoint: Endpoint, sampler: Sampler, seconds: float) -> str:
    """A full step of prompts without a schema, then requests as a review sends them, as many at once as are planned.

    The KV cache need not be filled: vLLM has touched all of it before it answers, which the weight of the idle engine
    shows. Prompts are random tokens, none beginning like another. Units with as many changed lines share a schema; here
    the worst happens, and no two do: as many as are decoded at once, and then as many as the cache of grammars keeps.
    """
    longest = min(plan.max_model_len - REPLY_TOKENS - 1, plan.max_num_batched_tokens)
    rest = (plan.max_num_batched_tokens - longest) // max(1, plan.max_num_seqs - 1)
    prompts = [longest, *[max(16, min(longest, rest))] * (plan.max_num_seqs - 1)]
    kept = GRAMMAR_CACHE_MIB * 2**20 // (GRAMMAR_BYTES_PER_TOKEN * shape.vocab)
    schemas = [review_schema(range(1, labels + 1), ReplyBounds()) for labels in range(1, plan.max_num_seqs + kept + 2)]
    dice = random.Random(0)
    at_once = asyncio.Semaphore(plan.max_num_seqs)
    transport = httpx.AsyncHTTPTransport(uds=str(endpoint.uds))
    headers = {"Authorization": f"Bearer {endpoint.api_key}"}
    client = httpx.AsyncClient(transport=transport, base_url="http://b", timeout=seconds, headers=headers)

    async def one(length: int, schema: dict[str, Any] | None) -> None:
        prompt = [dice.randrange(100, 49000) for _ in range(length)]
        async with at_once:
            await send(client, prompt, schema)

    async def all_of(rows: Sequence[tuple[int, dict[str, Any] | None]]) -> None:
        async with asyncio.TaskGroup() as group:
            for length, schema in rows:
                group.create_task(one(length, schema))

    async with asyncio.timeout(seconds), client:
        sampler.phase = "prompts"
        await all_of([(length, None) for length in prompts])
        sampler.phase = "schemas"
        await all_of([(16, schema) for schema in schemas])
    return "loaded"


async def send(client: httpx.AsyncClient, prompt: Sequence[int], schema: dict[str, Any] | None) -> None:
    body = {"model": "bench", "prompt": prompt, "max_tokens": REPLY_TOKENS, "temperature": 0.8}
    if schema is not None:
        body["structured_outputs"] = {"json": schema}
    (await client.post("/v1/completions", json=body)).raise_for_status()


if __name__ == "__main__":
    sys.exit(main())
