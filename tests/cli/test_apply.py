"""The command as a process: a review by the fake engine, then what ``reviewer apply`` makes of its ids."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from reviewer import diff
from reviewer.errors import ExitCode
from tests.command import reviewer
from tests.fake_engine import FakeEngine, Rule, Script
from tests.repo import AFTER, BEFORE, Repo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


STUB = "def double(x):\n    pass\n"
# Ids: the first digits of the fingerprints of double() and average().
DOUBLE = "8ba3d"
AVERAGE = "4b5fc"
DONE = "def double(x):\n    return 2 * x\n"
posix = pytest.mark.skipif(os.name != "posix", reason="a shell and signals of POSIX")


def answer(line: int, fix: str) -> dict[str, Any]:
    found = {"line": line, "severity": "error", "category": "bug", "message": "ZeroDivisionError when values is empty"}
    return {"explanation": "Drops the guard for an empty list.", "findings": [{**found, "fix": fix}]}


@pytest.fixture(scope="module")
def engine() -> Iterator[FakeEngine]:
    rules = [
        Rule(match="def average", json=answer(2, BEFORE.splitlines()[1])),
        Rule(match="def double", json={"explanation": "Adds double().", "findings": []}, times=0),
        Rule(match="pass$", text="    return 2 * x"),
    ]
    with FakeEngine(Script(rules=rules), tcp=True) as running:
        yield running


@pytest.fixture
def reviewed(repo: Repo, env: dict[str, str]) -> Repo:
    """A repository whose staged change was reviewed: one suggestion completes double(), one mends average()."""
    repo.commit("first", {"stats.py": BEFORE})
    repo.stage({"stats.py": AFTER, "s p/größe.py": STUB})
    done = reviewer("review", cwd=repo.root, env=env)
    assert f"[{DOUBLE}]" in done.stdout, done.stdout + done.stderr
    assert f"[{AVERAGE}]" in done.stdout, done.stdout
    return repo


def content(repo: Repo) -> tuple[str, str]:
    return (repo.root / "s p/größe.py").read_text(encoding="utf-8"), (repo.root / "stats.py").read_text()


def passing(*states: tuple[str, str]) -> str:
    """A command that passes on these contents of the two files."""
    read = "(open('s p/größe.py', encoding='utf-8').read(), open('stats.py').read())"
    code = f"import sys; sys.exit({read} not in {states!r})"
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def test_the_report_says_what_can_be_done(reviewed: Repo, env: dict[str, str]) -> None:
    done = reviewer("review", cwd=reviewed.root, env=env)
    assert f"hunks read\nreviewer apply {DOUBLE} · reviewer dismiss {DOUBLE}\n" in done.stdout
    for args, more in ((["--format", "markdown"], {}), ([], {"CI": "true"})):
        assert "reviewer apply" not in reviewer("review", *args, cwd=reviewed.root, env=env | more).stdout
    patch = reviewed.git("diff", "--cached").decode()
    done = reviewer("review", "-", cwd=reviewed.root, env=env, data=patch.encode())
    assert f"[{AVERAGE}]" in done.stdout
    assert "reviewer apply" not in done.stdout
    # Its ids are those of the last report, and no file goes with them.
    done = reviewer("apply", AVERAGE, cwd=reviewed.root)
    assert "patch" in done.stderr
    assert done.returncode == ExitCode.FINDINGS


def test_the_hooks_ids_are_known(reviewed: Repo, env: dict[str, str]) -> None:
    (reviewed.root / ".git/reviewer/last.json").unlink()
    done = reviewer("hook", "pre-commit", cwd=reviewed.root, env=env)
    assert f"reviewer apply {DOUBLE}" in done.stdout, done.stderr
    assert reviewer("apply", AVERAGE, cwd=reviewed.root).returncode == 0
    assert content(reviewed) == (STUB, BEFORE)


def test_a_stored_review_can_be_applied(reviewed: Repo, env: dict[str, str]) -> None:
    commit = reviewed.commit("second")
    report = reviewer("review", "--format", "json", "HEAD", cwd=reviewed.root, env=env).stdout
    document = {"vllm-reviewer": 1, "commit": commit, "made": "2026-01-02T03:04:05+00:00", "report": json.loads(report)}
    reviewed.git("notes", "--ref=reviewer", "add", "-F", "-", commit, data=json.dumps(document).encode())
    (reviewed.root / ".git/reviewer/last.json").unlink()
    assert f"reviewer apply {DOUBLE}" in reviewer("show", cwd=reviewed.root).stdout
    assert reviewer("apply", DOUBLE, cwd=reviewed.root).returncode == 0
    assert content(reviewed) == (DONE, AFTER)
    # One that was masked when it was stored must not be written.
    (reviewed.root / "s p/größe.py").write_text(STUB, encoding="utf-8")
    document["report"]["findings"][0]["suggestion"]["masked"] = True
    reviewed.git("notes", "--ref=reviewer", "add", "-f", "-F", "-", commit, data=json.dumps(document).encode())
    reviewer("show", cwd=reviewed.root)
    done = reviewer("apply", DOUBLE, cwd=reviewed.root)
    assert (done.returncode, "its exact text was not stored" in done.stderr) == (ExitCode.FINDINGS, True)
    assert content(reviewed) == (STUB, AFTER)


@pytest.mark.parametrize(
    ("content", "attributes"),
    [
        pytest.param(b"price = 1  # caf\xe9\n", "", id="latin-1"),
        pytest.param("price = 1  # a\x0cb\x0bc\u202ed\u2028e\x85f\u200bg\n".encode(), "", id="invisible characters"),
        pytest.param("\ufeffprice = 1  # caf\u00e9\r\n".encode(), "", id="byte order mark and CRLF"),
        pytest.param("price = 1  # caf\u00e9\n".encode("utf-16"), "*.py working-tree-encoding=UTF-16\n", id="UTF-16"),
    ],
)
def test_a_line_is_written_as_its_bytes_not_as_it_was_shown(repo: Repo, content: bytes, attributes: str) -> None:
    repo.git("config", "core.autocrlf", "false")
    repo.commit("first", {"README": "x\n", ".gitattributes": attributes})
    repo.stage({"price.py": content})
    text = repo.git("show", ":price.py").decode("utf-8", "surrogateescape")
    shown = diff.printable(text.removesuffix("\n").removesuffix("\r"))
    found = {"line": 1, "severity": "error", "category": "bug", "message": "The price is wrong.", "quote": shown}
    reply = {"explanation": "Sets a price.", "findings": [{**found, "fix": shown.replace("1", "2", 1)}]}
    with FakeEngine(Script(rules=[Rule(match="price = 1", json=reply)]), tcp=True) as engine:
        env = {"REVIEWER_ENGINE_URL": engine.endpoint.url, "REVIEWER_MODEL_FINDINGS": "on"}
        done = reviewer("review", cwd=repo.root, env=env)
        assert shown in engine.requests("/v1/chat/completions")[0]["prompt"]
    assert "reviewer apply " in done.stdout, done.stdout + done.stderr
    done = reviewer("apply", "--all", cwd=repo.root)  # rules have findings of their own on such a line
    assert done.returncode == 0, done.stderr
    one, two = ("1".encode("utf-16-le"), "2".encode("utf-16-le")) if attributes else (b"1", b"2")
    assert (repo.root / "price.py").read_bytes() == content.replace(one, two, 1)


def test_without_ids_it_lists(reviewed: Repo) -> None:
    done = reviewer("apply", cwd=reviewed.root / "s p")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("reviewer: 2 to apply from the review of staged changes, made ")
    assert f"{DOUBLE}  s p/größe.py:2  info, unfinished: double is unfinished" in done.stdout
    assert "-    pass\n+    return 2 * x" in done.stdout
    assert f"{AVERAGE}  stats.py:2  error, bug: ZeroDivisionError" in done.stdout
    assert "\x1b" not in done.stdout
    assert content(reviewed) == (STUB, AFTER)
    coloured = reviewer("apply", cwd=reviewed.root, env={"FORCE_COLOR": "1"}).stdout
    assert "\x1b[31m-    pass" in coloured
    assert "\x1b[32m+    return 2 * x" in coloured
    reviewer("apply", DOUBLE, cwd=reviewed.root)
    reviewed.write({"stats.py": "x\n"})
    done = reviewer("apply", cwd=reviewed.root)
    assert (done.returncode, done.stdout) == (0, "")  # only what can be applied
    assert done.stderr.startswith("reviewer: nothing to apply from the review of staged changes, made ")
    assert "1 applied already" in done.stderr
    assert "1 cannot be applied; see why: reviewer apply --all --dry-run" in done.stderr
    done = reviewer("apply", "--all", "--dry-run", cwd=reviewed.root)
    assert f"{AVERAGE} was not applied: stats.py has changes that are not staged" in done.stderr


def test_chosen_ones_are_written_and_taken_back(reviewed: Repo) -> None:
    index = (reviewed.root / ".git/index").read_bytes()
    done = reviewer("apply", AVERAGE, cwd=reviewed.root / "s p")
    assert done.returncode == 0, done.stderr
    assert content(reviewed) == (STUB, BEFORE)
    assert "+    return sum(values) / len(values) if values else 0" in done.stdout
    assert "s ago; nothing was staged\n  undo: reviewer apply --undo" in done.stderr
    done = reviewer("apply", "--all", cwd=reviewed.root)
    assert (done.returncode, f"{AVERAGE} is already applied" in done.stderr) == (0, True)
    assert content(reviewed) == (DONE, BEFORE)
    assert reviewer("apply", "--undo", cwd=reviewed.root).returncode == 0
    assert content(reviewed) == (STUB, BEFORE)
    done = reviewer("apply", "--undo", cwd=reviewed.root)
    assert f"undid {AVERAGE} of the review of staged changes in stats.py" in done.stderr
    assert content(reviewed) == (STUB, AFTER)
    done = reviewer("apply", "--undo", cwd=reviewed.root)
    assert (done.returncode, "nothing to undo" in done.stderr) == (ExitCode.USAGE, True)
    assert (reviewed.root / ".git/index").read_bytes() == index


@posix
def test_a_dry_run_goes_into_git_apply(reviewed: Repo) -> None:
    command = f"{shlex.quote(sys.executable)} -P -m reviewer apply --all --dry-run"
    subprocess.run(f"{command} | git apply", shell=True, check=True, cwd=reviewed.root)
    assert content(reviewed) == (DONE, BEFORE)
    reviewed.git("checkout", "-q", ".")
    done = reviewer("apply", "--all", "--dry-run", cwd=reviewed.root)
    assert done.stdout.startswith('diff --git "a/s p/gr\\303\\266\\303\\237e.py"')
    assert done.stderr == ""
    assert content(reviewed) == (STUB, AFTER)
    assert not (reviewed.root / ".git/reviewer/applied").exists()


def test_what_cannot_be_written_is_said(reviewed: Repo) -> None:
    reviewed.write({"stats.py": AFTER + "# mine\n"})
    done = reviewer("apply", "--all", cwd=reviewed.root)
    assert done.returncode == ExitCode.FINDINGS
    assert f"{AVERAGE} was not applied: stats.py has changes that are not staged" in done.stderr
    assert "git add stats.py && reviewer review" in done.stderr
    assert content(reviewed) == (DONE, AFTER + "# mine\n")
    done = reviewer("apply", AVERAGE, cwd=reviewed.root)
    assert done.returncode == ExitCode.FINDINGS
    assert "nothing was applied from the review of staged changes, made " in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["fffff"], "no finding fffff in the last review"),
        (["--undo", DOUBLE], "--undo cannot be combined"),
        (["--undo", "--dry-run"], "--undo cannot be combined"),
        (["--all", DOUBLE], "mutually exclusive"),
        (["--dry-run"], "specify finding IDs or --all"),
        (["--check", "true"], "specify finding IDs or --all"),
        (["--all", "--check", "true", "--check-timeout", "0"], "--check-timeout"),
    ],
)
def test_wrong_use(args: list[str], said: str, reviewed: Repo) -> None:
    done = reviewer("apply", *args, cwd=reviewed.root)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert said in done.stderr


def test_before_any_review(repo: Repo, tmp_path: Path) -> None:
    done = reviewer("apply", cwd=repo.root)
    assert (done.returncode, "no review yet in this working tree" in done.stderr) == (ExitCode.USAGE, True)
    done = reviewer("apply", cwd=tmp_path)
    assert (done.returncode, "not inside a git repository" in done.stderr) == (ExitCode.USAGE, True)


def test_all_leaves_out_what_was_dismissed(reviewed: Repo) -> None:
    assert reviewer("dismiss", DOUBLE, "--reason", "later", cwd=reviewed.root).returncode == 0
    assert "info, unfinished, dismissed: " in reviewer("apply", cwd=reviewed.root).stdout
    assert reviewer("apply", "--all", cwd=reviewed.root).returncode == 0
    assert content(reviewed) == (STUB, BEFORE)


@posix
@pytest.mark.parametrize(
    ("states", "code", "expected"),
    [
        (
            [(STUB, AFTER), (DONE, AFTER), (STUB, BEFORE), (DONE, BEFORE)],
            0,
            ((DONE, BEFORE), f"{DOUBLE} + {AVERAGE}  passed"),
        ),
        ([(STUB, AFTER), (STUB, BEFORE)], 1, ((STUB, BEFORE), f"{DOUBLE} was not applied: its check failed")),
        ([(DONE, AFTER)], 1, ((DONE, AFTER), "The command fails without any fix")),
        (
            [(STUB, AFTER), (DONE, AFTER), (STUB, BEFORE)],
            1,
            ((DONE, AFTER), f"The fixes fail together; kept: {DOUBLE}."),
        ),
        ([], 1, ((STUB, AFTER), "nothing was applied from")),
    ],
)
def test_check_keeps_what_passes(
    states: list[tuple[str, str]], code: int, expected: tuple[tuple[str, str], str], reviewed: Repo, tmp_path: Path
) -> None:
    written, said = expected
    place = tmp_path / "temporary"
    place.mkdir()
    env = {"TMPDIR": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    command = passing(*states)
    done = reviewer("apply", "--all", "--dry-run", "--check", command, cwd=reviewed.root, env=env)
    assert done.returncode == code, done.stderr
    assert content(reviewed) == (STUB, AFTER)
    assert done.stdout == "" or done.stdout.startswith("diff --git")
    done = reviewer("apply", "--all", "--check", command, cwd=reviewed.root, env=env)
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
    assert content(reviewed) == written
    assert list(place.iterdir()) == []
    assert reviewed.git("worktree", "list").count(b"\n") == 1


@posix
def test_a_failing_check_is_quoted_in_the_folder_where_it_was_asked_for(reviewed: Repo) -> None:
    command = "pwd; ls; printf '\\033[2Jpassword = \"c0rrect-horse!9\"\\n'; exit 7"
    done = reviewer("apply", DOUBLE, "--check", command, cwd=reviewed.root / "s p")
    assert done.returncode == ExitCode.FINDINGS
    assert "exit status 7" in done.stdout
    assert "| größe.py" in done.stdout
    assert "/repo/s p" in done.stdout
    assert "\x1b[2J" not in done.stdout
    assert "c0rrect-horse" not in done.stdout


@posix
def test_a_check_that_hangs_is_timed_out(reviewed: Repo) -> None:
    began = time.monotonic()
    done = reviewer("apply", DOUBLE, "--check", "echo on it; sleep 300", "--check-timeout", "1", cwd=reviewed.root)
    assert time.monotonic() - began < 60
    assert done.returncode == ExitCode.FINDINGS
    assert done.stdout.count("timed out") == 2
    assert "| on it" in done.stdout


@posix
def test_a_killed_check_is_cleaned_up_by_the_next(reviewed: Repo, tmp_path: Path) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    pids = tmp_path / "pids"
    running = subprocess.Popen(
        [sys.executable, "-P", "-m", "reviewer", "apply", "--all", "--check",
         f"sleep 300 & echo $! >> {pids}; echo $$ >> {pids}; setsid sleep 301 & echo $! >> {pids}; sleep 302"],
        cwd=reviewed.root, env={**os.environ, "TMPDIR": str(place)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not pids.exists() or pids.read_text().count("\n") < 3:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    # One that is still running is left alone.
    done = reviewer("apply", DOUBLE, "--check", "true", "--dry-run", cwd=reviewed.root, env={"TMPDIR": str(place)})
    assert done.returncode == 0, done.stderr
    assert len(list(place.glob("reviewer-check-*"))) == 1
    left = [int(line) for line in pids.read_text().split()]
    assert all(psutil.pid_exists(pid) for pid in left)
    running.kill()
    running.wait()
    done = reviewer("apply", DOUBLE, "--check", "true", "--dry-run", cwd=reviewed.root, env={"TMPDIR": str(place)})
    assert done.returncode == 0, done.stderr
    assert not [pid for pid in left if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]
    assert list(place.glob("reviewer-check-*")) == []


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_leaves_nothing(number: int, reviewed: Repo, tmp_path: Path) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    pids = tmp_path / "pids"
    # A job in a shell's background ignores Ctrl-C, and its children inherit that; a handler is not inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    running = subprocess.Popen(
        [sys.executable, "-P", "-m", "reviewer", "apply", "--all", "--check",
         f"sleep 300 & echo $! >> {pids}; echo $$ >> {pids}; setsid sleep 301 & echo $! >> {pids}; sleep 302"],
        cwd=reviewed.root, env={**os.environ, "TMPDIR": str(place)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not pids.exists() or pids.read_text().count("\n") < 3:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert list(place.iterdir()) != []
    running.send_signal(number)
    output, errors = running.communicate(timeout=60)
    assert (running.returncode, output) == (ExitCode.INTERRUPTED, ""), errors
    assert "interrupted" in errors
    for line in pids.read_text().split():
        with contextlib.suppress(psutil.NoSuchProcess):  # killed, but perhaps not gone on a busy machine
            process = psutil.Process(int(line))
            assert process.status() == psutil.STATUS_ZOMBIE or process.wait(30) is None
    assert list(place.iterdir()) == []
    assert content(reviewed) == (STUB, AFTER)
    assert reviewed.git("worktree", "list").count(b"\n") == 1
    assert not (reviewed.root / ".git/index.lock").exists()
