"""Native git hooks: installed, chained with an existing hook, and removed without a trace."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer import files
from reviewer.assets import install_command
from reviewer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

HOOKS = ("pre-commit", "pre-merge-commit", "prepare-commit-msg", "post-commit", "pre-push")
_MARK = b"# vllm-reviewer: "
_SUFFIX = ".before-reviewer"


@dataclass(frozen=True, slots=True)
class NativeHook:
    """One hook of one repository.

    Attributes:
        folder: Where git looks for hooks.
        name: One of ``HOOKS``.
    """

    folder: Path
    name: str

    @property
    def path(self) -> Path:
        """The file that git runs."""
        return self.folder / self.name

    @property
    def earlier(self) -> Path:
        """Where an existing hook is kept; the installed one runs it first."""
        return self.folder / (self.name + _SUFFIX)

    @property
    def is_ours(self) -> bool:
        """Whether ``install`` made the hook."""
        return self.path.is_file() and not self.path.is_symlink() and _MARK in self.path.read_bytes()[:200]

    @property
    def options(self) -> str:
        """What follows ``reviewer hook NAME`` in the installed hook; empty if ``install`` did not make it."""
        if not self.is_ours:
            return ""
        found = re.search(rf'" hook {self.name} (.*) "\$@"$', self.path.read_text(errors="replace"), re.MULTILINE)
        return found[1] if found else ""

    @property
    def exists(self) -> bool:
        """Whether there is any hook; a dangling link counts."""
        return os.path.lexists(self.path)

    def install(self, program: Path, options: str = "") -> bool:
        """Install the hook; an existing one is renamed and chained.

        Args:
            program: The ``reviewer`` to run.
            options: What follows ``reviewer hook NAME``, as the shell reads it.

        Returns:
            Whether another hook is chained.

        Raises:
            UsageError: Another program replaced the installed hook, or the folder cannot be written.
        """
        if self.exists and not self.is_ours and os.path.lexists(self.earlier):
            raise UsageError(
                f"another program replaced {self.path}, and an earlier hook is kept beside it",
                hint=f"Remove one of them, then install again:\n  {self.path}\n  {self.earlier}",
            )
        replaced = self.exists and not self.is_ours
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if replaced:
                self.path.rename(self.earlier)
            try:
                files.write(self.path, script(self.name, program, options), mode=0o755)
            except OSError:
                if replaced:
                    self.earlier.rename(self.path)
                raise
        except OSError as problem:
            raise UsageError(f"cannot write {self.path}: {problem.strerror}") from problem
        return os.path.lexists(self.earlier)

    def uninstall(self) -> bool:
        """Remove the hook and restore the earlier one.

        Returns:
            Whether anything changed.

        Raises:
            UsageError: The folder cannot be written.
        """
        if self.exists and not self.is_ours:
            return False
        try:
            if os.path.lexists(self.earlier):
                self.earlier.replace(self.path)
                return True
            if self.exists:
                self.path.unlink()
                return True
        except OSError as problem:
            raise UsageError(f"cannot restore {self.path}: {problem.strerror}") from problem
        return False


def script(name: str, program: Path, options: str = "") -> str:
    """Return the text of a hook."""
    from reviewer import assets

    values = {
        "@HOOK@": name,
        "@REVIEWER@": shlex.quote(program.as_posix()),
        "@INPUT@": "$(cat)" if name == "pre-push" else "",
        "@OPTIONS@": f" {options}" if options else "",
    }
    text = assets.read("hooks/native/hook.sh")
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text.replace("\r\n", "\n")  # a checkout on Windows may have added them, and sh fails on them


def this_program() -> Path:
    """Return the ``reviewer`` command of this installation.

    Not ``python -m reviewer``: that would import from the repository under review, and its exit code would look like
    that of a review with findings once the package is uninstalled.

    Raises:
        UsageError: There is none.
    """
    for folder in _script_folders():
        for name in ("reviewer", "reviewer.exe"):
            if os.access(folder / name, os.X_OK) and (folder / name).is_file():
                return (folder / name).absolute()
    found = shutil.which("reviewer")
    if found is None:
        raise UsageError(
            f"this installation has no reviewer command beside {sys.executable}",
            hint=f"Install the package: {install_command()}",
        )
    return Path(found).absolute()


def _script_folders() -> Iterator[Path]:
    yield Path(sysconfig.get_path("scripts"))
    user = sysconfig.get_preferred_scheme("user")
    yield Path(sysconfig.get_path("scripts", user))
