"""A review on a real terminal, with pagers that record what they get."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repo import Repo

LONG = "def load(seen=[]):\n    return seen\n" + "x = 1\n" * 30


@pytest.fixture
def pager(tmp_path: Path) -> str:
    """A pager that records what it shows and the settings that git gives to less."""
    script = tmp_path / "pager.sh"
    script.write_text(f'#!/bin/sh\necho "$LESS" > {tmp_path}/less\ncat > {tmp_path}/paged\necho PAGED\n')
    script.chmod(0o755)
    return str(script)


@pytest.fixture
def changed(repo: Repo) -> Repo:
    repo.commit("first", {"README": "x\n"})
    repo.stage({"load.py": LONG})
    return repo


def on_terminal(repo: Repo, *args: str, lines: int = 8, **env: str) -> str:
    """Run a review without a model on a terminal and return what is on it."""
    control, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, 100, 0, 0))
    defaults = {"TERM": "xterm", "CI": "", "GIT_PAGER": "", "PAGER": "cat"}
    running = subprocess.Popen(
        [sys.executable, "-P", "-m", "reviewer", *args],
        cwd=repo.root, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        env={name: value for name, value in (os.environ | defaults | env).items() if value != "UNSET"},
    )  # fmt: skip
    os.close(terminal)
    seen = b""
    with contextlib.suppress(OSError):  # Linux: every writer has closed the terminal
        while part := os.read(control, 65536):
            seen += part
    os.close(control)
    assert running.wait(60) == 0, seen
    return seen.decode().replace("\r\n", "\n")


REVIEW = ("review", "--no-model")


def test_a_long_review_goes_through_the_pager_of_git(changed: Repo, pager: str, tmp_path: Path) -> None:
    seen = on_terminal(changed, *REVIEW, GIT_PAGER=pager, PAGER="false", FORCE_HYPERLINK="1")
    assert seen.endswith("PAGED\n")
    assert "load.py" not in seen
    paged = (tmp_path / "paged").read_text()
    assert "1 warning" in paged
    assert "\x1b[1m" in paged
    assert "\x1b]8;" not in paged, "only less is known to show links"
    assert (tmp_path / "less").read_text() == "FRX\n"


@pytest.mark.parametrize(
    ("args", "env", "lines"),
    [
        (("--no-pager",), {}, 8),
        ((), {"CI": "true"}, 8),
        ((), {"TERM": "dumb"}, 8),
        ((), {}, 2000),
        ((), {"GIT_PAGER": "cat"}, 8),
        ((), {"GIT_PAGER": "no-such-command-anywhere"}, 8),
    ],
)
def test_without_a_pager(changed: Repo, pager: str, args: tuple[str, ...], env: dict[str, str], lines: int) -> None:
    seen = on_terminal(changed, *REVIEW, *args, lines=lines, **{"GIT_PAGER": pager, **env})
    assert "1 warning" in seen
    assert "PAGED" not in seen


def test_only_the_users_own_configuration_names_a_pager(changed: Repo, pager: str, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    changed.git("config", "core.pager", f"touch {theirs}; cat")
    own = tmp_path / "gitconfig"
    own.write_text(f"[core]\n\tpager = {pager}\n")
    unset = {"GIT_PAGER": "UNSET", "GIT_CONFIG_GLOBAL": str(own)}
    assert on_terminal(changed, *REVIEW, **unset).endswith("PAGED\n")
    assert "1 warning" in on_terminal(changed, *REVIEW, GIT_PAGER="UNSET", GIT_CONFIG_GLOBAL=os.devnull)
    assert on_terminal(changed, *REVIEW, GIT_PAGER="UNSET", PAGER=pager, GIT_CONFIG_GLOBAL=os.devnull).endswith(
        "PAGED\n"
    )
    assert not theirs.exists()


def test_a_pager_that_is_left_early_is_no_error(changed: Repo) -> None:
    assert on_terminal(changed, *REVIEW, GIT_PAGER="head -n 1").count("\n") == 1


def test_hooks_never_use_one(changed: Repo, pager: str) -> None:
    seen = on_terminal(changed, "hook", "pre-commit", GIT_PAGER=pager, REVIEWER_ENGINE_URL="http://127.0.0.1:9")
    assert "1 warning" in seen
    assert "PAGED" not in seen
