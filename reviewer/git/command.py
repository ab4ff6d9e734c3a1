"""Running git, and translating its errors.

Everything is asked of git itself, through GitPython's command wrapper: it finds the executable safely on Windows, fixes
the language of messages, and reads both pipes at once. GitPython's ``Repo`` is not used: it finds repositories in
Python, without ``safe.directory`` and ``GIT_CEILING_DIRECTORIES``.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

from reviewer.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# Neither hooks (post-index-change, reference-transaction) nor a file system monitor may start.
NO_PROGRAMS = ("-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false")
ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",  # the index is the user's: not even its cache of file times is refreshed
    "GIT_NO_LAZY_FETCH": "1",  # in a partial clone, missing objects are not fetched
    "GIT_ALLOW_PROTOCOL": "none",  # the same, for git before 2.44
}

_OWNED_BY_ANOTHER = re.compile(r"(?:repository at '|unsafe repository \(')([^'\n]*)'")
_NOT_FETCHED = re.compile(r"promisor remote|lazy fetching disabled|transport '\w+' not allowed")


class Result(NamedTuple):
    """The outcome of one git process; ``err`` is in English."""

    status: int
    out: bytes
    err: str


class Command:
    """Git, started in one folder with one environment. It runs no hook and connects to no remote.

    Raises:
        GitError: Git is not installed.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        try:
            import git
        except ImportError as error:  # GitPython looks for the executable while it is imported
            raise _missing() from error
        self.folder = folder
        self._git = git.Git(folder)
        self._git.update_environment(**(ENVIRONMENT | dict(environment or {})))

    def attempt(self, *args: str, stdin: bytes | None = None, config: Sequence[str] = NO_PROGRAMS) -> Result:
        """Run git whatever its exit status.

        Args:
            args: The command and its arguments.
            stdin: Its standard input.
            config: Settings for this command, as ``-c NAME=VALUE``.
        """
        process = self._start((*config, *args), None if stdin is None else subprocess.PIPE)
        try:
            out, err = process.communicate(stdin)
        except BaseException:  # Ctrl-C; git removes its lock files when it is terminated
            process.terminate()
            raise
        return Result(process.returncode, out, err.decode("utf-8", "replace").removesuffix("\n"))

    def run(self, *args: str, stdin: bytes | None = None, config: Sequence[str] = NO_PROGRAMS) -> bytes:
        """Run git and return its output.

        Raises:
            GitError: It failed.
        """
        result = self.attempt(*args, stdin=stdin, config=config)
        if result.status:
            raise self.refusal(result)
        return result.out

    def start(self, *args: str, stdin: int | None = None) -> subprocess.Popen[bytes]:
        """Start git with pipes for its output and errors, to be read while it runs; the caller ends the process."""
        return self._start((*NO_PROGRAMS, *args), stdin)

    def _start(self, args: Sequence[str], stdin: int | None) -> subprocess.Popen[bytes]:
        from git import GitCommandNotFound

        try:
            started: Any = self._git.execute(["git", *args], as_process=True, istream=stdin)
        except GitCommandNotFound as error:
            raise _missing() from error
        process: subprocess.Popen[bytes] = started.proc
        started.proc = None  # GitPython's wrapper would end the process when it is collected
        return process

    def refusal(self, result: Result) -> GitError:
        """Return the error for a failed command, with a hint if the cause is known."""
        owned = _OWNED_BY_ANOTHER.search(result.err)
        if owned:
            return GitError(
                f"git refuses {owned[1]} because another user owns it",
                hint=f"If you trust it: git config --global --add safe.directory '{owned[1]}'",
            )
        if "not a git repository" in result.err:
            hint = "Run it inside one, or review a patch: git diff | reviewer review -"
            return GitError(f"{self.folder} is not inside a git repository", hint=hint)
        if _NOT_FETCHED.search(result.err):
            return GitError(
                "this partial clone lacks objects that the review needs, and a review does not fetch them",
                hint="Fetch them with a git command that reads them, such as: git show --patch HEAD",
            )
        lines = result.err.splitlines()
        errors = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
        return GitError(f"git failed: {errors[-1].strip()}" if errors else f"git failed with status {result.status}")


def user_setting(folder: Path, name: str) -> str:
    """Return a setting of the user's or the system's git configuration; a repository's own is not read.

    Empty where it is not set.
    """
    for scope in ("--global", "--system"):
        try:
            found = Command(folder).attempt("config", scope, "--get", name)
        except GitError:
            return ""
        if found.status == 0:
            return text(found.out)
    return ""


def text(out: bytes) -> str:
    """Decode one line of git's output, such as a folder, as Python names files."""
    return os.fsdecode(out.removesuffix(b"\n"))


def path_bytes(path: str) -> bytes:
    """Encode a path inside a repository; with ``path_text`` it is the same bytes in every locale."""
    return path.encode("utf-8", "surrogateescape")


def path_text(path: bytes) -> str:
    """Decode a path inside a repository, as ``diff`` decodes those of a patch."""
    return path.decode("utf-8", "surrogateescape")


def native(path: str) -> str:
    """Return a path inside a repository, or an argument with one, as this system's Python names files."""
    return path if os.name == "nt" else os.fsdecode(path_bytes(path))


def _missing() -> GitError:
    return GitError("git was not found", hint="Install git and put it on PATH: https://git-scm.com/downloads")
