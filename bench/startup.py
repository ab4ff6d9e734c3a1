"""How long an engine takes from its start until it answers: ours beside vLLM's own server, in turns.

    python bench/startup.py --python PYTHON --model FOLDER [--times N] [--ours KIND] [--theirs KIND] [--lock FILE]
    python bench/startup.py --python PYTHON --model FOLDER --theirs default

Both run the same vLLM on the same model, which the system has read before: one start of each is not counted in the
medians, and told, since a server that compiles the model finds what it has compiled at its next start. What is taken:
the time until ``/health`` answers, the processor time of the whole tree until then (it does not grow when other
programs run beside it), the tree's memory then, and the time of the first request and of the first one that binds its
reply to a schema. ``--lock`` names a file that is locked for each start, where others measure too.

The kinds of start, each one step further from vLLM's default:
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
from common import alternate, machine, spread, table, verdict
from sampling import alone

from reviewer.engine.config import ModelConfig
from reviewer.engine.models import shape
from reviewer.engine.planning import hardware, launch
from reviewer.engine.planning.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GOAL = 0.8
READY_SECONDS = 1800  # a machine on which others compute too is slow to compile
SCHEMA = {
    "type": "object",
    "properties": {"line": {"enum": [3, 7]}, "message": {"type": "string", "maxLength": 30}},
    "required": ["line", "message"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Start:
    """One way to start an engine.

    Attributes:
        what: In words.
        planned: With the plan's flags and variables; else with the model alone.
        flags, env: On top of that.
        launcher: By the program that reviewer starts.
    """

    what: str
    planned: bool = True
    flags: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    launcher: bool = False


# Without a size vLLM takes nine tenths of the machine's memory for its cache, or refuses to start where some is in use.
_DEFAULTS = (("VLLM_CPU_KVCACHE_SPACE", "1"),)
STARTS = {
    "default": Start("vLLM's server with its default flags: it compiles the model", planned=False, env=_DEFAULTS),
    "eager": Start("the same, not compiling", planned=False, env=_DEFAULTS, flags=("--enforce-eager",)),
    "plan": Start("vLLM's server with the plan's flags"),
    "sources": Start("the same without Python's bytecode", env=(("PYTHONPYCACHEPREFIX", "/dev/null"),)),
    "two": Start("vLLM's server in two processes", env=(("VLLM_ENABLE_V1_MULTIPROCESSING", "0"),)),
    "ours": Start("what reviewer starts: two processes, forked, the imports paid once", launcher=True),
}


@dataclass(frozen=True)
class Seen:
    """One start: seconds until it answers, of processor time until then, of two requests after; processes, bytes."""

    wall: float
    processor: float
    request: float
    schema: float
    processes: int
    memory: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.epilog = "\n".join(f"  {name:<8} {start.what}" for name, start in STARTS.items())
    parser.add_argument("--python", type=Path, required=True, help="the engine's interpreter")
    parser.add_argument("--model", type=Path, required=True, help="a folder with a small model")
    parser.add_argument("--times", type=int, default=3, help="turns")
    parser.add_argument("--ours", choices=STARTS, default="ours")
    parser.add_argument("--theirs", choices=STARTS, default="plan")
    parser.add_argument("--lock", type=Path, help="a file to lock while an engine runs")
    with tempfile.TemporaryDirectory(prefix="rb-") as cache:
        os.environ["VLLM_CACHE_ROOT"] = cache  # nothing that was compiled before
        return compare(parser.parse_args())


def compare(args: argparse.Namespace) -> int:
    seen: dict[str, list[Seen]] = {args.ours: [], args.theirs: []}

    def start(name: str) -> Callable[[], float]:
        def measure() -> float:
            with locked(args.lock):
                seen[name].append(run(STARTS[name], args.python, args.model))
            return seen[name][-1].wall

        return measure

    for name in seen:  # bytecode, vLLM's notes on the model, the files in memory, what it compiles
        start(name)()
    first = {name: values.pop() for name, values in seen.items()}
    pair = alternate(start(args.ours), start(args.theirs), args.times)
    print(f"{machine()}; load {os.getloadavg()[1]:.1f}\n{args.ours}: {STARTS[args.ours].what}")
    print(f"{args.theirs}: {STARTS[args.theirs].what}\n")
    rows = [
        (f"{name}: the very first", f"{one.wall:.1f} s, processor {one.processor:.1f} s") for name, one in first.items()
    ]
    rows += [row for name, values in seen.items() for row in described(name, values)]
    ratio = median(seen[args.ours], "processor") / median(seen[args.theirs], "processor")
    rows += [verdict("ratio, time until it answers", pair.ratio, GOAL), ("ratio, processor time", f"{ratio:.2f}")]
    print(table(rows))
    return 0 if pair.ratio <= GOAL else 1


def described(name: str, seen: list[Seen]) -> list[tuple[str, str]]:
    """The rows of one kind of start."""
    return [
        (f"{name}: until it answers", spread([one.wall for one in seen])),
        (f"{name}: processor time until then", spread([one.processor for one in seen])),
        (f"{name}: memory then", spread([one.memory / 1e9 for one in seen], "GB")),
        (f"{name}: processes", str(seen[0].processes)),
        (f"{name}: first request", spread([one.request for one in seen])),
        (f"{name}: first request with a schema", spread([one.schema for one in seen])),
    ]


def median(seen: list[Seen], name: str) -> float:
    return float(statistics.median(getattr(one, name) for one in seen))


@contextmanager
def locked(file: Path | None) -> Iterator[None]:
    """Hold ``file`` locked, if there is one."""
    if file is None:
        yield
        return
    with file.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(start: Start, python: Path, model: Path) -> Seen:
    """Start an engine, ask it twice, end it.

    Raises:
        RuntimeError: It died or did not answer in time.
    """
    folder = Path(tempfile.mkdtemp(prefix="rb-"))
    argv, env = command(start, python, model)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        log = stack.enter_context((folder / "log").open("wb"))
        began = time.monotonic()
        server = subprocess.Popen(
            [*argv, "--uds", str(folder / "s")], env=env, stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
        stack.callback(end, server)
        transport = httpx.HTTPTransport(uds=str(folder / "s"))
        client = stack.enter_context(httpx.Client(transport=transport, base_url="http://bench", timeout=600))
        if not ready(client, server):
            raise RuntimeError((folder / "log").read_text(encoding="utf-8", errors="replace")[-3000:])
        wall = time.monotonic() - began
        tree = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
        processor = sum(sum(process.cpu_times()[:4]) for process in tree)
        memory = alone([{kind: int(getattr(row, kind)) for kind in ("uss", "rss")} for row in map(weigh, tree)])
        return Seen(wall, processor, ask(client, None), ask(client, SCHEMA), len(tree), memory)


def command(start: Start, python: Path, model: Path) -> tuple[list[str], dict[str, str]]:
    """The command line and the environment of one kind of start."""
    plan = make_plan(hardware.detect(), shape.from_folder(model), ModelConfig(model=str(model)))
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env |= {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "PYTHONUNBUFFERED": "1"}
    program = launch.server_command(python, "0.32.0" if start.launcher else "", plan.device)
    if not start.planned:
        return [*program, "--model", str(model), "--served-model-name", "bench", *start.flags], {
            **env,
            **dict(start.env),
        }
    env |= launch.server_env(plan, python.parent.parent)
    return [*program, *launch.server_args(plan, model, "bench"), *start.flags], {**env, **dict(start.env)}


def weigh(process: psutil.Process) -> Any:
    return process.memory_full_info()


def ready(client: httpx.Client, server: subprocess.Popen[bytes]) -> bool:
    """Wait until it answers; False when it died, or took too long."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if client.get("/health", timeout=2).status_code == httpx.codes.OK:
                return True
        except httpx.HTTPError:
            time.sleep(0.1)
    return False


def ask(client: httpx.Client, schema: dict[str, Any] | None) -> float:
    """Seconds of a small request."""
    messages = [{"role": "user", "content": "Which line divides by zero? 3: x = 1 / 0"}]
    body: dict[str, Any] = {"model": "bench", "messages": messages, "max_tokens": 8, "temperature": 0}
    if schema:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "finding", "schema": schema}}
    began = time.monotonic()
    client.post("/v1/chat/completions", json=body).raise_for_status()
    return time.monotonic() - began


def end(server: subprocess.Popen[bytes]) -> None:
    """End the whole tree."""
    tree = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    for process in tree:
        with suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(tree, timeout=8)[1]:
        process.kill()
    server.wait()


if __name__ == "__main__":
    sys.exit(main())
