"""Many reviews, long runs and large changes: everything is accounted for, and nothing grows.

    python -m bench.load [--only TEXT] [--reviews 100] [--commits 1000] [--lines 100000] [--rounds 1000]
                         [--results FILE]
    python -m bench.load --real REVIEWER_HOME [--reviews 100] [--results FILE]
    python -m bench.load --results FILE --table docs/reliability.md

* concurrent: reviews of different commits at the same time, against one model server.
* commits: commits one after the other, each through the hook's command.
* large: one change of many lines.
* real, with ``--real REVIEWER_HOME`` only: reviews at the same time on vLLM, with the smallest embedded model.
* soak: one client that asks on and on while its engine, below the real supervisor, is killed every 50 rounds.

Otherwise the model server is the fake one (``tests/fake_engine.py``). Memory is that of the process itself; its growth
is the slope of a line through the second half of the run. Exit status: 1 if something was lost or grew. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx
import psutil

from bench import sandbox
from bench.faults import Managed, server_of
from bench.tables import rows, write_table
from reviewer.engine.config import ModelConfig
from reviewer.engine.manager import AIModelManager
from reviewer.engine.server import registry
from reviewer.errors import EngineError
from tests.fake_engine import FakeEngine, Rule, Script
from tests.repo import Repo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.engine.engines import OwnEngine

CHAT = "/v1/chat/completions"
_MOST = {"KiB": 4096, "handles": 3}  # growth in the second half of a soak
_KILL_EVERY = 50


@dataclass
class Load:
    """What one kind of load came to.

    Attributes:
        name: For the table.
        asked, answered: Reviews that were asked for, and that were complete.
        seconds: Wall time.
        peak_mib: Peak memory of a review.
        notes: Further figures.
        problems: What was lost or grew.
    """

    name: str
    asked: int = 0
    answered: int = 0
    seconds: float = 0.0
    peak_mib: float = 0.0
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def _function(number: int) -> str:
    return f"def total_{number}(values):\n    return sum(values) / len(values) + {number}\n"


def _environment(folder: Path, engine: FakeEngine) -> dict[str, str]:
    return sandbox.isolated(folder / "home", folder / "tmp") | {"REVIEWER_ENGINE_URL": engine.endpoint.url}


def concurrent(folder: Path, count: int) -> Load:
    """Review ``count`` commits at once."""
    load = Load(f"{count} reviews at once", asked=count)
    repo = Repo.init(folder / "repo")
    commits = [repo.commit(f"{number}", {f"part_{number}.py": _function(number)}) for number in range(count + 1)][1:]
    slow = Rule(path=CHAT, delay=5 + 0.35 * count)  # the first must still wait when the last one asks
    with FakeEngine(Script(rules=[slow]), tcp=True) as engine:
        env = _environment(folder, engine)
        began = time.monotonic()
        drivers = [_driver(folder / f"{number}.json", repo, env, commit) for number, commit in enumerate(commits)]
        for pid in drivers:
            os.waitpid(pid, 0)
        load.seconds = time.monotonic() - began
        prompts = [request["prompt"] for request in engine.requests(CHAT)]
        most = max(request["in_flight"] for request in engine.requests(CHAT))
    _account(load, folder, count)
    lost = [number for number in range(1, count + 1) if not any(f"total_{number}(" in prompt for prompt in prompts)]
    load.problems += [f"commit {number} was never asked about" for number in lost]
    load.notes.append(f"{most} open at once at the server")
    if most < 0.9 * count:
        load.problems.append(f"only {most} of {count} overlapped")
    return load


def real(folder: Path, count: int, home: Path) -> Load:
    """Review ``count`` commits at once on vLLM with the smallest embedded model, both installed in ``home``."""
    load = Load(f"{count} reviews at once, SmolLM2 135M on vLLM", asked=count)
    repo = Repo.init(folder / "repo")
    commits = [repo.commit(f"{number}", {f"part_{number}.py": _function(number)}) for number in range(count + 1)][1:]
    env = sandbox.isolated(folder / "home", folder / "tmp") | {"REVIEWER_EMBEDDED": "135m"}
    own = Path(env["REVIEWER_HOME"])
    own.mkdir(mode=0o700)
    (own / "data").symlink_to(home / "data")  # the engine and the model; records and caches are this run's own
    # Not by the sandbox, which ends whatever a command leaves running.
    engine = [sys.executable, "-P", "-m", "reviewer", "engine"]
    started = subprocess.run([*engine, "start"], env=env, capture_output=True, text=True, check=False)
    if started.returncode != 0:
        load.problems.append(f"the engine did not start: {started.stderr[-300:]}")
        return load
    try:
        before = _answered(own / "run")
        began = time.monotonic()
        drivers = [_driver(folder / f"{number}.json", repo, env, commit) for number, commit in enumerate(commits)]
        for pid in drivers:
            os.waitpid(pid, 0)
        load.seconds = time.monotonic() - began
        answered = _answered(own / "run") - before
    finally:
        subprocess.run([*engine, "stop"], env=env, capture_output=True, check=False)
    _account(load, folder, count)
    load.notes.append(f"{load.seconds:.0f} s; {answered:.0f} requests answered by vLLM")
    if answered < count:
        load.problems.append(f"vLLM answered {answered:.0f} requests")
    return load


def _answered(run: Path) -> float:
    """How many requests the engine has answered, as it counts them itself."""
    (engine,) = registry.running(run)
    assert engine.endpoint is not None
    transport = httpx.HTTPTransport(verify=False, uds=str(engine.endpoint.uds))
    with httpx.Client(transport=transport) as client:
        text = client.get("http://localhost/metrics").text
    counts = [line for line in text.splitlines() if line.startswith("vllm:request_success_total")]
    return sum(float(line.rpartition(" ")[2]) for line in counts)


def _account(load: Load, folder: Path, count: int) -> None:
    """Count the complete reviews; each other one is a problem, with its reason."""
    for number in range(count):
        done = json.loads((folder / f"{number}.json").read_text())
        load.answered += done["complete"]
        if not done["complete"]:
            load.problems.append(f"review {number}: {done['err'][-200:]}")


def _driver(result: Path, repo: Repo, env: dict[str, str], commit: str) -> int:
    """Run one review from a process of its own, so that many run at once."""
    pid = os.fork()
    if pid == 0:
        try:
            args = ["review", commit, "--format", "json", "--require"]
            done = sandbox.run(args, cwd=repo.root, env=env, timeout=600)
            result.write_text(json.dumps({"complete": _complete(done), "err": done.err}))
        except BaseException:  # noqa: BLE001 - nothing may return into the parent's code
            traceback.print_exc()
        os._exit(0)
    return pid


def _complete(done: sandbox.Run) -> bool:
    with contextlib.suppress(ValueError, KeyError):
        counts = json.loads(done.out)["counts"]
        return done.code == 0 and counts["units_read"] == counts["units"] > 0
    return False


def commits(folder: Path, count: int) -> Load:
    """Commit ``count`` times, each time through the command that the pre-commit hook runs."""
    load = Load(f"{count} commits in a row", asked=count)
    repo = Repo.init(folder / "repo")
    repo.commit("first", {"stats.py": _function(0)})
    sizes: list[int] = []
    with FakeEngine(Script(), tcp=True) as engine:
        env = _environment(folder, engine)
        began = time.monotonic()
        for number in range(1, count + 1):
            repo.stage({f"part_{number % 20}.py": _function(number)})
            done = sandbox.run(["hook", "pre-commit", "--require", "--verbose"], cwd=repo.root, env=env)
            repo.commit(f"{number}")
            load.answered += done.code == 0
            if done.code != 0 or done.strays:
                load.problems.append(f"commit {number}: {done.code} {done.strays} {done.err[-200:]}")
            if number % max(1, count // 10) == 0:
                sizes.append(_bytes(repo.root / ".git" / "reviewer") + _bytes(folder / "home"))
        load.seconds = time.monotonic() - began
        asked = " ".join(request["prompt"] for request in engine.requests(CHAT))
        load.problems += [f"commit {n} was never asked about" for n in range(1, count + 1) if f"+ {n}\n" not in asked]
    load.notes.append(f"{load.seconds / count:.2f} s each; our files grew to {sizes[-1] // 1024} KiB")
    if list((folder / "tmp").iterdir()):
        load.problems.append("temporary files were left")
    return load


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def large(folder: Path, lines: int) -> Load:
    """Review one change of many lines."""
    load = Load(f"a change of {lines} lines", asked=1)
    repo = Repo.init(folder / "repo")
    repo.commit("first", {"README.md": "x\n"})
    each = lines // 50
    for number in range(50):
        repo.write({f"part_{number}.py": "".join(f"value_{number}_{line} = {line}\n" for line in range(each))})
    repo.stage()
    with FakeEngine(Script(), tcp=True) as engine:
        env = _environment(folder, engine)
        peak = folder / "peak"
        done = sandbox.run(
            ["review", "--format", "json"], cwd=repo.root, env=env, timeout=1200, prepare=lambda: _tell_peak(peak)
        )
        load.seconds = done.seconds
        asked = len(engine.requests(CHAT))
    load.answered = int(_complete(done))
    load.peak_mib = int(peak.read_text()) / 1024
    with contextlib.suppress(ValueError, KeyError):
        counts = json.loads(done.out)["counts"]
        load.notes.append(f"{counts['units_read']} of {counts['units']} pieces read, {asked} requests")
    if not load.answered:
        load.problems.append(f"{done.code}: {done.err[-300:]}")
    return load


def _tell_peak(peak: Path) -> None:
    import atexit
    import resource

    atexit.register(lambda: peak.write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)))


def soak(folder: Path, rounds: int) -> Load:
    """Ask round after round with one client, while the engine is killed now and then."""
    load = Load(f"{rounds} rounds with one client, engine killed every {_KILL_EVERY}", asked=rounds)
    Script(log=["INFO loading"]).write(folder / "script.json")
    began = time.monotonic()
    sizes = asyncio.run(_rounds(folder, rounds, load))
    load.seconds = time.monotonic() - began
    registry.stop_all(folder / "run")
    for name in ("client", "supervisor"):
        for unit, most in _MOST.items():
            values = sizes[f"{name} {unit}"]
            half = values[len(values) // 2 :]
            growth = _slope(half)
            load.notes.append(f"{name}: {growth:+.2f} {unit} a round")
            if growth * len(half) > most:
                load.problems.append(f"{name} grew by {growth * len(half):.0f} {unit}")
    load.peak_mib = max(sizes["client KiB"]) / 1024
    return load


async def _rounds(folder: Path, rounds: int, load: Load) -> dict[str, list[float]]:
    sizes: dict[str, list[float]] = {
        f"{who} {unit}": [] for who in ("client", "supervisor") for unit in ("KiB", "handles")
    }
    server = server_of(folder)
    manager = AIModelManager(ModelConfig(embedded="135m", timeout=10))
    manager._held.engine = cast("OwnEngine", Managed(server))  # noqa: SLF001 - needs no model
    await manager.load_model()
    for number in range(1, rounds + 1):
        answers = await asyncio.gather(*(_ask(manager, f"{number}.{part}") for part in range(4)))
        load.answered += all(answers)
        if not all(answers):
            load.problems.append(f"round {number} was not answered")
        life = server.state(measure=False).life
        if life is not None and life.pid is not None and number % _KILL_EVERY == 0:
            os.kill(life.pid, signal.SIGKILL)
        for name, process in (("client", psutil.Process()), ("supervisor", _supervisor(folder))):
            if process is not None:
                with contextlib.suppress(psutil.Error):
                    sizes[f"{name} KiB"].append(process.memory_info().rss / 1024)
                    sizes[f"{name} handles"].append(process.num_fds())
    await manager.detach()
    return sizes


async def _ask(manager: AIModelManager, text: str) -> bool:
    """Ask once, and once more after the engine died, as a review does."""
    for _ in range(2):
        try:
            return bool(await manager.generate_text(text))
        except EngineError:
            await manager.revive()
    return False


def _supervisor(folder: Path) -> psutil.Process | None:
    with contextlib.suppress(OSError, ValueError, KeyError, StopIteration, psutil.Error):
        return psutil.Process(int(json.loads(next((folder / "run").glob("*.json")).read_text())["pid"]))
    return None


def _slope(values: list[float]) -> float:
    if len(values) < 3:
        return 0.0
    return statistics.linear_regression(range(len(values)), values).slope


def table(loads: list[Load]) -> str:
    """One line for each kind of load."""
    body = [
        (
            one.name,
            f"{one.answered:,} of {one.asked:,}",
            f"{one.peak_mib:.0f} MiB" if one.peak_mib else "",
            "; ".join(one.notes),
            "; ".join(one.problems)[:80] or "nothing",
        )
        for one in loads
    ]
    return rows(("load", "complete", "peak memory", "figures", "lost or grown"), body)


def _loads(arguments: argparse.Namespace, folder: Path) -> Iterator[Load]:
    kinds: dict[str, Any] = {
        "concurrent": lambda place: concurrent(place, arguments.reviews),
        "commits": lambda place: commits(place, arguments.commits),
        "large": lambda place: large(place, arguments.lines),
        "soak": lambda place: soak(place, arguments.rounds),
    }
    if arguments.real:
        kinds = {"real": lambda place: real(place, arguments.reviews, arguments.real.absolute())}
    for name, run in kinds.items():
        if arguments.only in name:
            place = folder / name
            place.mkdir()
            yield run(place)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="kinds whose name contains this")
    parser.add_argument("--reviews", type=int, default=100)
    parser.add_argument("--commits", type=int, default=1000)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument(
        "--real", type=Path, metavar="REVIEWER_HOME", help="run only the reviews on vLLM of this folder"
    )
    parser.add_argument("--results", type=Path, help="append the outcomes to this file, one JSON object a line")
    parser.add_argument("--table", type=Path, help="write the table of --results into this document, and run nothing")
    arguments = parser.parse_args()
    if arguments.table:
        found = [Load(**json.loads(line)) for line in arguments.results.read_text().splitlines()]
        write_table(arguments.table, "load", table(found))
        return 0
    sandbox.import_commands()
    failed = False
    with tempfile.TemporaryDirectory(prefix="l-") as name:
        os.environ.update(sandbox.isolated(Path(name) / "home", Path(name) / "tmp"))
        for load in _loads(arguments, Path(name)):
            failed |= bool(load.problems)
            print(json.dumps(vars(load)), flush=True)
            if arguments.results:
                with arguments.results.open("a") as stream:
                    stream.write(json.dumps(vars(load)) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
