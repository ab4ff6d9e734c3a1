"""Random sequences of repository states, commands and faults: the repository must stay byte for byte what it was.

    python -m bench.sequences --count 2000 --seed 1 [--from N] [--results FILE] [--table docs/reliability.md]
    python -m bench.sequences --seed 1 --only 137 --verbose     # one sequence again

Each sequence draws a repository (``states.py``), a fault that lasts (a lock, a read-only folder, a full disk, limits)
and two or three commands, each with a model server that misbehaves or none, and perhaps a signal at a random moment.
After each command index, working tree, refs, hooks, configuration and objects are compared with before, with modes and
times. What a command exists to write is allowed to it: the notes ref to the background review, ``.reviewer`` to
``baseline``, the working tree to ``apply``. The reviewer's own folder must hold whole files only.

Exit status: 1 if a sequence failed. A sequence is drawn from ``SEED:NUMBER`` and can be run alone. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import math
import os
import re
import resource
import signal
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from bench import sandbox, states
from bench.tables import rows, write_table
from reviewer.applying import last
from reviewer.errors import UsageError
from tests.fake_engine import FakeEngine, Rule, Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.sandbox import Run, Shot
    from bench.states import Scene
    from tests.repo import Repo

CHAT = "/v1/chat/completions"
_FOUND = {"line": 2, "severity": "error", "category": "bug", "message": "The division fails.", "fix": ""}
BEHAVIOURS: dict[str, Rule] = {
    "answers": Rule(match="def average", json={"explanation": "Drops the guard.", "findings": [_FOUND]}),
    "HTTP 500": Rule(path=CHAT, status=500, text="CUDA out of memory"),
    "HTTP 429": Rule(path=CHAT, status=429, headers={"Retry-After": "1"}),
    "closes the connection": Rule(path=CHAT, cut=True),
    "sends garbage": Rule(path=CHAT, raw="\x00\xffgarbage\r\n\r\n"),
    "sends prose": Rule(path=CHAT, text="I approve. ```"),
    "cuts the reply": Rule(path=CHAT, finish_reason="length"),
    "lists no model": Rule(path="/v1/models", raw="[]"),
    "slow": Rule(path=CHAT, delay=0.3),
    "hangs": Rule(path=CHAT, delay=20.0),
    "dies": Rule(path=CHAT, die=True),
}
_ENGINES = ["none"] * 8 + ["not there"] * 2 + ["answers"] * 4 + [name for name in BEHAVIOURS if name != "answers"]

_GIT = r"(?:^|/)(?:\.git|elsewhere\.git)(?:/worktrees/[^/]+|/modules/[^/]+)?"
_OURS = re.compile(rf"{_GIT}/reviewer(?:/|$)")
_NOTES = re.compile(
    rf"{_GIT}/(?:refs/notes(?:/reviewer)?|logs/refs/notes(?:/reviewer)?|logs/refs|objects/[0-9a-f]{{2}}(?:/[0-9a-f]+)?"
    r"|reftable/(?:tables\.list|0x[\w-]+\.ref))$"  # holds all refs; _refs compares the others
)
_BASELINE = re.compile(r"^(?:repo|repo/lib)/\.reviewer(?:/baseline\.json)?$")
_TREE = re.compile(r"^(?!.*(?:/\.git(?:/|$)|elsewhere\.git))repo/")
_REPORT = re.compile(r"^(?:repo|repo/lib)/reviewer-report\.json$")
_FIRST = ("review", "review REV", "review --worktree")  # what apply and dismiss refer to
_NOTHING = re.compile(r"(?!)")


@dataclass(frozen=True)
class Command:
    """A command line, and the paths that it may write."""

    args: tuple[str, ...]
    writes: re.Pattern[str] = _NOTHING
    data: bytes = b""
    asks: bool = True


def _commands(scene: Scene, spare: Path) -> dict[str, Command]:
    repo = scene.repo
    head = repo.git("rev-parse", "--verify", "-q", "HEAD", check=False).decode().strip()
    zero = "0" * max(40, len(head))
    patch = repo.git("-c", "diff.external=", "diff", "--no-ext-diff", "--no-textconv", "HEAD", check=False)
    push = f"refs/heads/x {head or zero} refs/heads/x {zero}\n".encode()
    return {
        "review": Command(("review",)),
        "review REV": Command(("review", "HEAD")),
        "review RANGE": Command(("review", "HEAD~1..HEAD", "--format", "json")),
        "review --worktree": Command(("review", "--worktree", "--format", "sarif")),
        "review -": Command(("review", "-"), data=patch),
        "review --output": Command(("review", "HEAD", "--format", "markdown", "--output", str(spare / "review.md"))),
        "ci": Command(("ci", "--base", "HEAD~1", "--head", "HEAD"), writes=_REPORT),
        "hook pre-commit": Command(("hook", "pre-commit")),
        "hook pre-merge-commit": Command(("hook", "pre-merge-commit", "--fail-on", "error")),
        "hook pre-push": Command(("hook", "pre-push", "origin", "url"), data=push),
        "hook post-commit": Command(("hook", "post-commit"), writes=_NOTES),
        "hook prepare-commit-msg": Command(("hook", "prepare-commit-msg", str(spare / "message"))),
        "explain": Command(("explain", "stats.py:1-2")),
        "complete": Command(("complete", "stats.py:2")),
        "message": Command(("message",)),
        "show": Command(("show",), asks=False),
        "baseline": Command(("baseline", "HEAD"), writes=_BASELINE),
        "dismiss": Command(("dismiss", _an_id(repo), "--reason", "intended"), asks=False),
        "dismiss --list": Command(("dismiss", "--list"), asks=False),
        "apply": Command(("apply",), asks=False),
        "apply --dry-run": Command(("apply", "--all", "--dry-run"), asks=False),
        "apply --check": Command(("apply", "--all", "--check", "true"), writes=_TREE, asks=False),
        "apply --all": Command(("apply", "--all"), writes=_TREE, asks=False),
        "apply --undo": Command(("apply", "--undo"), writes=_TREE, asks=False),
        "rules": Command(("rules",), asks=False),
        "doctor": Command(("doctor",), asks=False),
        "config show": Command(("config", "show"), asks=False),
        "engine status": Command(("engine", "status"), asks=False),
        "cache clear": Command(("cache", "clear"), asks=False),
        "clean": Command(("clean", "--all", "--yes"), asks=False),
        "watch": Command(("watch",)),
    }


def _an_id(repo: Repo) -> str:
    """The id of the last review's first finding, or one that no finding has."""
    git_dir = repo.git("rev-parse", "--absolute-git-dir").removesuffix(b"\n")
    try:
        return last.load(Path(os.fsdecode(git_dir))).findings[0].id
    except (UsageError, IndexError):
        return "00000"


@dataclass
class Outcome:
    """What one command did.

    Attributes:
        command, engine, fault, shot: What was run, and what went wrong on purpose.
        code: Exit status.
        seconds: Wall time.
        problems: What must not have happened.
    """

    command: str
    engine: str
    fault: str
    shot: str
    code: int | None
    seconds: float
    problems: list[str] = field(default_factory=list)
    err: str = ""


@dataclass
class Result:
    """What one sequence did; ``kind`` is None where git has no such repository."""

    number: int
    kind: str
    steps: list[str]
    outcomes: list[Outcome] = field(default_factory=list)
    unsupported: bool = False


class Bench:
    """Runs sequences; a context manager that holds the folders and the fake model server."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.mounts = sandbox.own_mounts()
        self.folder = Path(tempfile.mkdtemp(prefix="seq-"))
        self.small = self.folder / "small"
        self.small.mkdir()
        self.has_small = self.mounts and sandbox.small_disk(self.small, 24)
        os.environ.update(sandbox.isolated(self.folder / "home", self.folder / "tmp"))
        self.engine = FakeEngine(Script(), tcp=True)

    def __enter__(self) -> Bench:
        sandbox.import_commands()
        self.engine.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.__exit__()
        if self.has_small:
            sandbox.unmount(self.small)
        sandbox.remove(self.folder)

    def sequence(self, number: int) -> Result:
        """Run one sequence."""
        random = Random(f"{self.seed}:{number}")
        kind, steps = states.draw(random)
        result = Result(number, kind, steps)
        fault = random.choice(self._faults())
        place = self.small if fault == "full disk" else self.folder
        top, home, tmp, spare = (place / name for name in ("scene", "user", "temporary", "spare"))
        try:
            scene = states.build(kind, steps, top)
            spare.mkdir()
            (spare / "message").write_text("\n# Please enter the commit message.\n")
            env = sandbox.isolated(home, tmp) | {"REVIEWER_TIMEOUT": "2", "REVIEWER_HOOK_DEADLINE": "8"}
            prepare = self._prepare(fault, random, scene, home)
            names = list(_commands(scene, spare))
            for turn in range(random.randint(2, 3)):
                name = random.choice(_FIRST if turn == 0 and random.random() < 0.5 else names)
                command = _commands(scene, spare)[name]
                result.outcomes.append(self._one(random, name, command, fault, scene, env, tmp, prepare))
        except states.Unsupported:
            result.unsupported = True
        finally:
            for folder in (top, home, tmp, spare):
                if folder.exists():
                    sandbox.remove(folder)
            (self.small / "ballast").unlink(missing_ok=True)
        return result

    def _faults(self) -> list[str]:
        lasting = ["lock held", "read-only repository", "read-only git folder", "read-only home", "file size limit"]
        return [*["none"] * len(lasting), *lasting, "few file handles", *(["full disk"] * 2 if self.has_small else [])]

    def _prepare(self, fault: str, random: Random, scene: Scene, home: Path) -> Callable[[], None]:
        git_dir = Path(os.fsdecode(scene.repo.git("rev-parse", "--absolute-git-dir").removesuffix(b"\n")))
        if fault == "lock held":
            states.lock(scene, random)
        if fault == "full disk":
            sandbox.fill(self.small, random.choice([0, 4096, 65536]))
        read_only = {"read-only repository": scene.repo.root, "read-only git folder": git_dir, "read-only home": home}
        if fault in read_only:
            return functools.partial(self._close, read_only[fault])
        if fault == "file size limit":
            return functools.partial(sandbox.limit, resource.RLIMIT_FSIZE, random.choice([0, 100, 4096]))
        if fault == "few file handles":
            return functools.partial(sandbox.limit, resource.RLIMIT_NOFILE, random.randint(8, 40))
        return lambda: None

    def _close(self, folder: Path) -> None:
        if self.mounts:
            sandbox.read_only(folder)
        elif os.geteuid() != 0:
            folder.chmod(0o500)

    def _one(  # noqa: PLR0917
        self, random: Random, name: str, command: Command, fault: str, scene: Scene, env: dict[str, str], tmp: Path,
        prepare: Callable[[], None],
    ) -> Outcome:  # fmt: skip
        engine = random.choice(_ENGINES) if command.asks else "none"
        shots = _shots(random, always=name == "watch")
        args = command.args
        env = env | self._behave(engine)
        refs, before = _refs(scene.repo), sandbox.snapshot(scene.top)
        done = sandbox.run(
            args,
            cwd=scene.repo.root,
            env=env,
            data=command.data,
            shots=shots,
            prepare=prepare,
            timeout=60,
            grace=90 if name == "hook post-commit" else 10,  # its review goes on in the background
        )
        with contextlib.suppress(OSError):
            scene.repo.root.chmod(0o755) if not self.mounts else None
        after = sandbox.snapshot(scene.top)
        shown = "+".join(signal.Signals(shot.number).name for shot in shots)
        outcome = Outcome(name, engine, fault, shown, done.code, round(done.seconds, 2), err=done.err[-2000:])
        outcome.problems = [
            *_harm(before, after, command.writes),
            *(["changed another ref"] if _refs(scene.repo) != refs else []),
            *_ended_badly(done, shots),
            *_unfinished(scene.top, tmp, killed=done.code == -signal.SIGKILL),
        ]
        return outcome

    def _behave(self, engine: str) -> dict[str, str]:
        if engine == "none":
            return {"REVIEWER_USE_MODEL": "false", "REVIEWER_ENGINE_URL": "http://127.0.0.1:1"}
        if engine == "not there":
            return {"REVIEWER_ENGINE_URL": "http://127.0.0.1:1"}
        if self.engine.process is None or self.engine.process.poll() is not None:
            self.engine.stop()
            self.engine.start()
        self.engine.update(BEHAVIOURS[engine])
        return {"REVIEWER_ENGINE_URL": self.engine.endpoint.url, "REVIEWER_MODEL_FINDINGS": "on"}


_CODES = (0, 1, 2, 3, 5)


def _shots(random: Random, *, always: bool) -> list[Shot]:
    if not always and random.random() < 0.55:
        return []
    number = random.choice([signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
    first = sandbox.Shot(number, math.exp(random.uniform(math.log(0.005), math.log(1.0))), group=random.random() < 0.5)
    return [first]


def _harm(before: dict[str, sandbox.Entry], after: dict[str, sandbox.Entry], writes: re.Pattern[str]) -> list[str]:
    changed = []
    for difference in sandbox.differences(before, after):
        kind, _, path = difference.partition(" ")
        if _OURS.search(path) or (writes.search(path) and not ("/objects/" in path and kind != "added")):
            continue
        changed.append(difference)
    return changed


def _refs(repo: Repo) -> list[bytes]:
    """HEAD with its log, and every ref but the reviewer's notes."""
    head = repo.git("log", "-g", "--format=%H %gs", check=False)
    refs = repo.git("for-each-ref", "--format=%(refname) %(objectname) %(symref)").splitlines()
    return [head, repo.git("symbolic-ref", "-q", "HEAD", check=False)] + [
        ref for ref in refs if not ref.startswith(b"refs/notes/reviewer ")
    ]


def _ended_badly(done: Run, shots: Sequence[Shot]) -> list[str]:
    problems = [f"left a process: {command}" for command in done.strays]
    if done.code is None:
        problems.append("did not end")
    elif done.code not in _CODES and not shots:
        problems.append(f"exit status {done.code}")
    elif shots and done.code not in (*_CODES, 130, 143, *(-shot.number for shot in shots)):
        problems.append(f"exit status {done.code} after a signal")
    # Python reports so what an interrupt kept from being tidied up in its own library; it changes nothing.
    ignored = bool(shots) and "Exception ignored in" in done.err
    if "internal error" in done.err or ("Traceback" in done.err and not ignored):
        problems.append("internal error")
    return problems


def _unfinished(top: Path, tmp: Path, *, killed: bool) -> list[str]:
    """Files that were not written to their end, or were left in the temporary folder."""
    problems = []
    for path in top.rglob("*"):
        if not _OURS.search(str(path.relative_to(top))) or not path.is_file():
            continue
        if path.suffix == ".tmp":
            if killed:
                path.unlink(missing_ok=True)
            else:
                problems.append(f"left {path.name}")
        elif path.suffix == ".json" and not _is_json(path.read_bytes()):
            problems.append(f"{path.name} is not whole")
    left = sorted(entry.name for entry in tmp.iterdir())
    if left and not killed:
        problems.append(f"left in the temporary folder: {', '.join(left)}")
    for name in left:
        path = tmp / name
        sandbox.remove(path) if path.is_dir() else path.unlink()
    return problems


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def table(results: Sequence[dict[str, Any]]) -> str:
    """Outcomes by kind of repository, and by fault."""
    supported = [result for result in results if not result["unsupported"]]
    body = []
    for kind in states.KINDS:
        chosen = [one for one in results if one["kind"] == kind]
        if chosen and all(one["unsupported"] for one in chosen):
            body.append((kind, "not in this git", "", "", "", "", ""))
            continue
        body.append((kind, len(chosen), *_counts([outcome for one in chosen for outcome in one["outcomes"]])))
    everything = [outcome for one in supported for outcome in one["outcomes"]]
    body.append(("**all**", len(supported), *_counts(everything)))
    head = ("repository", "sequences", "commands", "complete", "typed error", "ended by a signal", "harm or failure")
    faults = [
        (name.format(value), *_counts([one for one in everything if one[part] == value]))
        for part, name in (("fault", "{}"), ("engine", "model server: {}"), ("shot", "{}"))
        for value in sorted({outcome[part] for outcome in everything} - {"none", ""})
    ]
    return rows(head, body) + "\n\n" + rows(("fault", *head[2:]), faults)


def _counts(outcomes: Sequence[dict[str, Any]]) -> tuple[int, ...]:
    codes = Counter(_meaning(outcome) for outcome in outcomes)
    failed = sum(bool(outcome["problems"]) for outcome in outcomes)
    return len(outcomes), codes["complete"], codes["error"], codes["signalled"], failed


def _meaning(outcome: dict[str, Any]) -> str:
    if outcome["code"] in (0, 1):
        return "complete"
    return "error" if outcome["code"] in (2, 3, 5) else "signalled"


def _as_dict(result: Result) -> dict[str, Any]:
    found = {**vars(result), "outcomes": [vars(outcome) for outcome in result.outcomes]}
    for outcome in found["outcomes"]:
        if not outcome["problems"]:
            outcome["err"] = ""
    return found


def _numbers(arguments: argparse.Namespace) -> Iterator[int]:
    if arguments.only is not None:
        return iter([arguments.only])
    return iter(range(arguments.start, arguments.start + arguments.count))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from", dest="start", type=int, default=0, help="number of the first sequence")
    parser.add_argument("--only", type=int, help="run this one sequence")
    parser.add_argument("--results", type=Path, help="append the outcomes to this file, one JSON object a line")
    parser.add_argument("--table", type=Path, help="write the table of --results into this document, and run nothing")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    if arguments.table:
        found = {one["number"]: one for one in map(json.loads, arguments.results.read_text().splitlines())}
        write_table(arguments.table, "sequences", table(list(found.values())))
        return 0
    failed = 0
    with Bench(arguments.seed) as bench:
        for number in _numbers(arguments):
            result = _as_dict(bench.sequence(number))
            failed += any(outcome["problems"] for outcome in result["outcomes"])
            _tell(result, verbose=arguments.verbose)
            if arguments.results:
                with arguments.results.open("a") as stream:
                    stream.write(json.dumps(result) + "\n")
    print(f"{failed} sequences failed")
    return 1 if failed else 0


def _tell(result: dict[str, Any], *, verbose: bool) -> None:
    for outcome in result["outcomes"]:
        if outcome["problems"] or verbose:
            what = " · ".join(str(outcome[name]) for name in ("command", "engine", "fault", "shot", "code", "seconds"))
            print(f"{result['number']} {result['kind']} {result['steps']}: {what}: {outcome['problems']}", flush=True)
            print(outcome["err"], file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
