"""Finds the packaged prompt templates, hook templates and ast-grep rules.

A wheel packs the checkout's ``prompts/``, ``hooks/`` and ``rules/`` under ``reviewer/_assets``; in an sdist and an
editable install they lie beside the package.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from reviewer.errors import ReviewerError

_PACKAGE = Path(__file__).resolve().parent


class AssetError(ReviewerError):
    """A file that belongs to the installation is missing."""


def prompts_dir() -> Path:
    """Return the folder of the packaged prompt templates."""
    return _folder("prompts")


def hooks_dir() -> Path:
    """Return the folder of the native hook and CI templates."""
    return _folder("hooks")


def rules_dir() -> Path:
    """Return the folder of the packaged ast-grep rules: one folder per language, one file per rule."""
    return _folder("rules")


def read(name: str) -> str:
    """Return the text of one asset.

    Args:
        name: Relative path with ``/`` between parts, such as ``"prompts/base/shots.toml"``.

    Raises:
        AssetError: It is not part of this installation.
    """
    kind, _, rest = name.partition("/")
    try:
        return (_folder(kind) / rest).read_text(encoding="utf-8")
    except (OSError, AssetError) as error:
        raise _missing(name) from error


@cache
def _folder(name: str) -> Path:
    # A wheel's own folder first: site-packages may hold an unrelated folder of that name.
    for parent in (_PACKAGE / "_assets", _PACKAGE.parent):
        folder = parent / name
        if folder.is_dir():
            return folder
    raise _missing(name)


def _missing(name: str) -> AssetError:
    return AssetError(
        f"the installation is incomplete: {name} is missing",
        hint="reinstall it: pip install --force-reinstall vllm-reviewer",
    )
