"""A temporary copy of the reviewed content, and the way from an analyzer's paths back to those of the change."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from reviewer import files
from reviewer.git.command import native

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
# Bytes; file systems allow 255 in a name.
_MAX_PATH, _MAX_NAME = 1_000, 230
_KEPT = 40  # characters of a longer name, with its ending
_RESERVED = frozenset('<>:"\\|?*')  # in names on Windows


class Workspace:
    r"""A folder that holds copies of files, removed at the end.

    ::

        with Workspace() as workspace:
            workspace.write({"src/a.py": b"x = 1\n"})
            ...                                             # run something in workspace.root
            workspace.path_of("/tmp/.../src/a.py")          # "src/a.py"
    """

    def __init__(self) -> None:
        # ignore_cleanup_errors: what an analyzer leaves there may be read-only, or in use on Windows.
        self._folder = tempfile.TemporaryDirectory(prefix="reviewer-", ignore_cleanup_errors=True)
        # macOS' temporary folder lies behind a link, which analyzers resolve.
        self.root = Path(self._folder.name).resolve()
        self._written: dict[str, str] = {}  # paths by the names that they have here

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        files.remove_folder(self._folder)

    def write(self, files: Mapping[str, bytes]) -> list[str]:
        """Write files and return the paths that no file can have here; nothing is written outside of the folder."""
        refused = []
        for path, data in files.items():
            try:
                if not _safe(path):
                    raise ValueError
                name = self.name_of(path)
                target = self.root / native(name)
                target.parent.mkdir(parents=True, exist_ok=True)
                # Exclusive: where names differ in case only, a file system may take them for one.
                with target.open("wb" if name in self._written else "xb") as file:
                    file.write(data)
            except (OSError, ValueError):
                refused.append(path)
            else:
                self._written[name] = path
        return refused

    def name_of(self, path: str) -> str:
        """Return the name that a path has here: another one where an analyzer could not print its own.

        A new line would end a line of its output, and most print bytes that are not UTF-8 as U+FFFD. Git also stores
        names that are too long for a file.
        """
        stored = path.encode("utf-8", "surrogateescape")
        if len(stored) <= _MAX_PATH and max(map(len, stored.split(b"/"))) <= _MAX_NAME:
            if _UNPRINTABLE.search(path) is None:
                return path
            folder, slash, name = _UNPRINTABLE.sub("_", path).rpartition("/")
        else:
            folder, slash, name = "", "", _UNPRINTABLE.sub("_", path.rpartition("/")[2])[-_KEPT:]
        return f"{folder}{slash}{hashlib.sha256(stored).hexdigest()[:12]}_{name}"

    def path_of(self, reported: str) -> str | None:
        """Return the path of a copied file that an analyzer names; None for any other file."""
        # A per cent sign may encode a character, as in an address, or be one.
        return next((path for name in (reported, _plain(reported)) if (path := self._inside(name)) is not None), None)

    def _inside(self, name: str) -> str | None:
        if os.path.isabs(name):  # noqa: PTH117 - the name may be no path at all
            # Not resolved: a link that the analyzer made must not lead from here to another file.
            root = str(self.root)
            if not name.startswith(root + os.sep):
                return None
            name = name[len(root) + 1 :]
        path = os.path.normpath(name).replace(os.sep, "/")
        return self._written.get(path)


def changed_path(reported: str, root: Path | None, paths: Iterable[str]) -> str | None:
    """Return the path of the change that a report made elsewhere names, in another checkout for instance.

    Args:
        reported: A path or ``file:`` address, relative or absolute.
        root: Top folder of this checkout.
        paths: The paths of the change.
    """
    known = set(paths)
    name = _plain(reported).replace("\\", "/")
    relative = PurePosixPath(os.path.normpath(name).replace(os.sep, "/")).as_posix()
    if relative in known:
        return relative
    if root is not None and name.startswith(f"{root.as_posix()}/"):
        inside = name[len(root.as_posix()) + 1 :]
        return inside if inside in known else None
    if not name.startswith("/") and name[1:3] != ":/":
        return None
    # Another machine's checkout: its own folder is unknown, so the path must be that of exactly one file.
    ending = [path for path in known if name.endswith(f"/{path}")]
    return max(ending, key=len) if ending else None


def _plain(reported: str) -> str:
    if not reported.startswith("file:"):
        return unquote(reported) if "%" in reported else reported
    path = unquote(urlsplit(reported).path)
    # file:///C:/x
    return path[1:] if path[2:3] == ":" else path


def _safe(path: str) -> bool:
    parts = path.split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" or "\0" in part for part in parts):
        return False
    return os.name == "posix" or not any(_RESERVED & set(part) or part.endswith((".", " ")) for part in parts)
