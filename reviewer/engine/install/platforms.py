"""The machines that a managed environment can be made for."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

from reviewer.errors import EngineInstallError

_NVIDIA_DRIVER = Path("/proc/driver/nvidia/gpus")


def unsupported(system: str | None = None, machine: str | None = None) -> EngineInstallError | None:
    """The error for a machine that vLLM has no build for, by default this one.

    ``system`` and ``machine`` are as in ``sys.platform`` and ``platform.machine()``.
    """
    system = system or sys.platform
    machine = (machine or platform.machine()).lower()
    if system == "darwin" and machine == "arm64":
        return EngineInstallError(
            "on Apple silicon vLLM needs its vllm-metal plugin, which has its own installer",
            hint="install vllm-metal (https://github.com/vllm-project/vllm-metal), then\n"
            "  ~/.venv-vllm-metal/bin/vllm serve openai/gpt-oss-20b --host 127.0.0.1 --port 8000\n"
            "  export REVIEWER_ENGINE_URL=http://127.0.0.1:8000",
        )
    attach = "or use a server on another machine: REVIEWER_ENGINE_URL=http://host:8000"
    if system == "win32":
        return EngineInstallError("vLLM has no build for Windows", hint=f"run reviewer in WSL 2, {attach}")
    if system != "linux" or machine not in ("x86_64", "amd64", "aarch64", "arm64"):
        return EngineInstallError(
            f"vLLM has no build for {system} on {machine}",
            hint=f"build vLLM from source and set REVIEWER_ENGINE_PYTHON, {attach}",
        )
    return None


def has_nvidia() -> bool:
    """Whether this machine has an NVIDIA GPU and its driver."""
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
