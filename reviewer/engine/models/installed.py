"""An installed model, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model on this machine.

    Attributes:
        id: Its name.
        path: The folder to load it from.
        digest: SHA-256 over all its files' checksums.
        bytes: Size of its files.
        revision: Commit or version of its source, if any.
        source: The repository, wheel or folder it came from.
        kind: ``"hub"``, ``"embedded"`` or ``"local"``.
        licence: According to its source.
        gguf: The file that an embedded model was converted from, if it is there.
    """

    id: str
    path: Path
    digest: str
    bytes: int
    revision: str | None
    source: str
    kind: str
    licence: str | None
    gguf: Path | None = None
