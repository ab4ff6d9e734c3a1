"""The memory plan's prediction beside the measured peak of real vLLM, over models of random weights.

    python bench/memory.py --python ENGINE_PYTHON --tokenizer FOLDER --results FILE [--case NAME]… [--list] [--report]

For each case the real plan is made, for this machine and a shape, and vLLM is started by the plan's own arguments and
environment plus ``--load-format dummy``. Requests with distinct prompts and schemas then fill the planned KV cache, as
many at once as the plan allows. The whole process tree is weighed five times a second from its start to its end. A
case that has its result in the file is left out, so an interrupted run goes on where it stopped. Linux only.

``ENGINE_PYTHON`` has vLLM (``reviewer engine status`` names one); ``FOLDER`` holds any tokenizer of at most 49152
tokens, such as that of the installed embedded model.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
from common import machine, table
from sampling import Sampler, alone, control_group
from shapes import CASES, Case, measured_shape, shape_of, write

from reviewer.engine import hardware
from reviewer.engine.budget import Workload
from reviewer.engine.config import ModelConfig
from reviewer.engine.plan import MemoryPlan, PlanRefusedError, make_plan
from reviewer.engine.profile import ReplyBounds
from reviewer.engine.safetensors import Weights
from reviewer.engine.shape import ModelShape
from reviewer.reply import review_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.engine.hardware import Hardware

GB = 10**9
READY_SECONDS = 420
LOAD_SECONDS = 420
REPLY_TOKENS = 12


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, help="the engine's interpreter")
    parser.add_argument("--tokenizer", type=Path, help="a folder with a tokenizer")
    parser.add_argument("--results", type=Path, required=True, help="JSON file that results are added to")
    parser.add_argument("--case", action="append", default=[], help="only this one; may be given several times")
    parser.add_argument("--list", action="store_true", help="name the cases that have no result yet")
    parser.add_argument("--report", action="store_true", help="only show what was measured, against the plan of today")
    args = parser.parse_args()
    done = json.loads(args.results.read_text(encoding="utf-8")) if args.results.is_file() else {}
    waiting = [case for case in CASES if case.name not in done and (not args.case or case.name in args.case)]
    if args.list:
        print("\n".join(case.name for case in waiting))
        return 0
    for case in [] if args.report else waiting:
        done[case.name] = result = run(case, args.python, args.tokenizer)
        args.results.write_text(json.dumps(done, indent=1), encoding="utf-8")
        print(case.name, json.dumps({key: result[key] for key in ("measured", "outcome", "seconds")}), flush=True)
    return report(done)


def planned(case: Case, found: ModelShape, machine_: Hardware) -> tuple[MemoryPlan, ModelConfig]:
    """The plan of a case, and of a refused one the smallest plan that is not refused, with the limit that is."""
    if case.slow:
        machine_ = replace(machine_, cpu_flags=frozenset({"avx2"}))
    free = ModelConfig(model=case.model, max_model_len=case.context, max_num_seqs=case.seqs)
    if not case.refused and case.ceiling is None:
        return make_plan(machine_, found, free), free
    least = least_plan(found, machine_, free)
    if case.refused:
        refused = replace(free, max_memory_gb=least.limit_bytes * case.refused / GB)
        try:
            make_plan(machine_, found, refused)
        except PlanRefusedError:
            return least, refused
        raise RuntimeError(f"{case.name}: the plan does not refuse {refused.max_memory_gb:.2f} GB")
    assert case.ceiling is not None
    bound = replace(free, max_memory_gb=round(least.limit_bytes * case.ceiling / GB, 2))
    return make_plan(machine_, found, bound), bound


def least_plan(found: ModelShape, machine_: Hardware, config: ModelConfig) -> MemoryPlan:
    """The plan at the smallest ``max_memory_gb`` that is accepted, to 10 MB, in the dtype that is preferred."""
    dtype = make_plan(machine_, found, config).dtype
    low, high = 0, 3000  # in units of 10 MB
    best = None
    while high - low > 1:
        middle = (low + high) // 2
        try:
            plan = make_plan(machine_, found, replace(config, max_memory_gb=middle / 100))
        except PlanRefusedError:
            low = middle
            continue
        if plan.dtype == dtype:
            best, high = plan, middle
        else:
            low = middle
    assert best is not None
    return best


def run(case: Case, python: Path, tokenizer: Path) -> dict[str, Any]:
    """Start one engine, load it, weigh it, end it."""
    found = shape_of(case, tokenizer)
    plan, config = planned(case, found, hardware.detect())
    folder = Path(tempfile.mkdtemp(prefix="reviewer-bench-"))
    socket = folder / "s"
    model = tokenizer if case.files else write(case.model, folder / "model", tokenizer)
    argv = [str(python), "-m", "vllm.entrypoints.openai.api_server", *plan.server_args(model, "bench")]
    argv += [*([] if case.files else ["--load-format", "dummy"]), "--uds", str(socket)]
    env = {**os.environ, **plan.server_env(python.parent.parent)}
    began = time.monotonic()
    limit = int((config.max_memory_gb or 0) * GB)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if case.refused:
            procs = stack.enter_context(control_group(limit))
            argv = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(procs), *argv]
        log = stack.enter_context((folder / "log").open("wb"))
        server = subprocess.Popen(argv, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        stack.callback(end, server)
        with Sampler(server.pid) as sampler:
            outcome = asyncio.run(drive(plan, found, server, socket, sampler))
        tail = (folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
    return {
        "case": asdict(case),
        "shape": asdict(found),
        "limit": limit or None,
        "plan": {**plan.as_dict(), "steps": list(plan.steps)},
        "measured": {kind: sampler.peak(kind) for kind in ("pss", "uss", "rss")},
        "phases": sampler.peaks,
        "samples": sampler.count,
        "outcome": outcome,
        "seconds": round(time.monotonic() - began),
        "log": tail if outcome != "filled" else [],
    }


async def drive(
    plan: MemoryPlan, shape: ModelShape, server: subprocess.Popen[bytes], socket: Path, sampler: Sampler
) -> str:
    """Wait until it answers, then send what fills the planned KV cache; say how it went."""
    transport = httpx.AsyncHTTPTransport(uds=str(socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://bench", timeout=LOAD_SECONDS) as client:
        if not await ready(client, server):
            return "died while starting" if server.poll() is not None else "not ready in time"
        sampler.phase = "idle"
        await asyncio.sleep(1)
        sampler.phase = "load"
        try:
            return await asyncio.wait_for(load(plan, shape, client), LOAD_SECONDS)
        except (httpx.HTTPError, TimeoutError) as problem:
            return f"load ended by {type(problem).__name__}"


async def ready(client: httpx.AsyncClient, server: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if (await client.get("/health", timeout=5)).status_code == 200:
                return True
        except httpx.HTTPError:
            pass
        await asyncio.sleep(0.5)
    return False


async def load(plan: MemoryPlan, shape: ModelShape, client: httpx.AsyncClient) -> str:
    """Requests as a review sends them, as many at once as are planned: each with its own prompt and its own schema.

    Prompts are random tokens of mixed lengths, none beginning like another, together as long as the KV cache.
    """
    width = {"float32": 4}.get(plan.dtype, 2)
    capacity = plan.kv_cache_bytes // shape.kv_bytes_per_token(width)
    room = plan.max_model_len - REPLY_TOKENS - 1
    dice = random.Random(0)
    each = max(16, min(room, capacity // plan.max_num_seqs - REPLY_TOKENS))
    lengths = [room]
    while sum(lengths) < capacity or len(lengths) < plan.max_num_seqs:
        lengths.append(min(room, dice.randint(each // 2, each + each // 2)))
    lengths += [64] * 2 * plan.max_num_seqs
    at_once = asyncio.Semaphore(plan.max_num_seqs)

    async def one(number: int, length: int) -> None:
        prompt = [dice.randrange(100, 49000) for _ in range(length)]
        async with at_once:
            await send(client, prompt, review_schema(tuple(range(number, 2 * number + 2)), ReplyBounds()))

    for reply in asyncio.as_completed([one(number, length) for number, length in enumerate(lengths, 1)]):
        await reply
    return "filled"


async def send(client: httpx.AsyncClient, prompt: Sequence[int], schema: dict[str, Any]) -> None:
    body = {
        "model": "bench",
        "prompt": prompt,
        "max_tokens": REPLY_TOKENS,
        "temperature": 0.8,
        "structured_outputs": {"json": schema},
    }
    (await client.post("/v1/completions", json=body)).raise_for_status()


def end(server: subprocess.Popen[bytes]) -> None:
    """End the whole tree of one server."""
    try:
        tree = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    except psutil.Error:
        tree = []
    for process in tree:
        try:
            process.terminate()
        except psutil.Error:
            continue
    for process in psutil.wait_procs(tree, timeout=8)[1]:
        process.kill()
    server.wait()


def report(done: dict[str, Any]) -> int:
    """Every case, the errors' median and worst, and whether the goals are met; the exit code says so too."""
    print(machine())
    head = f"{'case':<22} {'limit':>6} {'plan':>6} {'alone':>6} {'PSS':>6} {'USS':>6} {'RSS':>6} {'error':>7}  outcome"
    print(head)
    errors, over = [], []
    for name, result in done.items():
        predicted = predict(result)
        peak = result["measured"]
        weight = peak_alone(result)
        error = predicted / weight - 1
        sizes = [result["limit"], predicted, weight, *(peak[kind] for kind in ("pss", "uss", "rss"))]
        row = " ".join(f"{size / GB:6.2f}" if size else f"{'-':>6}" for size in sizes)
        refused = result["case"]["refused"]
        outcome = result["outcome"]
        if refused and outcome == "filled":  # the kernel charges libraries that others had loaded before to those
            outcome = f"{weight / result['limit'] - 1:+.0%} of the refused limit"
        print(
            f"{name + ('*' if result['case']['held_out'] else ''):<22} {row} "
            f"{'' if refused else f'{error:+.1%}':>7}  {outcome}"
        )
        if not refused and result["outcome"] == "filled":
            errors.append(abs(error))
            over += [name] if result["limit"] and weight > result["limit"] else []
    if not errors:
        return 1
    rows = [
        ("median error", f"{statistics.median(errors):.1%} (goal: at most 10%)"),
        ("worst error", f"{max(errors):.1%} (goal: at most 20%)"),
        ("runs above max_memory_gb", ", ".join(over) or "none"),
    ]
    print("* held out while the budget's constants were set\n" + table(rows))
    return 0 if statistics.median(errors) <= 0.1 and max(errors) <= 0.2 and not over else 1


def peak_alone(result: dict[str, Any]) -> int:
    """The heaviest moment of all phases, as ``sampling.Sampler`` weighs."""
    return max(alone(phase["processes"]) for phase in result["phases"].values() if phase["processes"])


def predict(result: dict[str, Any]) -> int:
    """The total of the plan under which it ran, with the budget's constants of today."""
    plan = result["plan"]
    if "shape" in result:
        facts = result["shape"]
        found = ModelShape(**{**facts, "weights": Weights(**facts["weights"])})
    else:
        found = measured_shape(result["case"]["model"])
    assert found.weights is not None
    workload = Workload(
        device="cpu",
        shape=found,
        weights=found.weights,
        dtype=plan["dtype"],
        max_model_len=plan["max_model_len"],
        max_num_seqs=plan["max_num_seqs"],
        max_num_batched_tokens=plan["max_num_batched_tokens"],
    )
    return workload.total_bytes(plan["kv_cache_bytes"])


if __name__ == "__main__":
    sys.exit(main())
