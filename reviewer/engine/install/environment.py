"""Finds the Python environment with vLLM; ``managed.py`` makes one.

1. The environment that runs this code (the extra ``vllm-reviewer[vllm]``).
2. The interpreter named by the caller or by ``REVIEWER_ENGINE_PYTHON``.
3. The managed environment in the data folder.

An endpoint (``REVIEWER_ENGINE_URL``) needs no environment, so callers check that first.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer.engine.install import engine_python
from reviewer.engine.install.engine_python import EngineEnvironment
from reviewer.engine.install.managed import InstallPlan, engine_dir, install, plan_install
from reviewer.engine.install.pins import environment_pin
from reviewer.engine.install.platforms import has_nvidia, unsupported
from reviewer.errors import EngineNotInstalledError, in_words
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from reviewer.engine.config import Device
    from reviewer.engine.install.engine_python import Marker
    from reviewer.engine.install.pins import EngineDevice

__all__ = ["EngineEnvironment", "InstallPlan", "engine_dir", "find", "install", "plan_install"]

VARIABLE = "REVIEWER_ENGINE_PYTHON"


def find(*, python: str | None = None, device: Device = "auto") -> EngineEnvironment:
    """The environment to run vLLM with.

    Args:
        python: An interpreter to use; ``REVIEWER_ENGINE_PYTHON`` by default.
        device: The managed environment to prefer if there are several.

    Raises:
        EngineNotInstalledError: There is none, or the named interpreter has no vLLM.
    """
    here = engine_python.this_environment()
    if here is not None:
        return here
    named = python or os.environ.get(VARIABLE)
    if named:
        return _named(named, VARIABLE if python is None else "the engine's Python")
    managed = _managed(device)
    if managed is not None:
        return managed
    raise _not_installed(device)


def _named(named: str, source: str) -> EngineEnvironment:
    # Not resolved: the interpreter of a virtual environment is a link, and its path selects the environment.
    found = shutil.which(str(Path(named).expanduser()))
    if found is None:
        raise EngineNotInstalledError(
            f"{source} is {named}, which is not an executable", hint="set it to the python of an environment with vLLM"
        )
    path = Path(found).absolute()
    try:
        contents = engine_python.ask(path)
    except (OSError, RuntimeError) as problem:
        raise EngineNotInstalledError(
            f"{source} is {named}, which cannot run vLLM: {in_words(problem)}",
            hint=f"install vLLM there, or unset it and run `reviewer engine install` ({byte_size(_size('auto'))})",
        ) from problem
    return EngineEnvironment(path, contents.vllm_version or "unknown", contents.device, "variable")


def _managed(device: Device) -> EngineEnvironment | None:
    """The best managed environment: for the wanted device, with the current pins, the newest."""
    root = engine_dir()
    if not root.is_dir():
        return None
    found: list[tuple[Path, Marker]] = []
    for folder in root.iterdir():
        marker = None if folder.name.startswith(".") else engine_python.Marker.read(folder)
        if marker is not None and device in ("auto", marker.device):
            found.append((folder, marker))
    if not found:
        return None
    wanted = device if device != "auto" or len({marker.device for _, marker in found}) == 1 else _here()

    def rank(entry: tuple[Path, Marker]) -> tuple[bool, bool, int]:
        folder, marker = entry
        current = folder.name == environment_pin(marker.device).folder_name
        return marker.device == wanted, current, (folder / engine_python.MARKER).stat().st_mtime_ns

    folder, marker = max(found, key=rank)
    return marker.environment(folder)


def _not_installed(device: Device) -> EngineNotInstalledError:
    message = "vLLM is not installed"
    reason = unsupported()
    if reason is not None:
        return EngineNotInstalledError(f"{message}: {reason.message}", hint=reason.hint)
    size = byte_size(_size(device))
    lines = [
        f"reviewer engine install        {size} on disk, once for all repositories",
        f"or set {VARIABLE} to the python of an environment with vLLM,",
        "or REVIEWER_ENGINE_URL to an OpenAI-compatible server",
    ]
    return EngineNotInstalledError(message, hint="\n".join(lines))


def _size(device: Device) -> int:
    return environment_pin(_here() if device == "auto" else device).disk_bytes


def _here() -> EngineDevice:
    return "cuda" if has_nvidia() else "cpu"
