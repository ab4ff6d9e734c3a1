"""Which machines a managed environment can be made for, and what to do on the others."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_NVIDIA_DRIVER = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Why no environment can be made here, and the way round."""

    message: str
    hint: str


def unsupported(system: str | None = None, machine: str | None = None) -> Unsupported | None:
    """None where a managed environment can be made.

    Args:
        system: ``sys.platform`` of the machine in question; this one's by default.
        machine: ``platform.machine()`` of it.
    """
    system = system or sys.platform
    machine = (machine or platform.machine()).lower()
    if system == "darwin" and machine == "arm64":
        return Unsupported(
            "vLLM runs on Apple silicon through its vllm-metal plugin, which its own script installs",
            "install vllm-metal (https://github.com/vllm-project/vllm-metal), then\n"
            "  ~/.venv-vllm-metal/bin/vllm serve openai/gpt-oss-20b --host 127.0.0.1 --port 8000\n"
            "  export REVIEWER_ENGINE_URL=http://127.0.0.1:8000",
        )
    attach = "or attach to a server elsewhere: REVIEWER_ENGINE_URL=http://host:8000"
    if system == "win32":
        return Unsupported("vLLM has no build for Windows", f"use the reviewer inside WSL 2, {attach}")
    if system != "linux" or machine not in ("x86_64", "amd64", "aarch64", "arm64"):
        return Unsupported(
            f"vLLM has no build for {system} on {machine}",
            f"build vLLM from source and set REVIEWER_ENGINE_PYTHON, {attach}",
        )
    return None


def has_nvidia() -> bool:
    """Whether an NVIDIA GPU with its driver is here."""
    try:
        if any(_NVIDIA_DRIVER.iterdir()):
            return True
    except OSError:
        pass
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        listed = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and "GPU" in listed.stdout
