"""What ``reviewer watch`` costs while nothing happens: CPU time, wake-ups and memory over a minute.

    python bench/watch_idle.py [--seconds 60]

The watcher runs in a repository with nothing staged, and then again after it has reviewed one change (answered by a
server that this script runs), since the review loads what it needs. A tail -f of a file runs beside it for comparison.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
from common import git, machine, table, verdict

GOAL_PERCENT = 0.5  # of one core


@dataclass(frozen=True)
class Idle:
    """What a process used while it was looked at."""

    cpu_seconds: float
    wakeups: int
    resident_bytes: int

    def __str__(self) -> str:
        return f"{self.cpu_seconds:.2f} s of CPU, {self.wakeups} wake-ups, {self.resident_bytes / 1e6:.0f} MB resident"


class Model(BaseHTTPRequestHandler):
    """A server with one model that finds nothing in anything."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": "none", "object": "model", "max_model_len": 4096}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        message = {"role": "assistant", "content": json.dumps({"explanation": "", "findings": []})}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        self._send({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass

    def _send(self, document: object) -> None:
        data = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="how long each state is looked at")
    seconds = parser.parse_args().seconds
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder) / "repo"
        repo.mkdir()
        git(repo, "init", "-q")
        (repo / "a.py").write_text("x = 1\n")
        git(repo, "add", ".")
        git(repo, "commit", "-q", "-m", "first")
        env = {
            **os.environ,
            "REVIEWER_HOME": str(Path(folder) / "home"),
            "REVIEWER_ENGINE_URL": f"http://127.0.0.1:{server.server_address[1]}",
        }
        watcher = subprocess.Popen(
            [sys.executable, "-m", "reviewer", "watch"], cwd=repo, env=env, stderr=subprocess.PIPE, text=True
        )
        other = subprocess.Popen(["tail", "-f", repo / ".git" / "HEAD"], stdout=subprocess.DEVNULL)
        try:
            until(watcher, "watching")
            fresh = idle(watcher.pid, seconds)
            (repo / "a.py").write_text("x = 2\n")
            git(repo, "add", ".")
            until(watcher, "nothing found")
            worked = idle(watcher.pid, seconds)
            tail = idle(other.pid, min(seconds, 10))
        finally:
            for process in (watcher, other):
                process.terminate()
                process.wait()
            server.shutdown()
    print(machine())
    percent = 100 * max(fresh.cpu_seconds, worked.cpu_seconds) / seconds
    print(
        table(
            [
                (f"nothing staged, {seconds:g} s", str(fresh)),
                (f"after a review, {seconds:g} s", str(worked)),
                (f"tail -f, {min(seconds, 10):g} s", str(tail)),
                verdict("percent of one core", percent, GOAL_PERCENT),
            ]
        )
    )
    return 0 if percent <= GOAL_PERCENT else 1


def until(watcher: subprocess.Popen[str], words: str) -> None:
    """Wait for a line of the watcher, and for what follows it to come to rest."""
    assert watcher.stderr is not None
    said = []
    for line in watcher.stderr:
        said.append(line)
        if words in line:
            time.sleep(2)
            return
    raise RuntimeError("the watcher ended: " + "".join(said))


def idle(pid: int, seconds: float) -> Idle:
    """Look at a process for a while."""
    process = psutil.Process(pid)

    def used() -> tuple[float, int]:
        times = process.cpu_times()
        return times.user + times.system, sum(switches(pid))

    cpu, wakeups = used()
    time.sleep(seconds)
    after, woken = used()
    return Idle(after - cpu, woken - wakeups, process.memory_info().rss)


def switches(pid: int) -> list[int]:
    """Voluntary context switches of every thread; empty where the system does not tell (not Linux)."""
    lines = [line for task in Path(f"/proc/{pid}/task").glob("*/status") for line in task.read_text().splitlines()]
    return [int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches")]


if __name__ == "__main__":
    sys.exit(main())
