"""The user's command on real working copies; nothing may be left behind, in the repository or outside."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from reviewer.applying import checkout
from reviewer.applying.checkout import Checkouts
from reviewer.applying.proof import Proof, Trial, prove
from reviewer.applying.running import Outcome, interruptible, run
from reviewer.errors import GitError
from reviewer.git import Repository, TargetKind
from tests.applying.samples import Fix, ids, planner, review
from tests.repo import Repo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.applying.last import LastReview

CODE = "def one():\n    return 1\n\n\ndef two():\n    return 2\n"
posix = pytest.mark.skipif(os.name != "posix", reason="a shell of POSIX")


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Temporary folders go to a place of this test's own, and are gone when it ends."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    assert list(place.iterdir()) == []


@pytest.fixture
def staged(repo: Repo) -> Repo:
    repo.commit("first", {"a.py": "old = True\n", "sub/b.txt": "b\n"})
    repo.stage({"a.py": CODE})
    return repo


def python(code: str) -> str:
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def state(repo: Repo) -> dict[str, bytes]:
    """All that a check may not touch: the whole git folder but ours, and every file."""
    return {
        str(path.relative_to(repo.root)): path.read_bytes()
        for path in repo.root.rglob("*")
        if path.is_file() and ".git/reviewer" not in path.as_posix()
    }


def checked(repo: Repo, kept: LastReview, command: str, timeout: float = 60) -> Proof:
    trial = Trial(command, timeout, Path(), repo.root)
    plans = planner(repo, kept)
    with Checkouts(Repository.discover(repo.root), kept.kind, kept.head) as checkouts:
        return prove(kept.findings, plans.plan, lambda files: trial.on(checkouts, files))


# Passes where one() + two() is what the command line says; 3 is what is staged.
def adds_up_to(*sums: int) -> str:
    return python(f"import a; raise SystemExit(a.one() + a.two() not in {sums})")


@posix
@pytest.mark.parametrize(
    ("command", "steps", "kept"),
    [
        # (3) is the baseline, the first makes 12, the second 21, both make 30.
        (adds_up_to(3, 12, 21, 30), [((), True), ((1,), True), ((2,), True), ((1, 2), True)], [1, 2]),
        (adds_up_to(3, 21), [((), True), ((1,), False), ((2,), True)], [2]),
        (adds_up_to(12), [((), False), ((1,), True), ((2,), False)], [1]),
        (adds_up_to(3, 12, 21), [((), True), ((1,), True), ((2,), True), ((1, 2), False)], [1]),
        (adds_up_to(), [((), False), ((1,), False), ((2,), False)], []),
    ],
)
def test_only_what_passes_is_kept(
    staged: Repo, command: str, steps: list[tuple[tuple[int, ...], bool]], kept: list[int]
) -> None:
    last = review(staged, Fix("a.py", 2, 2, "    return 10"), Fix("a.py", 6, 6, "    return 20"))
    before = state(staged)
    proof = checked(staged, last, command)
    assert [(step.ids, step.passed) for step in proof.steps] == [(ids(last, *some), passed) for some, passed in steps]
    assert tuple(one.id for one in proof.kept) == ids(last, *kept)
    assert state(staged) == before
    assert staged.git("worktree", "list").count(b"\n") == 1


@posix
def test_those_that_fail_together_are_added_one_by_one(staged: Repo) -> None:
    staged.stage({"a.py": "a = 0\nb = 0\nc = 0\n"})
    last = review(staged, *(Fix("a.py", line, line, f"{name} = 1") for line, name in enumerate("abc", 1)))
    proof = checked(staged, last, python("import a; raise SystemExit(a.a and a.b)"))
    tried = [(), (1,), (2,), (3,), (1, 2, 3), (1, 2), (1, 3)]
    assert [step.ids for step in proof.steps] == [ids(last, *some) for some in tried]
    assert tuple(one.id for one in proof.kept) == ids(last, 1, 3)


@posix
def test_what_is_kept_was_tried_as_it_is_written(staged: Repo) -> None:
    """Python takes a compiled file of the same size and second for the source's: each run has a copy of its own."""
    last = review(staged, Fix("a.py", 2, 2, "    return 9"))
    for _ in range(3):
        proof = checked(staged, last, python("import a; raise SystemExit(a.one() != 9)"))
        assert [step.passed for step in proof.steps] == [False, True]


@posix
def test_the_copy_is_a_repository_of_its_own(staged: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    staged.write({"a.py": CODE, "untracked.txt": "x", "sub/b.txt": "not staged\n"})
    last = review(staged, Fix("a.py", 2, 2, "    return 10"))
    # As in a hook, which is told about the user's own index.
    for name, value in {"GIT_DIR": ".git", "GIT_INDEX_FILE": ".git/index", "GIT_PREFIX": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(staged.root)
    before = state(staged)
    script = staged.root.parent / "script"
    seen = staged.root.parent / "seen"
    script.write_text(
        f"""exec > {shlex.quote(str(seen))} 2>&1
        set -e
        pwd; git rev-parse --show-toplevel; git rev-parse HEAD; git diff --cached --name-only; git status --short
        cat sub/b.txt; ls; echo "$REVIEWER_ORIGINAL_ROOT"
        git -c user.name=x -c user.email=x@x commit -qam inside; git tag inside; git log --oneline | wc -l
        """
    )
    proof = checked(staged, last, f"sh {shlex.quote(str(script))}")
    told = seen.read_text().splitlines()
    assert [step.passed for step in proof.steps] == [True, True], told
    root, top, head, cached, *rest = told
    assert root == top
    assert not root.startswith(str(staged.root))
    assert Path(root).name == staged.root.name
    assert (head, cached) == (staged.head(), "a.py")
    # The fix is there, not staged; what is not tracked or not staged is not.
    assert rest == ["MM a.py", "b", "a.py", "sub", str(staged.root), "2"]
    assert state(staged) == before


def prepared(repo: Repo, kind: str) -> Repo:
    """A repository of some kind in which a.txt is staged."""
    if kind == "sha256":
        repo = Repo.init(repo.root.parent / "sha256", "--object-format=sha256")
    if kind != "unborn":
        repo.commit("first", {"a.txt": "a\n", "gone.txt": "x\n", "s p/ä.txt": "x\r\n"})
    repo.git("config", "core.autocrlf", "input")
    if kind == "linked":
        repo.git("worktree", "add", "-q", "-b", "linked", str(repo.root.parent / "linked"))
        repo = Repo(repo.root.parent / "linked")
    repo.stage({"a.txt": "staged\n"})
    if kind == "split":
        repo.git("config", "core.splitIndex", "true")
        repo.git("update-index", "--split-index")
    if kind == "sparse":
        repo.git("sparse-checkout", "set", "--no-cone", "/a.txt")
    if kind == "hook":
        hook = repo.root / ".git/hooks/post-index-change"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch '{repo.root}/hooked'\n")
        hook.chmod(0o755)
    return repo


@posix
@pytest.mark.parametrize(
    "kind", ["staged", "commit", "worktree", "unborn", "sha256", "linked", "split", "sparse", "hook"]
)
def test_states_that_can_be_copied(repo: Repo, kind: str, nothing_left: Path) -> None:
    repo = prepared(repo, kind)
    repository = Repository.discover(repo.root)
    target = repository.target("HEAD" if kind == "commit" else None, staged=kind != "worktree")
    if kind == "worktree":
        repo.write({"a.txt": "lying\n"})
        (repo.root / "gone.txt").unlink()
    before = state(repo)
    with Checkouts(repository, target.kind, target.head) as checkouts:
        root = checkouts.fresh({})
        files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.txt")}
        status = Repo(root).git("status", "--short")
    expected = {"a.txt": b"staged\n", "gone.txt": b"x\n", "s p/ä.txt": b"x\r\n"}
    if kind == "unborn":
        expected = {"a.txt": b"staged\n"}
    if kind == "worktree":
        expected = {"a.txt": b"lying\n", "s p/ä.txt": b"x\r\n"}
    if kind == "commit":
        expected["a.txt"] = b"a\n"
    assert files == expected
    assert status == {"commit": b"", "unborn": b"A  a.txt\n", "worktree": b"M  a.txt\nD  gone.txt\n"}.get(
        kind, b"M  a.txt\n"
    )
    assert state(repo) == before


def test_filters_shape_the_copy(repo: Repo) -> None:
    repo.git("config", "core.autocrlf", "true")
    repo.git("config", "filter.loud.smudge", "tr a-z A-Z")
    repo.git("config", "filter.loud.clean", "tr A-Z a-z")
    repo.stage({".gitattributes": "*.up filter=loud -text\n", "a.up": "abc\n", "b.txt": "abc\n"})
    with Checkouts(Repository.discover(repo.root), TargetKind.STAGED, None) as checkouts:
        root = checkouts.fresh({})
        assert ((root / "a.up").read_bytes(), (root / "b.txt").read_bytes()) == (b"ABC\n", b"abc\r\n")
        assert b"??" not in Repo(root).git("status", "--short")
        assert Repo(root).git("diff") == b""


def test_a_state_that_cannot_be_copied(repo: Repo) -> None:
    repo.commit("base", {"a.txt": "a\n"})
    repo.git("checkout", "-q", "-b", "other")
    repo.commit("other", {"a.txt": "b\n"})
    repo.git("checkout", "-q", "main")
    repo.commit("main", {"a.txt": "c\n"})
    repo.git("merge", "other", check=False)
    with pytest.raises(GitError), Checkouts(Repository.discover(repo.root), TargetKind.STAGED, None):
        pass


@posix
def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    # One in the foreground, one in a session of its own that is deaf to the polite signal.
    deaf = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.setsid();"
        "print(os.getpid(), flush=True); time.sleep(600)"
    )
    command = f"{python(deaf)} >> {pids} & echo $$ >> {pids}; echo begun; sleep 600; echo never"
    began = time.monotonic()
    done = run(command, tmp_path, tmp_path / "log", os.environ, 2)
    assert time.monotonic() - began < 20
    assert (done.outcome, done.status, done.tail) == (Outcome.TIMED_OUT, None, ("begun",))
    found = [int(line) for line in pids.read_text().split()]
    assert len(found) == 2
    assert not [pid for pid in found if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


@posix
def test_what_a_command_leaves_running_is_ended(tmp_path: Path) -> None:
    done = run(f"sleep 600 & echo $! > {tmp_path}/pid", tmp_path, tmp_path / "log", os.environ, 30)
    assert done.outcome is Outcome.PASSED
    pid = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


@posix
@pytest.mark.parametrize(
    ("command", "outcome", "status", "tail"),
    [
        ("true", Outcome.PASSED, 0, ()),
        ("echo out; echo err >&2; exit 3", Outcome.FAILED, 3, ("out", "err")),
        ("kill -9 $$", Outcome.FAILED, -9, ()),
        ("no-such-command-at-all", Outcome.FAILED, 127, None),
        ("cat", Outcome.PASSED, 0, ()),  # nothing to read, no waiting for a terminal
        ("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done; exit 1", Outcome.FAILED, 1, None),
        ("printf 'caf\\351\\n\\n  \\n'", Outcome.PASSED, 0, ("caf\ufffd",)),
    ],
)
def test_how_commands_end(
    tmp_path: Path, command: str, outcome: Outcome, status: int, tail: tuple[str, ...] | None
) -> None:
    done = run(command, tmp_path, tmp_path / "log", os.environ, 30)
    assert (done.outcome, done.status) == (outcome, status)
    if tail is not None:
        assert done.tail == tail
    elif "3000" in command:
        assert (len(done.tail), done.tail[-1]) == (12, "line 3000")


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_once(number: int) -> None:
    cleaned = []

    def work() -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), number)  # a second one while cleaning up
            cleaned.append(True)

    before = signal.getsignal(number)
    signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), interruptible():
            work()
        assert cleaned
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


@posix
def test_folders_that_forbid_it_are_removed(tmp_path: Path) -> None:
    locked = tmp_path / "gone" / "mod" / "locked"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    (locked / "file").chmod(0o444)
    (locked / "link").symlink_to(tmp_path)
    locked.chmod(0o555)
    try:
        checkout.remove(tmp_path / "gone")
    finally:
        if locked.exists():
            locked.chmod(0o755)
    assert not (tmp_path / "gone").exists()
    assert tmp_path.exists()
