"""Every expected error, as one tree.

::

    ReviewerError                      exit code
    ├── UsageError                     2  the command line asks for something impossible
    ├── ConfigError                    2  a configuration file, variable or flag is wrong
    ├── GitError                       2  git refused, or the repository is not what was asked for
    ├── DiffError                      2  a patch does not parse
    ├── TemplateError                  2  a prompt template is wrong (names file and line)
    ├── EngineError                    3  anything about the model server
    │   ├── EngineNotInstalledError       no vLLM environment
    │   ├── EngineInstallError            provisioning it failed
    │   ├── EngineNotReadyError           still loading when the time budget ran out
    │   ├── EngineStartError              it died or hung while starting
    │   ├── EngineUnreachableError        nothing answers at the endpoint
    │   ├── EngineCertificateError        the endpoint's certificate is not trusted
    │   ├── EngineDiedError               it answered before and stopped answering
    │   ├── EngineRequestError            it refused a request
    │   │   └── EngineFaultError          it failed to serve one (HTTP 5xx)
    │   ├── PromptTooLongError            the prompt does not fit the context length
    │   ├── InferenceTimeoutError         no complete answer in time
    │   ├── ModelNotLoadedError           a call before ``load_model``
    │   ├── ModelNotInstalledError        the model's files are not on this machine
    │   ├── ModelDamagedError             a file differs from the manifest
    │   ├── ModelSourceError              the model cannot be fetched or converted
    │   └── InsufficientMemoryError       no plan fits the memory limit
    ├── ReviewIncompleteError          5  required, and some units could not be read
    └── PostingError                   6  the review was made, but could not be posted to the forge

Only the command line turns errors into exit codes. Any other exception is a bug and exits with 4.
"""

from __future__ import annotations

import errno
import os
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """The exit codes of every command."""

    PASSED = 0
    FINDINGS = 1
    USAGE = 2
    ENGINE = 3
    BUG = 4
    INCOMPLETE = 5
    POSTING = 6
    INTERRUPTED = 130


class ReviewerError(Exception):
    """The root of all expected errors.

    Args:
        message: What happened, in one sentence.
        hint: What to do next, one action per line.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def one_line(self) -> str:
        """The message and the first line of the hint, for a log or a note."""
        message = " ".join(self.message.split())
        advice = " ".join((self.hint or "").partition("\n")[0].split())
        return f"{message} ({advice})" if advice else message

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n{self.hint}"


def in_words(problem: BaseException) -> str:
    """What went wrong and where, without the number that Python puts before the system's message."""
    if not isinstance(problem, OSError) or not problem.strerror:
        return str(problem)
    return f"{problem.strerror}: {os.fsdecode(problem.filename)}" if _is_path(problem.filename) else problem.strerror


def if_full(problem: BaseException) -> str | None:
    """What to do if the disk, or the user's share of it, is full; None for another error."""
    full = isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
    return "free space on that disk, or set REVIEWER_HOME to a folder on another one" if full else None


def _is_path(name: object) -> bool:
    return isinstance(name, (str, bytes, os.PathLike))


class UsageError(ReviewerError):
    """The command line asks for something impossible."""


class ConfigError(ReviewerError):
    """A configuration file, environment variable or flag is wrong."""


class GitError(ReviewerError):
    """Git refused, or the repository is not what was asked for."""


class DiffError(ReviewerError):
    """A patch does not parse."""


class TemplateError(ReviewerError):
    """A prompt template is wrong; the message names file and line."""


class EngineError(ReviewerError):
    """Anything about the model server."""

    exit_code = ExitCode.ENGINE


class EngineNotInstalledError(EngineError):
    """No Python environment with vLLM was found."""


class EngineInstallError(EngineError):
    """Provisioning the engine's environment failed."""


class EngineNotReadyError(EngineError):
    """The engine was still loading when the time budget ran out."""


class EngineStartError(EngineError):
    """The engine died or hung while starting; the message quotes its last lines."""


class EngineUnreachableError(EngineError):
    """Nothing answers at the engine's endpoint."""


class EngineCertificateError(EngineError):
    """The endpoint's certificate is not trusted; nothing was sent."""


class EngineDiedError(EngineError):
    """The engine answered before and stopped answering."""


class EngineRequestError(EngineError):
    """The engine refused a request; the message quotes its reason."""


class EngineFaultError(EngineRequestError):
    """The engine, or a proxy in front of it, failed to serve a request (HTTP 5xx); another engine may succeed."""


class PromptTooLongError(EngineError):
    """The prompt and the reserved reply do not fit the model's context length."""


class InferenceTimeoutError(EngineError, TimeoutError):
    """No complete answer came in time."""


class ModelNotLoadedError(EngineError):
    """A generation call came before ``load_model``, or after ``unload_model``."""


class ModelNotInstalledError(EngineError):
    """The model's files are not on this machine."""


class ModelDamagedError(EngineError):
    """A model file is missing or differs from its manifest."""


class ModelSourceError(EngineError):
    """The model cannot be fetched, converted or accepted."""


class InsufficientMemoryError(EngineError):
    """No plan fits the memory limit; the message names the bytes needed and available."""


class ReviewIncompleteError(ReviewerError):
    """A complete review was required, and some units could not be read."""

    exit_code = ExitCode.INCOMPLETE


class PostingError(ReviewerError):
    """The forge refused the review, or could not be reached."""

    exit_code = ExitCode.POSTING
