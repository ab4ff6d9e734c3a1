"""Finds the packaged prompt templates, hook templates and ast-grep rules, and how the package was installed.

A wheel packs the checkout's ``prompts/``, ``hooks/`` and ``rules/`` under ``reviewer/_assets``; in an sdist and an
editable install they lie beside the package.
"""

from __future__ import annotations

import shlex
import sys
from functools import cache
from pathlib import Path

from reviewer.errors import ReviewerError

_PACKAGE = Path(__file__).resolve().parent
_DISTRIBUTION = "vllm-reviewer"


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


def install_command(extra: str = "") -> str:
    """Return the shell command that installs this package once more, from where it came, with an extra.

    An installer records the source in ``direct_url.json`` (PEP 610): a folder, a wheel or a revision of a repository.
    Without such a record the package came from an index, or runs from a clone without being installed.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    suffix = f"[{extra}]" if extra else ""
    try:
        found = distribution(_DISTRIBUTION)
    except PackageNotFoundError:
        return f"in the clone: pip install '.{suffix}'"
    source = _source(found.read_text("direct_url.json") or "{}", suffix)
    return f"{_installer(found.read_text('INSTALLER') or '', again=not extra)} {source}"


def _source(record: str, suffix: str) -> str:
    import json
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    direct = json.loads(record)
    url = str(direct.get("url", ""))
    if not url:
        return shlex.quote(_DISTRIBUTION + suffix)
    if url.startswith("file:") and not Path(url2pathname(urlsplit(url).path)).exists():
        return f"'.{suffix}' in a clone"
    if direct.get("dir_info", {}).get("editable"):
        return f"-e {shlex.quote(url2pathname(urlsplit(url).path) + suffix)}"
    # pip refuses git+file: after a name; the folder itself will do.
    if "vcs_info" in direct and not url.startswith("file:"):
        url = f"{direct['vcs_info']['vcs']}+{url}@{direct['vcs_info']['commit_id']}"
    return shlex.quote(f"{_DISTRIBUTION}{suffix} @ {url}")


def _installer(recorded: str, *, again: bool) -> str:
    """The program for this environment; ``again`` to replace what is installed."""
    prefix = Path(sys.prefix)
    if (prefix / "uv-receipt.toml").is_file():
        return "uv tool install --force"
    if (prefix / "pipx_metadata.json").is_file():
        return "pipx install --force"
    if recorded.strip() == "uv":
        return f"uv pip install --reinstall-package {_DISTRIBUTION} --python {shlex.quote(sys.executable)}"
    return f"{shlex.quote(sys.executable)} -m pip install{' --force-reinstall --no-deps' if again else ''}"


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
        hint=f"reinstall it: {install_command()}",
    )
