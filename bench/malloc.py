"""What it costs to keep large blocks out of malloc's heap: the same work for two engines, in turns.

    python bench/malloc.py --python ENGINE_PYTHON --model MODEL_FOLDER [--times 4]

Both are started as reviewer starts them; one has ``MALLOC_MMAP_THRESHOLD_`` on top, so that every block of 1 MB and
more is mapped by itself and given back when it is freed. Processor time of the scheduler, which computes, is compared,
since wall time on a busy machine says little. Linux with glibc only.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
from common import alternate, machine, spread, table

from reviewer.engine.config import ModelConfig
from reviewer.engine.install import environment
from reviewer.engine.models import shape
from reviewer.engine.planning import hardware, launch
from reviewer.engine.planning.plan import make_plan
from reviewer.engine.server.job import Watch
from reviewer.engine.server.server import Server, ServerSpec

THRESHOLD = {"MALLOC_MMAP_THRESHOLD_": "1048576"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, required=True, help="the engine's interpreter")
    parser.add_argument("--model", type=Path, required=True, help="a folder with a small model")
    parser.add_argument("--times", type=int, default=4, help="turns")
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="rb-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        plain, mapped = (start(stack, args.python, args.model, folder, env) for env in ({}, THRESHOLD))
        idle = [server.state().memory_bytes or 0 for server in (plain, mapped)]
        prefill = alternate(lambda: work(mapped, 1, 2000, 1), lambda: work(plain, 1, 2000, 1), args.times)
        decode = alternate(lambda: work(mapped, 8, 16, 48), lambda: work(plain, 8, 16, 48), args.times)
        after = [server.state().memory_bytes or 0 for server in (plain, mapped)]
    print(machine())
    rows = [("memory, idle", f"{idle[1] / 1e9:.2f} GB instead of {idle[0] / 1e9:.2f}")]
    rows += [("memory, after the work", f"{after[1] / 1e9:.2f} GB instead of {after[0] / 1e9:.2f}")]
    for name, pair in (("prompt of 2000 tokens", prefill), ("8 replies of 48 tokens", decode)):
        rows.append((name, f"{spread(pair.ours)} instead of {spread(pair.theirs)}: {pair.ratio:.2f}"))
    print(table(rows))
    return 0


def start(stack: ExitStack, python: Path, model: Path, folder: Path, more: dict[str, str]) -> Server:
    """An engine that has answered once; it is stopped with the stack."""
    engine = environment.find(python=str(python))
    here = replace(hardware.detect(), cpu_cores=1)  # threads that wait for each other count as work
    config = ModelConfig(model=str(model), max_num_seqs=8, max_model_len=2048)
    plan = make_plan(here, shape.from_folder(model), config, vllm_version=engine.vllm_version)
    program = launch.server_command(engine.python, engine.vllm_version, plan.device)
    server = Server(
        ServerSpec(
            argv=(*program, *launch.server_args(plan, model, "bench")),
            env=launch.server_env(plan, engine.prefix) | more,
            model="bench",
            served_name="bench",
            key=str(more),
            watch=Watch(idle_timeout=None, low_memory_bytes=0),
        ),
        folder / "run",
    )
    stack.callback(server.stop)
    server.start()
    work(server, 1, 64, 4)
    return server


def work(server: Server, prompts: int, length: int, tokens: int) -> float:
    """Processor time that the scheduler takes for prompts that it has not seen."""
    endpoint, pid = server.start(), server.state(measure=False).pid
    assert pid is not None
    (scheduler,) = psutil.Process(pid).children()
    before = sum(scheduler.cpu_times()[:2])
    body = {
        "model": "bench",
        "prompt": [[random.randrange(100, 49000) for _ in range(length)] for _ in range(prompts)],
        "max_tokens": tokens,
        "ignore_eos": True,
        "temperature": 0,
    }
    transport = httpx.HTTPTransport(uds=str(endpoint.uds))
    headers = {"Authorization": f"Bearer {endpoint.api_key}"}
    with httpx.Client(transport=transport, base_url="http://bench", timeout=600, headers=headers) as client:
        client.post("/v1/completions", json=body).raise_for_status()
    return float(sum(scheduler.cpu_times()[:2]) - before)


if __name__ == "__main__":
    sys.exit(main())
