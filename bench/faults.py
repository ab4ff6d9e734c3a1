"""What becomes of a review when the engine, the disk or the process itself fails: a table of faults and outcomes.

    python -m bench.faults [--only PATTERN] [--table docs/reliability.md]

Each fault runs a review as a process of its own, whose engine is a fake one (``tests/fake_engine.py``) under the real
supervisor, started, joined and asked as a real one is. The review must end within its time with a complete review, with
its evidence and the reason, or with a typed error. Afterwards no process may be left, no lock held, and no file
half-written. Exit status: 1 if a fault ended otherwise. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, cast

import psutil

from bench import sandbox
from bench.tables import rows, write_table
from reviewer import processes
from reviewer.engine.client.health import EngineFacts
from reviewer.engine.config import ModelConfig
from reviewer.engine.manager import AIModelManager
from reviewer.engine.profile import ModelProfile
from reviewer.engine.server import registry
from reviewer.engine.server.job import Watch
from reviewer.engine.server.server import Server, ServerSpec
from tests import fake_engine
from tests.fake_engine import SERVED_NAME, FakeEngine, Rule, Script
from tests.repo import AFTER, BEFORE, Repo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reviewer.engine.client.endpoint import Endpoint
    from reviewer.engine.engines import OwnEngine

CHAT = "/v1/chat/completions"
SAID = Rule(path=CHAT, json={"explanation": "Drops the guard for an empty list of values.", "findings": []})
# What vLLM writes in each stage of its start.
STAGES = {
    "starting": "INFO [__init__.py:1] Automatically detected platform cpu.",
    "importing": "INFO [api_server.py:1] vLLM API server version 0.32.0",
    "loading": "INFO [core.py:1] Loading safetensors checkpoint shards: 50% Completed",
}
_BEGAN = "began"
_TYPED = (1, 2, 3, 5, 130)
_PATIENCE = {"REVIEWER_TIMEOUT": "3"}


class Managed:
    """An engine of the manager's own: the fake one, under the real supervisor."""

    left_out = ()
    notes = ()
    profile = ModelProfile(id="fake", digest="d", context_tokens=4096, max_num_seqs=8)

    def __init__(self, server: Server) -> None:
        self._server = server

    def start(self, *args: Any) -> tuple[Endpoint, ...]:
        return (self._server.start(*args),)

    def stop(self) -> None:
        self._server.stop()

    def facts(self, *, verify: bool = True) -> EngineFacts:  # noqa: ARG002
        return EngineFacts(state=str(self._server.state().status))


def server_of(folder: Path) -> Server:
    """The server that the reviews of a folder share; its script lies in ``folder``."""
    script = folder / "script.json"
    spec = ServerSpec(
        argv=(sys.executable, fake_engine.__file__, "--script", str(script)), env={}, model="fake",
        served_name=SERVED_NAME, key="k", ready_timeout=6.0, watch=Watch(low_memory_bytes=0, backoff=0.2, grace=2.0),
    )  # fmt: skip
    return Server(spec, folder / "run")


def review_here(folder: Path) -> int:
    """Review what is staged in ``folder/repo`` as a command does; the process of a fault."""
    from reviewer import config
    from reviewer.cli.boundary import flushed, guarded, interrupt_on_signals
    from reviewer.git import Repository
    from reviewer.review import review_change
    from reviewer.selection.source import from_repository

    def run() -> int:
        repository = Repository.discover(folder / "repo")
        settings = config.load(repository.root, os.environ, {})
        manager = AIModelManager(ModelConfig(embedded="135m", timeout=settings.timeout))
        manager._held.engine = cast("OwnEngine", Managed(server_of(folder)))  # noqa: SLF001 - needs no model
        source = from_repository(repository, repository.target(None, staged=True))
        review = asyncio.run(review_change(source, settings, manager=manager))
        if review.unavailable is not None:
            print(f"evidence alone: {review.unavailable.message}")
        for unit in review.not_read:
            print(f"not read: {unit.reason}")
        if not review.not_read and review.unavailable is None:
            print("complete")
        return 5 if review.not_read else 0

    interrupt_on_signals()
    (folder / _BEGAN).touch()
    return flushed(guarded(run))


class Running:
    """A review as a process of its own; its output is read while it runs."""

    def __init__(self, argv: list[str], cwd: Path, env: dict[str, str]) -> None:
        self.out = self.err = ""
        self.seconds = 0.0
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", *argv], cwd=cwd, env=env, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._began = time.monotonic()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        self.out, self.err = self.process.communicate()
        self.seconds = time.monotonic() - self._began

    def ended(self, seconds: float) -> bool:
        """Wait, and say whether it has ended."""
        self._reader.join(seconds)
        return not self._reader.is_alive()


@dataclass
class Scene:
    """One run of a fault: a repository with a staged change, a script for the engine, and the processes."""

    folder: Path
    random: Random
    env: dict[str, str]
    reviews: list[Running] = field(default_factory=list)

    @property
    def server(self) -> Server:
        return server_of(self.folder)

    def script(self, *rules: Rule, **options: Any) -> None:
        Script(rules=[*rules, SAID], **options).write(self.folder / "script.json")

    def review(self) -> Running:
        """Start a review whose engine is managed."""
        self.reviews.append(Running(["bench.faults", "--review", str(self.folder)], self.folder, self.env))
        return self.reviews[-1]

    def attached(self, url: str) -> None:
        """Run ``reviewer review`` with an engine at a URL."""
        env = {**self.env, "REVIEWER_ENGINE_URL": url}
        self.reviews.append(Running(["reviewer", "review", "--require"], self.folder / "repo", env))
        self.reviews[-1].ended(60)

    def warm(self) -> None:
        """Start the engine and wait until it answers."""
        self.server.start()

    def kill_engine(self) -> None:
        life = self.server.state(measure=False).life
        if life is not None and life.pid is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(life.pid).kill()

    def kill_supervisor(self) -> None:
        record = json.loads(next((self.folder / "run").glob("*.json")).read_text())
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(int(record["pid"])).kill()

    def logged(self, text: str) -> None:
        """Wait until the engine's log holds a text."""
        self.until(lambda: self.server.log.exists() and text in self.server.log.read_text(errors="replace"))

    def began(self) -> None:
        """Wait until a review has imported what it needs."""
        self.until((self.folder / _BEGAN).exists)

    def asked(self, times: int = 1) -> None:
        """Wait until the engine has received requests."""
        log = self.folder / "requests.jsonl"
        self.until(lambda: log.exists() and log.read_text().count(f'"path": "{CHAT}"') >= times)

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("the fault could not be brought about")
            time.sleep(0.02)


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        name: For the table.
        bring: Starts the reviews and makes the fault happen.
        within: Seconds that a review may take from then on.
        times: Runs, with moments drawn anew.
        expects: What the outcomes must match, all of them.
    """

    name: str
    bring: Callable[[Scene], None]
    within: float = 30.0
    times: int = 1
    expects: str = "complete"


FAULTS: list[Fault] = []


def fault(name: str, **options: Any) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    """Add a fault to the table."""

    def add(bring: Callable[[Scene], None]) -> Callable[[Scene], None]:
        FAULTS.append(Fault(name, bring, **options))
        return bring

    return add


def _killed_in(stage: str) -> None:
    @fault(f"engine killed while {stage}", within=20.0, expects="died while starting: killed")
    def _bring(scene: Scene) -> None:
        lines = list(STAGES.values())
        at = list(STAGES).index(stage)
        scene.script(log=[*lines[: at + 1], *["INFO still at it"] * 20], ready_after=8.0)
        scene.review()
        scene.logged(STAGES[stage])
        scene.kill_engine()


for _stage in STAGES:
    _killed_in(_stage)


@fault("engine killed while idle")
def _idle(scene: Scene) -> None:
    scene.script()
    scene.warm()
    scene.kill_engine()
    scene.review()


@fault("engine killed while it answers")
def _answering(scene: Scene) -> None:
    scene.script(Rule(path=CHAT, match="def average", delay=5.0, times=1))
    scene.review()
    scene.asked()
    scene.kill_engine()
    scene.script()


@fault("engine that dies of every request", expects="engine|not read")
def _always(scene: Scene) -> None:
    scene.script(Rule(path=CHAT, die=True))
    scene.review()


@fault("supervisor killed while the engine answers", expects="complete|engine|not read")
def _supervisor(scene: Scene) -> None:
    scene.script(Rule(path=CHAT, match="def average", delay=5.0, times=1))
    scene.review()
    scene.asked()
    scene.kill_supervisor()
    scene.script()


@fault("engine out of memory while loading", expects="memory")
def _memory(scene: Scene) -> None:
    scene.script(log=[*STAGES.values(), "ERROR RuntimeError: DefaultCPUAllocator: can't allocate memory"], die=1)
    scene.review()


@fault("engine out of memory while it answers (HTTP 500)", expects="HTTP 500|CUDA out of memory|not read")
def _memory_later(scene: Scene) -> None:
    scene.script(Rule(path=CHAT, status=500, text="CUDA out of memory"))
    scene.review()


@fault("engine that hangs while it starts", within=25.0, expects="log|did not|no new")
def _hung_start(scene: Scene) -> None:
    scene.script(log=[STAGES["starting"]], ready_after=600.0)
    scene.review()


@fault("engine that hangs while it answers", within=40.0, expects="not read|engine|within|no progress")
def _hung(scene: Scene) -> None:
    scene.script(Rule(path=CHAT, delay=600.0))
    scene.review()


@fault("slow engine")
def _slow(scene: Scene) -> None:
    scene.script(Rule(path=CHAT, match="def average", delay=2.0, json=SAID.json), ready_after=2.0, log=["INFO x"] * 8)
    scene.review()


@fault("server of another kind (no such routes)", expects="HTTP 404")
def _other(scene: Scene) -> None:
    with FakeEngine(Script(rules=[Rule(path="/v1/models", status=404, raw="{}")]), tcp=True) as engine:
        scene.attached(engine.endpoint.url)


@fault("another version, whose replies have other fields", expects="model|not read|reply")
def _version(scene: Scene) -> None:
    other = Rule(path=CHAT, raw='{"version": 2, "output": [{"type": "message", "text": "hello"}]}')
    with FakeEngine(Script(rules=[other]), tcp=True) as engine:
        scene.attached(engine.endpoint.url)


@fault("garbage on the socket", times=3, expects="engine|server|http|reply|answer")
def _garbage(scene: Scene) -> None:
    with _talker(scene.random.randbytes(4096)) as url:
        scene.attached(url)


@fault("a socket that accepts and says nothing", expects="engine|server|answer|within")
def _silent(scene: Scene) -> None:
    with _talker(b"") as url:
        scene.attached(url)


@fault("stale state: records and socket of a dead engine")
def _stale(scene: Scene) -> None:
    scene.script()
    scene.warm()
    for process in processes.marked(registry.Place.at(scene.folder / "run").marker):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    scene.review()


@fault("records that are garbage", times=3)
def _damaged(scene: Scene) -> None:
    scene.script()
    scene.warm()
    for path in (scene.folder / "run").rglob("*.json"):
        path.write_bytes(scene.random.randbytes(200))
    scene.review()


@fault("disk full while answers are cached", expects="complete")
def _cache_full(scene: Scene) -> None:
    scene.script()
    scene.warm()
    cache = Path(scene.env["REVIEWER_HOME"])
    cache.mkdir(parents=True, exist_ok=True)
    if sandbox.small_disk(cache, 1):
        sandbox.fill(cache, 0)
    scene.review().ended(60)
    sandbox.unmount(cache)


@fault("disk full where the engine keeps its files", expects=r"No space left on device: .*/run/|complete")
def _run_full(scene: Scene) -> None:
    scene.script()
    run = scene.folder / "run"
    run.mkdir(mode=0o700)
    if sandbox.small_disk(run, 1):
        run.chmod(0o700)
        sandbox.fill(run, 0)
    scene.review().ended(60)
    registry.stop_all(run)
    sandbox.unmount(run)


def _signalled(number: signal.Signals) -> None:
    @fault(f"{number.name} to the review at a random moment", times=10, expects="^$|interrupted|complete")
    def _bring(scene: Scene) -> None:
        scene.script(Rule(path=CHAT, match="def average", delay=0.5, json=SAID.json), ready_after=0.5, log=["INFO"] * 4)
        review = scene.review()
        moments: list[Callable[[], object]] = [scene.began, lambda: scene.logged("INFO"), scene.asked]
        scene.random.choice(moments)()
        review.ended(scene.random.uniform(0.0, 0.6))
        review.process.send_signal(number)


for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
    _signalled(_number)


def _at_once(count: int) -> None:
    @fault(f"{count} reviews at once, no engine running", within=120.0)
    def _bring(scene: Scene) -> None:
        scene.script(ready_after=1.0, log=["INFO x"] * 4)
        for _ in range(count):
            scene.review()
        for review in scene.reviews:
            review.ended(120)
        starts = scene.server.log.read_text().count("Application startup complete")
        if starts != 1:
            raise AssertionError(f"{starts} engines were started")


for _count in (2, 20):
    _at_once(_count)


@fault("the review that starts the engine is killed, another joins", within=40.0, expects="complete|^$")
def _parent(scene: Scene) -> None:
    scene.script(ready_after=2.0, log=["INFO x"] * 8)
    first = scene.review()
    scene.logged("INFO x")
    first.process.kill()
    scene.review()


@contextlib.contextmanager
def _talker(said: bytes) -> Iterator[str]:
    """A listener that answers everything with the same bytes, or accepts and keeps silent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    kept.append(connection)
                    if said:
                        connection.sendall(said)
                        connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for connection in kept:
            connection.close()


@dataclass
class Outcome:
    """What one fault came to, in all its runs."""

    name: str
    runs: int = 0
    slowest: float = 0.0
    said: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def run_fault(one: Fault, seed: int) -> Outcome:
    """Run a fault as often as it wants."""
    outcome = Outcome(one.name)
    for number in range(one.times):
        with tempfile.TemporaryDirectory(prefix="f-") as name:
            folder = Path(name)
            env = sandbox.isolated(folder / "home", folder / "tmp") | _PATIENCE
            repo = Repo.init(folder / "repo")
            repo.commit("first", {"stats.py": BEFORE})
            repo.stage({"stats.py": AFTER})
            scene = Scene(folder, Random(f"{seed}:{one.name}:{number}"), env)
            _run(one, scene, outcome)
            outcome.runs += 1
    return outcome


def _run(one: Fault, scene: Scene, outcome: Outcome) -> None:
    try:
        one.bring(scene)
    except (AssertionError, TimeoutError) as problem:
        outcome.problems.append(str(problem))
    ends = time.monotonic() + one.within
    for review in scene.reviews:
        if not review.ended(max(0.1, ends - time.monotonic())):
            outcome.problems.append("did not end in time")
            review.process.kill()
            review.ended(10)
        outcome.slowest = max(outcome.slowest, review.seconds)
        outcome.problems += _wrong(one, review)
        said = (review.out.strip() or review.err.strip().removeprefix("reviewer: ")).partition("\n")[0]
        outcome.said[said] = outcome.said.get(said, 0) + 1
    outcome.problems += _left(scene)


def _wrong(one: Fault, review: Running) -> Iterator[str]:
    code, said = review.process.returncode, review.out + review.err
    if code > 0 and code not in _TYPED:
        yield f"exit status {code}"
    if "internal error" in said or "Traceback" in said.partition("Exception ignored")[0]:
        yield said[-2000:]
    elif not re.search(one.expects, said, re.IGNORECASE | re.DOTALL):
        yield f"unexpected: {said[-500:]}"


def _left(scene: Scene) -> Iterator[str]:
    """What must not be left over."""
    run = scene.folder / "run"
    with contextlib.suppress(FileNotFoundError):
        registry.stop_all(run)
    deadline = time.monotonic() + 10
    while (left := processes.marked(registry.Place.at(run).marker)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in left:
        yield f"process left: {process.cmdline()}"
        process.kill()
    for path in scene.folder.rglob("*"):
        if path.suffix == ".tmp" or path.name in ("index.lock", "HEAD.lock"):
            yield f"file left: {path.name}"
        elif path.suffix == ".lock" and not _is_free(path):
            yield f"lock held: {path.name}"
        elif path.suffix == ".json" and path.parent.name != "repo" and not _is_json(path):
            yield f"half-written: {path.name}"
    if scene.reviews and all(review.process.returncode != -signal.SIGKILL for review in scene.reviews):
        yield from (f"temporary file left: {path.name}" for path in (scene.folder / "tmp").iterdir())


def _is_free(path: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(path, timeout=0):
            return True
    except Timeout:
        return False


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def table(outcomes: list[Outcome]) -> str:
    """One line for each fault."""
    body = []
    for one in outcomes:
        ordered = sorted(one.said, key=lambda key: -one.said[key])
        said = "; ".join(list(dict.fromkeys(_short(text) or "(killed)" for text in ordered))[:2])
        body.append((one.name, one.runs, said, f"{one.slowest:.1f} s", "; ".join(one.problems)[:80] or "nothing"))
    return rows(("fault", "runs", "outcome", "slowest", "left over or wrong"), body)


def _short(text: str) -> str:
    text = re.sub(r":\d{4,5}\b", ":PORT", re.sub(r"(?<![:/])/\S+/", "…/", text))
    return text if len(text) <= 90 else text[:89] + "…"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="faults whose name this regular expression finds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--table", type=Path, help="write the table into this document")
    parser.add_argument("--review", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.review is not None:
        return review_here(arguments.review)
    sandbox.own_mounts()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background, and so by children
    outcomes = []
    for one in FAULTS:
        if re.search(arguments.only, one.name):
            outcomes.append(run_fault(one, arguments.seed))
            print(json.dumps(dataclasses.asdict(outcomes[-1])), flush=True)
    if arguments.table:
        write_table(arguments.table, "faults", table(outcomes))
    return 1 if any(one.problems for one in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
