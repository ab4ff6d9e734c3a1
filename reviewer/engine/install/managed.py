"""Makes the managed environment: planned, built aside by uv, checked, and renamed into place.

Interrupted at any point, it leaves no environment at all, and what uv had downloaded stays in uv's cache, so that
doing it again is quick. A finished environment is never changed: its folder's name says what is in it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer import paths
from reviewer.engine.install import disk, engine_python
from reviewer.engine.install.indexes import index_settings
from reviewer.engine.install.pins import environment_pin, python_pin
from reviewer.engine.install.platforms import has_nvidia, unsupported
from reviewer.engine.install.uvtool import Uv, find_uv
from reviewer.errors import EngineInstallError
from reviewer.terminal.progress import SILENT

if TYPE_CHECKING:
    from reviewer.engine.config import Device
    from reviewer.engine.install.engine_python import EngineEnvironment
    from reviewer.engine.install.pins import EngineDevice, EnvironmentPin
    from reviewer.terminal.progress import Progress

_LOCK = ".lock"
_OVERRIDES = "overrides.txt"
_PYTORCH_CPU = ("--torch-backend", "cpu")


def engine_dir() -> Path:
    """Where managed environments lie, one folder each."""
    return paths.data_dir() / "engine"


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """What an installation will do.

    Attributes:
        device: What the environment is for.
        folder: Where it will lie.
        packages: The exact requirements.
        argv: The commands, in order; ``<staging>`` stands for the folder beside ``folder`` that it is built in.
        sources: Where packages come from, as ``NAME=value`` of uv's variables, without passwords.
        bytes_needed: Size of the finished environment.
        bytes_free: Bytes free where it will lie.
        installed: Whether that very environment is there already.
    """

    device: EngineDevice
    folder: Path
    packages: tuple[str, ...]
    argv: tuple[tuple[str, ...], ...]
    sources: tuple[str, ...]
    bytes_needed: int
    bytes_free: int
    installed: bool


def plan_install(device: Device = "auto") -> InstallPlan:
    """Say what ``install`` would do; nothing is written, nothing is fetched.

    Raises:
        EngineInstallError: No environment can be made on this machine.
        ConfigError: pip's configuration does not parse.
    """
    reason = unsupported()
    if reason is not None:
        raise EngineInstallError(reason.message, hint=reason.hint)
    chosen: EngineDevice = device if device != "auto" else ("cuda" if has_nvidia() else "cpu")
    pin = environment_pin(chosen)
    folder = engine_dir() / pin.folder_name
    settings = index_settings()
    staging = Path("<staging>")
    attempt = _attempts(pin, custom=settings.custom)[0]
    return InstallPlan(
        device=chosen,
        folder=folder,
        packages=pin.packages,
        argv=(
            (find_uv(), *_venv(staging)),
            (find_uv(), *_pip_install(pin, staging, (*settings.flags, *attempt))),
        ),
        sources=settings.shown(),
        bytes_needed=pin.disk_bytes,
        bytes_free=disk.free_bytes(folder),
        installed=engine_python.Marker.read(folder) is not None,
    )


def install(device: Device = "auto", *, force: bool = False, progress: Progress = SILENT) -> EngineEnvironment:
    """Make the managed environment, or return the one that is there and sound.

    Args:
        device: What it is for; ``"auto"`` looks for an NVIDIA GPU.
        force: Build it anew even so.
        progress: Told what goes on.

    Raises:
        EngineInstallError: The machine, the disk, the package index or the result is not fit.
        ConfigError: pip's configuration does not parse.
    """
    plan = plan_install(device)
    root = plan.folder.parent
    with disk.locked(root / _LOCK, "installing the engine", progress):
        disk.sweep(root)
        there = None if force else _sound(plan.folder)
        if there is not None:
            return there
        disk.require_free(root, plan.bytes_needed, "the engine's environment", EngineInstallError)
        staging = disk.new_staging(root)
        try:
            _build(staging, environment_pin(plan.device), progress)
            disk.put_in_place(staging, plan.folder)
        except OSError as problem:
            raise EngineInstallError(f"the engine's environment cannot be written: {problem}") from problem
        finally:
            disk.remove_tree(staging)
        made = _sound(plan.folder)
        if made is None:
            raise EngineInstallError(f"the environment in {plan.folder} does not run after it was put in place")
        _remove_older(plan)
    return made


def _build(staging: Path, pin: EnvironmentPin, progress: Progress) -> None:
    overrides = staging / _OVERRIDES
    uv = Uv(staging, {"UV_OVERRIDE": str(overrides)})
    progress.step("making the engine's environment")
    outcome = uv.run(_venv(staging), progress)
    if outcome.returncode != 0:
        raise EngineInstallError(f"uv could not make an environment:\n{outcome.quoted}")
    # After `uv venv`, which wants to find the folder empty.
    overrides.write_text(_override_lines(pin), encoding="utf-8")
    attempt = _resolve(uv, staging, pin, progress)
    progress.step("installing vLLM's packages")
    outcome = uv.run(_pip_install(pin, staging, attempt), progress)
    if outcome.returncode != 0:
        raise EngineInstallError(f"uv could not install vLLM:\n{outcome.quoted}", hint=_AGAIN)
    _check(staging, pin, progress)


_AGAIN = "run `reviewer engine install` again: what was downloaded is kept in uv's cache"


def _resolve(uv: Uv, staging: Path, pin: EnvironmentPin, progress: Progress) -> tuple[str, ...]:
    """Find out, without downloading, from which sources all requirements can be had."""
    said: list[str] = []
    for attempt in _attempts(pin, custom=uv.settings.custom):
        flags = (*uv.settings.flags, *attempt)
        progress.step("looking up vLLM's packages" + (" (with PyTorch's CPU index)" if attempt else ""))
        outcome = uv.run((*_pip_install(pin, staging, flags), "--dry-run"), progress)
        if outcome.returncode == 0:
            return flags
        said.append(outcome.quoted)
    raise EngineInstallError(
        "\n".join(("vLLM's packages cannot be had from the package index:", *said)),
        hint="behind a mirror, set PIP_INDEX_URL (and PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS, PIP_CERT) as for pip;\n"
        "the CPU build of torch comes from https://download.pytorch.org/whl/cpu or a folder in PIP_FIND_LINKS",
    )


def _attempts(pin: EnvironmentPin, *, custom: bool) -> tuple[tuple[str, ...], ...]:
    """Extra arguments to try in turn.

    PyPI has no CPU build of torch, so it comes from PyTorch's own index, unless the user named sources of packages:
    then these are asked first, since such a machine may reach nothing else.
    """
    if pin.device != "cpu":
        return ((),)
    return ((), _PYTORCH_CPU) if custom else (_PYTORCH_CPU,)


def _venv(staging: Path) -> tuple[str, ...]:
    # Relocatable, since it is renamed.
    return ("venv", "--no-project", "--relocatable", "--python", _python(), str(staging))


def _pip_install(pin: EnvironmentPin, staging: Path, flags: tuple[str, ...]) -> tuple[str, ...]:
    python = str(engine_python.interpreter(staging))
    # Wheels only: building a package from source would run its code and need a compiler. Compiled to bytecode here,
    # or the engine's first start does it, and every start where Python may not write.
    wanted = ("--only-binary", ":all:", "--compile-bytecode")
    return ("pip", "install", "--python", python, *wanted, *flags, *pin.packages)


def _python() -> str:
    """This interpreter, where vLLM supports its version; otherwise a version that uv finds or fetches."""
    pin = python_pin()
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    return sys.executable if here in pin.supported and sys.implementation.name == "cpython" else pin.fallback


def _override_lines(pin: EnvironmentPin) -> str:
    # An override replaces what any package asks for; a marker that never holds asks for nothing.
    return "".join(f'{name} ; python_version < "3"\n' for name in pin.left_out)


def _check(staging: Path, pin: EnvironmentPin, progress: Progress) -> None:
    progress.step("checking the engine's environment")
    try:
        contents = engine_python.ask(engine_python.interpreter(staging), load=True)
    except (OSError, RuntimeError) as problem:
        raise EngineInstallError(f"the new environment does not work: {problem}") from problem
    if contents.vllm_version != pin.version:
        raise EngineInstallError(f"the new environment has vLLM {contents.vllm_version} instead of {pin.version}")
    unwanted = sorted(set(pin.left_out) & contents.versions.keys())
    if unwanted:
        raise EngineInstallError(f"the new environment holds {', '.join(unwanted)}, which breaks vLLM's imports")
    marker = engine_python.Marker(
        pin.device, pin.packages, contents.versions, contents.python, disk.tree_bytes(staging)
    )
    marker.write(staging)


def _sound(folder: Path) -> EngineEnvironment | None:
    """The environment in ``folder``, if its own interpreter confirms the marker."""
    marker = engine_python.Marker.read(folder)
    if marker is None:
        return None
    try:
        contents = engine_python.ask(engine_python.interpreter(folder))
    except (OSError, RuntimeError):
        return None
    return marker.environment(folder) if contents.versions == marker.versions else None


def _remove_older(plan: InstallPlan) -> None:
    """Remove environments of earlier pins for the same device, unless a process runs from them."""
    for folder in plan.folder.parent.iterdir():
        marker = None if folder == plan.folder else engine_python.Marker.read(folder)
        if marker is not None and marker.device == plan.device and not _in_use(folder):
            disk.remove_tree(folder)


def _in_use(folder: Path) -> bool:
    import psutil

    prefix = str(folder) + ("\\" if sys.platform == "win32" else "/")
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"]
        if command and command[0].startswith(prefix):
            return True
    return False
