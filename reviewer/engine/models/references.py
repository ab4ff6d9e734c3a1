"""What a model is asked for by, taken apart: a Hugging Face id, a name of the catalog, or a folder."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reviewer.engine.models import catalog
from reviewer.errors import ModelSourceError

Kind = Literal["hub", "embedded", "local"]

# Hugging Face's own rule: letters, digits, -, _ and . in each part, no "--" and no "..", nothing odd at the ends.
_PART = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,94}[\w])?", re.ASCII)
_EMBEDDED_NAMES = ("embedded",)


@dataclass(frozen=True, slots=True)
class Reference:
    """A model, before it is known whether it is installed.

    Attributes:
        id: The name that it is listed under.
        kind: Where it comes from.
        folder_name: Its folder in the store: one path component, different for different models.
        repository: The Hugging Face repository to fetch, for ``"hub"``.
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
        return "reviewer model install " + ("--embedded" if self.kind == "embedded" else self.id)

    @property
    def mend_command(self) -> str:
        """The command that installs it anew."""
        return "reviewer model install --force " + ("--embedded" if self.kind == "embedded" else self.id)


def parse(text: str) -> Reference:
    """Take a reference apart.

    A folder is written so that it cannot be taken for an id (``./model``, ``/models/x``, ``~/x``): what a name means
    must not depend on what lies in the working directory, which may be anybody's repository.

    Raises:
        ModelSourceError: It is neither an id nor a path.
    """
    text = text.strip()
    if _is_path(text):
        path = Path(os.path.normpath(Path(text).expanduser().absolute()))
        digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
        return Reference(id=str(path), kind="local", folder_name=f"local--{digest}", path=path)
    known = catalog.get(text)
    if text.casefold() in _EMBEDDED_NAMES or (known is not None and known.id == catalog.EMBEDDED):
        return Reference(id=catalog.EMBEDDED, kind="embedded", folder_name=f"embedded--{catalog.EMBEDDED}")
    repository = text if known is None else known.source
    parts = repository.split("/")
    if len(parts) != 2 or not all(_valid(part) for part in parts):  # noqa: PLR2004 - owner and name
        raise ModelSourceError(
            f"{text!r} is no model",
            hint="give a Hugging Face id (owner/name), a folder (./folder, /folder) or one of:\n"
            + "\n".join(f"  {name}" for name in catalog.names()),
        )
    identifier = text if known is None else known.id
    # No part holds "--", so the name tells the parts apart.
    folder_name = "hub--" + identifier.replace("/", "--")
    return Reference(identifier, "hub", folder_name, repository, None if known is None else known.revision)


def _valid(part: str) -> bool:
    return _PART.fullmatch(part) is not None and "--" not in part and ".." not in part


def _is_path(text: str) -> bool:
    if text in (".", "..") or text.startswith(("./", "../", "~", "/", "\\\\", ".\\", "..\\")):
        return True
    return os.name == "nt" and Path(text).is_absolute()
