"""The versions and checksums of everything that is downloaded, read from ``pins.toml``."""

from __future__ import annotations

import functools
import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

EngineDevice = Literal["cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class EnvironmentPin:
    """The contents of a managed environment.

    Attributes:
        distribution: vLLM's distribution for the device.
        version: Its version.
        packages: All requirements, pinned.
        left_out: Dependencies that must not be installed.
        disk_bytes: Size of the finished environment.
    """

    device: EngineDevice
    distribution: str
    version: str
    packages: tuple[str, ...]
    left_out: tuple[str, ...]
    disk_bytes: int

    @property
    def folder_name(self) -> str:
        """A name that depends on the contents, so that an environment in use is never changed."""
        digest = hashlib.sha256("\n".join((*self.packages, *self.left_out)).encode()).hexdigest()
        return f"{self.distribution}-{self.version}-{digest[:8]}"


def environment_pin(device: EngineDevice) -> EnvironmentPin:
    """The environment for ``device``."""
    table = _document()["environment"]
    entry = table[device]
    return EnvironmentPin(
        device=device,
        distribution=entry["distribution"],
        version=entry["version"],
        packages=tuple(entry["packages"]),
        left_out=tuple(table["left_out"]),
        disk_bytes=entry["disk_bytes"],
    )


def python_versions() -> tuple[list[str], str]:
    """The Python versions that vLLM supports, as ``major.minor``, and the one to use if this one is not supported."""
    entry = _document()["python"]
    return entry["supported"], entry["fallback"]


@functools.cache
def _document() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("pins.toml").read_text(encoding="utf-8"))
