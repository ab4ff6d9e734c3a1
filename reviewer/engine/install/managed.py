"""Makes the managed environment: uv builds it in a staging folder; it is checked and then renamed into place.

An interruption leaves no environment, but uv's cache keeps the downloads. A finished environment is never changed;
the name of its folder depends on its contents.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer import paths
from reviewer.engine.install import disk, engine_python
from reviewer.engine.install.indexes import index_settings
from reviewer.engine.install.pins import environment_pin, python_versions
from reviewer.engine.install.platforms import has_nvidia, unsupported
from reviewer.engine.install.uvtool import Uv, find_uv
from reviewer.errors import EngineInstallError, if_full, in_words
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
    """The folder of all managed environments."""
    return paths.data_dir() / "engine"


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """What an installation will do.

    Attributes:
        folder: The environment's folder.
        packages: The pinned requirements.
        argv: The commands, in order; ``<staging>`` stands for the folder in which it is built.
        sources: uv's variables for package sources, as ``NAME=value`` without passwords.
        bytes_needed: Size of the finished environment.
        bytes_free: Free disk space.
        installed: Whether this environment exists already.
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
    """Plan an installation without writing or downloading anything.

    Raises:
        EngineInstallError: This machine is not supported.
        ConfigError: pip's configuration cannot be parsed.
    """
    problem = unsupported()
    if problem is not None:
        raise problem
    chosen: EngineDevice = device if device != "auto" else ("cuda" if has_nvidia() else "cpu")
    pin = environment_pin(chosen)
    folder = engine_dir() / pin.folder_name
    settings = index_settings()
    staging = Path("<staging>")
    attempt = _attempts(pin, custom=settings.custom)[0]
    uv = find_uv()
    return InstallPlan(
        device=chosen,
        folder=folder,
        packages=pin.packages,
        argv=((uv, *_venv(staging)), (uv, *_pip_install(pin, staging, (*settings.flags, *attempt)))),
        sources=settings.shown(),
        bytes_needed=pin.disk_bytes,
        bytes_free=disk.free_bytes(folder),
        installed=engine_python.Marker.read(folder) is not None,
    )


def install(device: Device = "auto", *, force: bool = False, progress: Progress = SILENT) -> EngineEnvironment:
    """Make the managed environment, or return the one that exists and works.

    Args:
        device: What it is for; ``"auto"`` looks for an NVIDIA GPU.
        force: Rebuild it even if it exists.
        progress: Receives the steps.

    Raises:
        EngineInstallError: The machine is not supported, the disk is full, packages are missing, or the result does
            not work.
        ConfigError: pip's configuration cannot be parsed.
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
            raise EngineInstallError(
                f"the engine's environment cannot be written: {in_words(problem)}", hint=if_full(problem)
            ) from problem
        finally:
            disk.remove_tree(staging)
        made = _sound(plan.folder)
        if made is None:
            raise EngineInstallError(f"the environment does not work in its final place, {plan.folder}")
        _remove_older(plan)
    return made


def _build(staging: Path, pin: EnvironmentPin, progress: Progress) -> None:
    overrides = staging / _OVERRIDES
    uv = Uv(staging, {"UV_OVERRIDE": str(overrides)})
    progress.step("creating the engine's environment")
    result = uv.run(_venv(staging), progress)
    if result.returncode != 0:
        raise EngineInstallError(f"uv could not create an environment:\n{result.quoted}")
    # After `uv venv`, which requires an empty folder.
    overrides.write_text(_override_lines(pin), encoding="utf-8")
    attempt = _resolve(uv, staging, pin, progress)
    progress.step("installing vLLM's packages")
    result = uv.run(_pip_install(pin, staging, attempt), progress)
    if result.returncode != 0:
        raise EngineInstallError(f"uv could not install vLLM:\n{result.quoted}", hint=_AGAIN)
    _check(staging, pin, progress)


_AGAIN = "run `reviewer engine install` again; uv's cache keeps what was downloaded"


def _resolve(uv: Uv, staging: Path, pin: EnvironmentPin, progress: Progress) -> tuple[str, ...]:
    """Find the arguments with which all requirements can be resolved, without downloading."""
    failures: list[str] = []
    for attempt in _attempts(pin, custom=uv.settings.custom):
        flags = (*uv.settings.flags, *attempt)
        progress.step("looking up vLLM's packages" + (" (with PyTorch's CPU index)" if attempt else ""))
        result = uv.run((*_pip_install(pin, staging, flags), "--dry-run"), progress)
        if result.returncode == 0:
            return flags
        failures.append(result.quoted)
    raise EngineInstallError(
        "\n".join(("vLLM's packages are not available from the package index:", *failures)),
        hint="behind a mirror, set PIP_INDEX_URL (and PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS, PIP_CERT) as for pip;\n"
        "the CPU build of torch comes from https://download.pytorch.org/whl/cpu or a folder in PIP_FIND_LINKS",
    )


def _attempts(pin: EnvironmentPin, *, custom: bool) -> tuple[tuple[str, ...], ...]:
    """Additional arguments to try in turn.

    PyPI has no CPU build of torch; PyTorch's own index does. Package sources that the user configured are tried first,
    since the machine may not reach any other.
    """
    if pin.device != "cpu":
        return ((),)
    return ((), _PYTORCH_CPU) if custom else (_PYTORCH_CPU,)


def _venv(staging: Path) -> tuple[str, ...]:
    # Relocatable, since it will be renamed.
    return ("venv", "--no-project", "--relocatable", "--python", _python(), str(staging))


def _pip_install(pin: EnvironmentPin, staging: Path, flags: tuple[str, ...]) -> tuple[str, ...]:
    python = str(engine_python.interpreter(staging))
    # Wheels only: building from source would run a package's code and need a compiler. Compiling to bytecode here
    # saves time at the engine's first start, or at every start if the folder is read-only.
    wanted = ("--only-binary", ":all:", "--compile-bytecode")
    return ("pip", "install", "--python", python, *wanted, *flags, *pin.packages)


def _python() -> str:
    """This interpreter if vLLM supports its version, or else a version that uv finds or downloads."""
    supported, fallback = python_versions()
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    return sys.executable if here in supported and sys.implementation.name == "cpython" else fallback


def _override_lines(pin: EnvironmentPin) -> str:
    # An override replaces every package's requirement; with a marker that is never true, nothing is installed.
    return "".join(f'{name} ; python_version < "3"\n' for name in pin.left_out)


def _check(staging: Path, pin: EnvironmentPin, progress: Progress) -> None:
    progress.step("checking the engine's environment")
    try:
        contents = engine_python.ask(engine_python.interpreter(staging), load=True)
    except (OSError, RuntimeError) as problem:
        raise EngineInstallError(f"the new environment does not work: {in_words(problem)}") from problem
    if contents.vllm_version != pin.version:
        raise EngineInstallError(f"the new environment has vLLM {contents.vllm_version} instead of {pin.version}")
    unwanted = sorted(set(pin.left_out) & contents.versions.keys())
    if unwanted:
        raise EngineInstallError(f"the new environment contains {', '.join(unwanted)}, which breaks vLLM's imports")
    marker = engine_python.Marker(
        pin.device, pin.packages, contents.versions, contents.python, disk.tree_bytes(staging)
    )
    marker.write(staging)


def _sound(folder: Path) -> EngineEnvironment | None:
    """The environment in ``folder``, if its interpreter confirms the marker."""
    marker = engine_python.Marker.read(folder)
    if marker is None:
        return None
    try:
        contents = engine_python.ask(engine_python.interpreter(folder))
    except (OSError, RuntimeError):
        return None
    return marker.environment(folder) if contents.versions == marker.versions else None


def _remove_older(plan: InstallPlan) -> None:
    """Remove outdated environments for the same device that no process uses."""
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
