from __future__ import annotations

import asyncio
import errno
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import psutil
import pytest

from reviewer import __version__, cli, paths
from reviewer.cli.boundary import guarded
from reviewer.errors import EngineNotInstalledError, ExitCode, GitError
from tests.command import reviewer_anew as reviewer

if TYPE_CHECKING:
    from tests.repo import Repo

HEAVY = ("git", "unidiff", "jinja2", "httpx", "pydantic", "rich", "huggingface_hub", "tree_sitter", "platformdirs")


def test_version_imports_nothing_heavy() -> None:
    code = (
        "import sys; from reviewer.cli import run; code = run(['--version']);"
        f"found = [name for name in {HEAVY!r} if name in sys.modules]; sys.exit(f'{{code}} {{found}}')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == f"reviewer {__version__}\n"
    assert done.stderr.strip() == "0 []"


def test_help_lists_every_verb(tmp_path: Path) -> None:
    shown = reviewer("--help", cwd=tmp_path)
    assert shown.returncode == 0
    for verb in cli.VERBS:
        assert f"\n  {verb} " in shown.stdout
    assert "Exit codes" in shown.stdout


@pytest.mark.parametrize("verb", list(cli.VERBS))
def test_every_verb_loads_and_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    module, _, name = cli.VERBS[verb][0].partition(":")
    assert isinstance(getattr(importlib.import_module(module), name), click.Command)
    assert cli.run([verb, "--help"]) == 0
    assert f"Usage: reviewer {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["reviw"], "unknown command 'reviw': did you mean 'review'?"),
        (["frobnicate"], "unknown command 'frobnicate': reviewer --help lists the commands"),
        (["review", "--stagd"], "--staged"),
        (["review", "--fail-on", "bad"], "'error', 'warning', 'info', 'never'"),
        ([], "Usage: reviewer"),
    ],
)
def test_wrong_command_lines(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(args) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def _raise(problem: BaseException) -> None:
    raise problem


@pytest.mark.parametrize(
    ("problem", "code", "said"),
    [
        (GitError("no repository", hint="git init"), 2, "reviewer: no repository.\n  git init\n"),
        (EngineNotInstalledError("vLLM is not installed"), 3, "reviewer: vLLM is not installed.\n"),
        (click.UsageError("no such thing"), 2, "Error: no such thing\n"),
        (click.exceptions.Exit(7), 7, ""),
        (KeyboardInterrupt(), 130, "\nreviewer: interrupted\n"),
        (click.Abort(), 130, "reviewer: interrupted\n"),
        (asyncio.CancelledError(), 130, "\nreviewer: interrupted\n"),
    ],
)
def test_exit_codes(problem: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: _raise(problem)) == code
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize(("result", "code"), [(None, 0), (0, 0), (ExitCode.FINDINGS, 1), ("text", 0)])
def test_results(result: object, code: int) -> None:
    assert guarded(lambda: result) == code


def test_a_bug_leaves_a_traceback_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: _raise(ZeroDivisionError("division by\nzero"))) == ExitCode.BUG
    (saved,) = (paths.state_dir() / "crashes").iterdir()
    said = capsys.readouterr().err
    assert said == f"reviewer: internal error: ZeroDivisionError: division by; the traceback is in {saved}\n"
    text = saved.read_text(encoding="utf-8")
    assert __version__ in text
    assert text.endswith("ZeroDivisionError: division by\nzero\n")
    if os.name == "posix":
        assert saved.parent.stat().st_mode & 0o077 == 0


def test_a_bug_is_told_even_where_nothing_can_be_saved(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REVIEWER_HOME", str(tmp_path / "file"))
    assert guarded(lambda: _raise(ZeroDivisionError("oh"))) == ExitCode.BUG
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="shells of POSIX")
def test_a_reader_that_leaves_is_no_error() -> None:
    line = f'"{sys.executable}" -m reviewer config show; echo "code $?" >&2'
    done = subprocess.run(["sh", "-c", f"({line}) | true"], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "code 0"
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_control_c_leaves_with_130(tmp_path: Path) -> None:
    # A patch on a pipe that stays open: the command waits for it.
    process = subprocess.Popen(
        [sys.executable, "-m", "reviewer", "review", "-"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    asleep, deadline = 0, time.monotonic() + 60
    while asleep < 10:  # it reads: nothing else keeps it asleep for a second
        assert time.monotonic() < deadline
        time.sleep(0.1)
        asleep = asleep + 1 if psutil.Process(process.pid).status() == psutil.STATUS_SLEEPING else 0
    process.send_signal(signal.SIGINT)
    process.wait(timeout=20)
    _, said = process.communicate()
    assert process.returncode == ExitCode.INTERRUPTED
    assert said == b"\nreviewer: interrupted\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["completion", shell]) == 0
    assert "_REVIEWER_COMPLETE" in capsys.readouterr().out


def test_the_shell_completes_verbs(tmp_path: Path) -> None:
    env = {"_REVIEWER_COMPLETE": "bash_complete", "COMP_WORDS": "reviewer un", "COMP_CWORD": "1"}
    assert reviewer(cwd=tmp_path, env=env).stdout == "plain,uninstall\n"


@pytest.mark.skipif(os.name != "posix", reason="descriptors of POSIX")
@pytest.mark.parametrize(
    "line",
    ["review -", "review --patch -", "hook pre-push", "engine install", "model remove a/b"],
)
def test_a_closed_standard_input_is_no_bug(line: str, changed: Repo) -> None:
    command = f'exec "{sys.executable}" -P -m reviewer {line} <&-'
    done = subprocess.run(["sh", "-c", command], cwd=changed.root, capture_output=True, text=True, check=False)
    assert "internal error" not in done.stderr
    assert done.stderr.startswith("reviewer: ")


def test_no_temporary_folder_is_a_fault_of_the_machine(
    changed: Repo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(changed.root / "missing")])
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(changed.root)
    assert cli.run(["review", "--no-model", "HEAD"]) == ExitCode.USAGE
    assert "set TMPDIR" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_full_disk_is_a_fault_of_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    def fill() -> None:
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")

    assert guarded(fill) == ExitCode.USAGE
    assert capsys.readouterr().err == "reviewer: No space left on device\n"


def test_a_full_disk_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def fill() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/home/me/.cache/reviewer/x")

    assert guarded(fill) == ExitCode.USAGE
    place = "/home/me/.cache/reviewer/x"
    assert capsys.readouterr().err == f"reviewer: No space left on device: {place}\n  free space on that disk\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
@pytest.mark.parametrize(
    ("line", "code", "err"),
    [
        ("--version >/dev/full", ExitCode.USAGE, "reviewer: No space left on device\n"),
        ("config show >/dev/full", ExitCode.USAGE, "reviewer: cannot write the output: No space left on device.\n"),
        ("--version >/dev/full 2>/dev/full", ExitCode.USAGE, ""),
        ("review NO-SUCH-REVISION 2>/dev/full", ExitCode.USAGE, ""),
        ("no-such-command 2>/dev/full", ExitCode.USAGE, ""),
        ("config show 2>/dev/full", ExitCode.PASSED, ""),
        ("--version >&- 2>&-", ExitCode.PASSED, ""),
    ],
)
def test_standard_streams_that_cannot_be_written(line: str, code: ExitCode, err: str, changed: Repo) -> None:
    command = f'exec "{sys.executable}" -P -m reviewer {line}'
    done = subprocess.run(["sh", "-c", command], cwd=changed.root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, err)


@pytest.mark.skipif(os.name != "posix", reason="runtime folders of POSIX")
def test_without_a_runtime_folder_of_the_session(tmp_path: Path) -> None:
    env = {"REVIEWER_HOME": "", "XDG_RUNTIME_DIR": "", "TMPDIR": str(tmp_path)}
    done = reviewer("engine", "status", cwd=tmp_path, env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "no engine is running\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="the fallback of platformdirs on Linux")
def test_a_runtime_folder_that_is_not_private_is_named(tmp_path: Path) -> None:
    shared = tmp_path / f"runtime-{os.getuid()}"
    shared.symlink_to(tmp_path)
    env = {"REVIEWER_HOME": "", "XDG_RUNTIME_DIR": "", "TMPDIR": str(tmp_path)}
    done = reviewer("engine", "status", cwd=tmp_path, env=env)
    assert "internal error" not in done.stderr
    if done.returncode:  # platformdirs checks the folder from 4.11 on; older versions take it as it is
        assert "set XDG_RUNTIME_DIR" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_temporary_file(number: signal.Signals, changed: Repo, tmp_path: Path) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    # Git reads its attributes from here, so it waits until the pipe is opened for writing.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    changed.git("config", "core.attributesFile", str(pipe))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # what a process ignores, as under nohup, its children ignore, too
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "reviewer", "review", "--no-model", "HEAD"],
        cwd=changed.root,
        env={**os.environ, "TMPDIR": str(place)},
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        deadline = time.monotonic() + 60
        while not list(place.iterdir()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.3)
        running.send_signal(number)
        try:
            _, errors = running.communicate(timeout=30)
        finally:
            running.kill()
    assert (running.returncode, errors.strip()) == (ExitCode.INTERRUPTED, "reviewer: interrupted")
    assert list(place.iterdir()) == []
    with pytest.raises(OSError, match="No such device"):  # git does not wait any more
        os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
