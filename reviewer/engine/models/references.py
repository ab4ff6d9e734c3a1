"""Parses what names a model: a Hugging Face id, a name from the catalog, or a folder."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reviewer.engine.config import EMBEDDED_MODELS
from reviewer.engine.models import catalog
from reviewer.errors import ModelSourceError

Kind = Literal["hub", "embedded", "local"]

# Hugging Face's rule: letters, digits, -, _ and . in each part, no "--" or "..", no punctuation at the ends.
_PART = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,94}[\w])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reference:
    """A model, whether installed or not.

    Attributes:
        id: Its name.
        kind: Where it comes from.
        folder_name: Its folder in the store: one path component, unique to the model.
        repository: The Hugging Face repository to download, for ``"hub"``.
        revision: The commit that the catalog pins, if any.
        path: The folder, for ``"local"``.
    """

    id: str
    kind: Kind
    folder_name: str
    repository: str | None = None
    revision: str | None = None
    path: Path | None = None

    @property
    def install_command(self) -> str:
        """The command that installs it."""
        return f"reviewer model install {self._name}"

    @property
    def repair_command(self) -> str:
        """The command that reinstalls it."""
        return f"reviewer model install --force {self._name}"

    @property
    def _name(self) -> str:
        if self.kind != "embedded":
            return self.id
        return "--embedded=" + next(name for name, known in EMBEDDED_MODELS.items() if known == self.id)


def parse(text: str) -> Reference:
    """Parse a reference.

    A folder is written as a path (``./model``, ``/models/x``, ``~/x``): the meaning of a name must not depend on the
    working directory, which may be an untrusted repository.

    Raises:
        ModelSourceError: It is neither an id nor a path.
    """
    text = text.strip()
    if _is_path(text):
        path = Path(os.path.normpath(Path(text).expanduser().absolute()))
        digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
        return Reference(id=str(path), kind="local", folder_name=f"local--{digest}", path=path)
    known = catalog.get(text)
    embedded = catalog.SMALLEST if known is not None and known.id == catalog.SMALLEST else text.casefold()
    if embedded in EMBEDDED_MODELS.values():
        return Reference(id=embedded, kind="embedded", folder_name=f"embedded--{embedded}")
    repository = text if known is None else known.source
    parts = repository.split("/")
    if len(parts) != 2 or not all(_valid(part) for part in parts):  # noqa: PLR2004 - owner and name
        near = catalog.nearest(text)
        raise ModelSourceError(
            f"{text!r} is not a model",
            hint=(f"did you mean {near}?\n" if near else "")
            + "use a Hugging Face id (owner/name), a folder (./folder, /folder) or one of:\n"
            + "\n".join(f"  {name}" for name in catalog.names()),
        )
    identifier = text if known is None else known.id
    # Unambiguous, since no part contains "--".
    folder_name = "hub--" + identifier.replace("/", "--")
    return Reference(identifier, "hub", folder_name, repository, catalog.pinned(repository))


def _valid(part: str) -> bool:
    return _PART.fullmatch(part) is not None and "--" not in part and ".." not in part


def _is_path(text: str) -> bool:
    if text in (".", "..") or text.startswith(("./", "../", "~", "/", "\\\\", ".\\", "..\\")):
        return True
    return os.name == "nt" and Path(text).is_absolute()
