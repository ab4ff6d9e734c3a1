"""Finds the cause of an engine's death in the last lines of its log, and what to do about it.

vLLM runs in several processes, so the line with the cause is far above the end of the log, before the tracebacks of
the processes that failed in turn. The texts are those of vLLM 0.32, PyTorch 2.13, glibc and Python.
"""

from __future__ import annotations

import re
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.errors import EngineStartError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_QUOTED_LINES = 8
_QUOTED_CHARS = 500

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_PROCESS = re.compile(r"^\([\w.:-]+ pid=\d+\) ?")
_LEVEL = re.compile(r"^(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) \d\d-\d\d \d\d:\d\d:\d\d \[[^\]]*\] ?")
_EXCEPTION = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Interrupt|Failure|SystemExit)(?:: .*|)$")
_PLAIN_CAUSE = re.compile(
    r"^(?:[\w./-]+: error: |Fatal Python error: |terminate called after |Illegal instruction|Worker proc \S+ died)"
)
_VALIDATION = re.compile(r"\d+ validation errors? for ")

# Raised in processes that failed because another one had died.
_GENERIC = re.compile(
    r"Engine core initialization failed|WorkerProc initialization failed|EngineCore encountered an issue"
    r"|EngineDeadError|Engine core proc|Executor failed|Frontend process failed|KeyboardInterrupt|CancelledError"
    r"|BrokenPipeError"
)
_NOISE = re.compile(
    r"^\s*$|^\s|^Traceback \(most recent|resource_tracker|warnings\.warn|nanobind|^usage: |^INFO:|^Triton is installed"
    r"|^The above exception was|^During handling of the above|DeprecationWarning|FutureWarning"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an engine died, as far as its log shows.

    Attributes:
        cause: The log line with the cause, or how the process ended.
        todo: What to do about it, if known.
        lines: The last lines of the log, where no line has the cause.
    """

    cause: str
    todo: str | None
    lines: tuple[str, ...] = ()

    def error(self, what: str, log: Path) -> EngineStartError:
        """The error to raise; ``what`` describes the situation."""
        quoted = "".join(f"\n  {line}" for line in self.lines)
        hint = f"see the log: {log}"
        return EngineStartError(f"{what}: {self.cause}{quoted}", hint=f"{self.todo}\n{hint}" if self.todo else hint)


_LESS_MEMORY = "close other programs, lower max_model_len or max_num_seqs, or use a smaller model"
_KILLED_WORKER = f"a worker was killed, probably because the system ran out of memory: {_LESS_MEMORY}"
_REINSTALL_ENGINE = "run `reviewer engine install`"
_OTHER_CPU = "this CPU lacks instructions that the engine needs; run the engine on another machine and set engine.url"


def _symptom(todo: str, *texts: str) -> tuple[re.Pattern[str], str]:
    return re.compile("|".join(texts), re.IGNORECASE), todo


# The first match counts: exact texts come before general ones.
_SYMPTOMS = (
    _symptom("free disk space; check /tmp and /dev/shm too", r"No space left on device", r"Disk quota exceeded"),
    _symptom(
        "the context does not fit the KV cache: lower max_model_len, or raise max_memory_gb",
        r"KV cache is needed, which is larger",
        r"No available memory for the cache blocks",
    ),
    _symptom(
        f"the GPU has too little memory, or another program uses it (run nvidia-smi): {_LESS_MEMORY}",
        r"Free memory on device .* is less than desired",
        r"CUDA out of memory",
        r"CUDA error: out of memory",
    ),
    _symptom(
        f"not enough memory: {_LESS_MEMORY}",
        r"out of memory",
        r"OutOfMemory",
        r"Cannot allocate memory",
        r"can't allocate memory",
        r"MemoryError",
        r"bad_alloc",
        r"not enough (?:free |available )?memory",
    ),
    _symptom(_KILLED_WORKER, r"Worker proc \S+ died unexpectedly"),
    _symptom(
        "another program uses the port or socket: run `reviewer engine stop --all`, then start the engine again",
        r"address already in use",
        r"WinError 10048",
    ),
    _symptom(
        'this hardware does not support that number format: set quantization = "auto"',
        r"Bfloat16 is only supported on GPUs",
        r"dtype .* is not supported",
        r"is not supported for quantization",
        r"not implemented for '(?:Half|BFloat16)'",
    ),
    _symptom(
        'this model or hardware does not support that quantization: set quantization = "auto"',
        r"quantization .*(?:not supported|unsupported|does not match)",
        r"Unknown quantization method",
    ),
    _symptom(_OTHER_CPU, r"Illegal instruction", r"SIGILL", r"requires AVX"),
    _symptom(
        "the NVIDIA driver does not match the engine: update the driver, or run `reviewer engine install --device cpu`",
        r"no kernel image is available",
        r"CUDA driver version is insufficient",
        r"NVIDIA driver .* too old",
        r"Found no NVIDIA driver",
        r"No CUDA GPUs are available",
        r"libcuda\.so",
    ),
    _symptom(
        f"a system library is missing or too old: install it, or {_REINSTALL_ENGINE}",
        r"cannot open shared object file",
        r"Library not loaded",
        r"DLL load failed",
        r"GLIBC(?:XX)?_[\d.]+' not found",
        r"undefined symbol",
    ),
    _symptom(
        f"the engine's Python environment is incomplete: {_REINSTALL_ENGINE}",
        r"No module named",
        r"cannot import name",
        r"operator torchvision::nms does not exist",
        r"PackageNotFoundError",
    ),
    _symptom(
        "the model's files are missing or damaged: run `reviewer model verify` to list them, "
        "and `reviewer model install` to download them again",
        r"Cannot find any model weights",
        r"Invalid repository ID or local directory",
        r"Repo id must be",
        r"SafetensorError",
        r"Error while deserializing header",
        r"size mismatch",
    ),
    _symptom(
        "this vLLM does not support the model's architecture: use another model or a newer engine",
        r"are not supported for now",
        r"Cannot find model module",
        r"does not recognize this architecture",
    ),
    _symptom("the model's context is shorter: lower max_model_len", r"greater than the derived max_model_len"),
    _symptom(
        f"this is a different version of vLLM: {_REINSTALL_ENGINE}",
        r"error: unrecognized arguments",
        r"error: argument .*: invalid",
    ),
    _symptom("raise the limit on open files: ulimit -n 65536", r"Too many open files"),
    _symptom("the engine has no permission for a file: check its owner and mode", r"Permission denied"),
)

# How the first process ended, where the log has no cause: a process that the system kills cannot log it.
_SIGNALS = {
    "SIGKILL": ("killed (signal 9)", f"probably because the system ran out of memory: {_LESS_MEMORY}"),
    "SIGBUS": ("bus error (signal 7)", "shared memory is full: free space in /dev/shm or enlarge it"),
    "SIGILL": ("illegal instruction (signal 4)", _OTHER_CPU),
    "SIGSEGV": ("crashed (signal 11)", f"the engine may not match this machine: {_REINSTALL_ENGINE}"),
    "SIGABRT": ("aborted (signal 6)", None),
    "SIGTERM": ("ended by another program (signal 15)", "reviewer engine start"),
}


def explain(lines: Sequence[str], status: int | None) -> Failure:
    """Find the cause in the last lines of a log.

    Args:
        lines: The lines, unprocessed.
        status: Exit status of the first process, negative for a signal; None if unknown.
    """
    errors = [text for line in lines if (text := _error_text(line)) is not None]
    causes = _causes(errors)
    if causes:
        return Failure(causes[-1], _first_advice(reversed(causes)))
    ended, todo = _ending(status)
    killed = status is not None and status < 0  # the first process itself, so that is the cause
    if not killed and any(_GENERIC.search(text) for text in errors):
        ended, todo = "a worker exited without an error message", _KILLED_WORKER
    quoted = tuple(_bounded(line) for line in errors if not _NOISE.search(line))[-_QUOTED_LINES:]
    return Failure(ended, _first_advice(errors) or todo, quoted)


def what_to_do(text: str) -> str | None:
    """The advice for a message, if there is any."""
    return next((todo for pattern, todo in _SYMPTOMS if pattern.search(text)), None)


def plain(line: str) -> str:
    """Remove colours and control characters from a log line."""
    line = _ANSI.sub("", line.rsplit("\r", 1)[-1])
    return "".join(char for char in line if char.isprintable() or char == "\t")


def _error_text(line: str) -> str | None:
    """The text of a line without its prefixes; None for one below the level of an error."""
    text = _PROCESS.sub("", plain(line.rstrip("\r\n")))
    match = _LEVEL.match(text)
    if match is None:
        return text
    return text[match.end() :] if match["level"] in ("ERROR", "CRITICAL") else None


def _causes(errors: Sequence[str]) -> list[str]:
    """The exceptions before the first that only reports another process's failure; the last one is the cause."""
    found: list[str] = []
    for number, text in enumerate(errors):
        if _GENERIC.search(text):
            if found:
                break
        elif _EXCEPTION.match(text) or _PLAIN_CAUSE.match(text):
            found.append(_bounded(_validation(errors, number)))
    return found


def _validation(errors: Sequence[str], number: int) -> str:
    """Pydantic explains on the line below the one that names the exception."""
    text = errors[number]
    if _VALIDATION.search(text) and number + 1 < len(errors):
        return errors[number + 1].strip().removeprefix("Value error, ")
    return text


def _first_advice(texts: Iterable[str]) -> str | None:
    return next((todo for text in texts if (todo := what_to_do(text)) is not None), None)


def _ending(status: int | None) -> tuple[str, str | None]:
    if status is None:
        return "the process is gone", None
    if status < 0:
        with suppress(ValueError):
            name = signal.Signals(-status).name
            if name in _SIGNALS:
                return _SIGNALS[name]
        return f"ended by signal {-status}", None
    return f"exit status {status}", None


def _bounded(text: str) -> str:
    return text if len(text) <= _QUOTED_CHARS else text[: _QUOTED_CHARS - 1] + "…"
