"""Running git and translating its refusals.

Git itself is asked for everything, through GitPython's command wrapper: it finds the executable safely on Windows,
fixes the language of messages, and reads both pipes at once. GitPython's ``Repo`` is left out: it finds repositories
in Python and so knows neither ``safe.directory`` nor ``GIT_CEILING_DIRECTORIES``.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from reviewer.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_OWNED_BY_ANOTHER = re.compile(r"(?:repository at '|unsafe repository \(')([^'\n]*)'")


class Result(NamedTuple):
    """What one git process gave back; ``err`` is in English."""

    status: int
    out: bytes
    err: str


class Command:
    """Git, started in one folder with one environment.

    Raises:
        GitError: Git is not installed.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        try:
            import git
        except ImportError as error:  # GitPython looks for the executable while it is imported
            raise _missing() from error
        self._folder = folder
        self._git = git.Git(folder)
        # The index is the user's: not even its cache of file times is refreshed.
        self._git.update_environment(GIT_OPTIONAL_LOCKS="0", **(environment or {}))

    def attempt(self, *args: str, stdin: bytes | None = None) -> Result:
        """Run git whatever its exit status."""
        from git import GitCommandNotFound

        with ExitStack() as stack:
            source = None
            if stdin is not None:
                source = stack.enter_context(tempfile.TemporaryFile())
                source.write(stdin)
                source.seek(0)
            try:
                status, out, err = self._git.execute(
                    ["git", *args],
                    istream=source,
                    with_extended_output=True,
                    with_exceptions=False,
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                )
            except GitCommandNotFound as error:
                raise _missing() from error
        return Result(status, bytes(out), str(err))

    def run(self, *args: str, stdin: bytes | None = None) -> bytes:
        """Run git and return its output.

        Raises:
            GitError: It failed.
        """
        result = self.attempt(*args, stdin=stdin)
        if result.status:
            raise self.refusal(result)
        return result.out

    def refusal(self, result: Result) -> GitError:
        """Say why git failed, and what to do about it where that is known."""
        owned = _OWNED_BY_ANOTHER.search(result.err)
        if owned:
            return GitError(
                f"git refuses {owned[1]} because another user owns it",
                hint=f"If you trust it: git config --global --add safe.directory '{owned[1]}'",
            )
        if "not a git repository" in result.err:
            hint = "Run it inside one, or review a patch: git diff | reviewer review -"
            return GitError(f"{self._folder} is not inside a git repository", hint=hint)
        lines = result.err.splitlines()
        said = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
        return GitError(f"git failed: {said[-1].strip()}" if said else f"git failed with status {result.status}")


def text(out: bytes) -> str:
    """Decode one line of git's output; paths come through as Python names files."""
    return os.fsdecode(out).rstrip("\r\n")


def _missing() -> GitError:
    return GitError("git was not found", hint="Install git and put it on PATH: https://git-scm.com/downloads")
