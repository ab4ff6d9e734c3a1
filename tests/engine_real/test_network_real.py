"""A cold start and a review, watched: no connection is opened but the Unix sockets of the engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.repo import AFTER, BEFORE

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.models.store import ModelStore
    from reviewer.engine.server.state import ServerState
    from tests.repo import Repo

pytestmark = [
    pytest.mark.real_engine,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace, which Linux alone has"),
]

_CALLS = "connect,sendto,sendmsg,sendmmsg"
# Asks for the kernel's list of interfaces or routes, and leaves the machine no more than reading /proc does.
_LOCAL = re.compile(r"AF_UNIX|AF_NETLINK|AF_UNSPEC")
_ADDRESS = re.compile(r"sa_family=|\bAF_")


def isolated() -> list[str]:
    """A command that takes the network away, loopback included, where the system lets a user do that."""
    command = ["unshare", "--map-root-user", "--net"]
    allowed = shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if allowed and allowed.returncode == 0 else []


def calls(log: Path) -> list[str]:
    """The system calls that name an address of a network."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if _ADDRESS.search(line) and not _LOCAL.search(line)]


def test_a_cold_start_and_a_review_use_unix_sockets_only(
    use_engine: ModelStore, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit("first", {"stats.py": BEFORE})
    repo.stage({"stats.py": AFTER})
    monkeypatch.setenv("REVIEWER_EMBEDDED", "135m")
    log = tmp_path / "calls"
    reviewer = f'"{sys.executable}" -P -m reviewer'
    script = f'{reviewer} review --format json >"{tmp_path}/report"; code=$?; {reviewer} engine stop; exit $code'
    watched = ("strace", "-f", "-qq", "--seccomp-bpf", "-e", f"trace={_CALLS}", "-o", str(log), "sh", "-c", script)
    done = subprocess.run(
        [*isolated(), *watched], cwd=repo.root, check=False, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert '"explanation"' in (tmp_path / "report").read_text(encoding="utf-8"), "the engine has answered"
    seen = log.read_text(encoding="utf-8", errors="replace")
    assert re.search(r"connect\(\d+, \{sa_family=AF_UNIX", seen), "the trace shows connections"
    assert calls(log) == []


def test_an_engine_listens_on_no_port(warm: ServerState) -> None:
    assert len(warm.processes) == 3, "the supervisor, the API server and the scheduler"
    ports = [one for pid in warm.processes for one in psutil.Process(pid).net_connections("inet")]
    assert ports == []
