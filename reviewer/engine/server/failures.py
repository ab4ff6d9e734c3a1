"""Turns the last lines of an engine that died into what happened and what to do.

vLLM runs in several processes, so the line that tells the cause stands far above the end of the log, before the
tracebacks of those who only noticed it. Texts are those of vLLM 0.32, PyTorch 2.13, glibc and Python.
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

# Raised by those who noticed that another process had died.
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
    """Why an engine died, as far as its log tells.

    Attributes:
        cause: The line that tells it, or how the process ended.
        todo: What to do about it; None where we do not know better than the reader.
        lines: The last lines of the log, quoted where no line tells the cause.
    """

    cause: str
    todo: str | None
    lines: tuple[str, ...] = ()

    def error(self, what: str, log: Path) -> EngineStartError:
        """The error to raise; ``what`` says in which situation it happened."""
        quoted = "".join(f"\n  {line}" for line in self.lines)
        hint = f"its log: {log}"
        return EngineStartError(f"{what}: {self.cause}{quoted}", hint=f"{self.todo}\n{hint}" if self.todo else hint)


_LESS_MEMORY = "close other programs, lower max_model_len or max_num_seqs, or take a smaller model"
_KILLED_WORKER = f"a worker was killed, most likely by the system, which was out of memory: {_LESS_MEMORY}"
_REINSTALL_ENGINE = "`reviewer engine install`"
_OTHER_CPU = "this CPU lacks instructions that the engine was built for; run it on another machine and set engine.url"


def _symptom(todo: str, *texts: str) -> tuple[re.Pattern[str], str]:
    return re.compile("|".join(texts), re.IGNORECASE), todo


# The first that matches counts: the exact texts stand above the wide ones.
_SYMPTOMS = (
    _symptom(
        "free some disk space, also in /tmp and /dev/shm",
        r"No space left on device",
        r"Disk quota exceeded",
    ),
    _symptom(
        "the context does not fit the KV cache: lower max_model_len, or raise max_memory_gb",
        r"KV cache is needed, which is larger",
        r"No available memory for the cache blocks",
    ),
    _symptom(
        f"the GPU's memory is too small or used by another program (nvidia-smi lists them): {_LESS_MEMORY}",
        r"Free memory on device .* is less than desired",
        r"CUDA out of memory",
        r"CUDA error: out of memory",
    ),
    _symptom(
        f"there was not enough memory: {_LESS_MEMORY}",
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
        "another program took the port or socket: start the engine again, or `reviewer engine stop --all` first",
        r"address already in use",
        r"WinError 10048",
    ),
    _symptom(
        'this hardware cannot compute in that number format: set quantization = "auto"',
        r"Bfloat16 is only supported on GPUs",
        r"dtype .* is not supported",
        r"is not supported for quantization",
        r"not implemented for '(?:Half|BFloat16)'",
    ),
    _symptom(
        'this model or hardware does not know that quantization: set quantization = "auto"',
        r"quantization .*(?:not supported|unsupported|does not match)",
        r"Unknown quantization method",
    ),
    _symptom(_OTHER_CPU, r"Illegal instruction", r"SIGILL", r"requires AVX"),
    _symptom(
        "the NVIDIA driver and the engine do not fit: update the driver, or `reviewer engine install --device cpu`",
        r"no kernel image is available",
        r"CUDA driver version is insufficient",
        r"NVIDIA driver .* too old",
        r"Found no NVIDIA driver",
        r"No CUDA GPUs are available",
        r"libcuda\.so",
    ),
    _symptom(
        f"a system library is missing or too old for the engine: install it, or {_REINSTALL_ENGINE}",
        r"cannot open shared object file",
        r"Library not loaded",
        r"DLL load failed",
        r"GLIBC(?:XX)?_[\d.]+' not found",
        r"undefined symbol",
    ),
    _symptom(
        f"the engine's Python environment is not whole: {_REINSTALL_ENGINE}",
        r"No module named",
        r"cannot import name",
        r"operator torchvision::nms does not exist",
        r"PackageNotFoundError",
    ),
    _symptom(
        "the model's files are missing or damaged: `reviewer model verify` names them, `reviewer model install` "
        "fetches them again",
        r"Cannot find any model weights",
        r"Invalid repository ID or local directory",
        r"Repo id must be",
        r"SafetensorError",
        r"Error while deserializing header",
        r"size mismatch",
    ),
    _symptom(
        "this vLLM does not know the model's architecture: take another model, or a newer engine",
        r"are not supported for now",
        r"Cannot find model module",
        r"does not recognize this architecture",
    ),
    _symptom("the model's own context is shorter: lower max_model_len", r"greater than the derived max_model_len"),
    _symptom(
        f"this vLLM is of another version: {_REINSTALL_ENGINE}",
        r"error: unrecognized arguments",
        r"error: argument .*: invalid",
    ),
    _symptom("raise the limit on open files: ulimit -n 65536", r"Too many open files"),
    _symptom("the engine may not read or write a file; see who owns it", r"Permission denied"),
)

# How the first process ended, where its log is silent: the system says nothing into the log of what it kills.
_SIGNALS = {
    "SIGKILL": ("killed (signal 9)", f"most likely by the system, which was out of memory: {_LESS_MEMORY}"),
    "SIGBUS": ("bus error (signal 7)", "shared memory is full: make room in /dev/shm, or start with a larger one"),
    "SIGILL": ("illegal instruction (signal 4)", _OTHER_CPU),
    "SIGSEGV": ("crashed (signal 11)", f"the engine may not fit this machine: {_REINSTALL_ENGINE}"),
    "SIGABRT": ("aborted (signal 6)", None),
    "SIGTERM": ("ended by another program (signal 15)", "reviewer engine start"),
}


def explain(lines: Sequence[str], status: int | None) -> Failure:
    """Find the cause in the last lines of a log.

    Args:
        lines: As they stand in the log.
        status: How the first process ended, negative for a signal; None where that is not known.
    """
    told = [text for line in lines if (text := _telling(line)) is not None]
    causes = _causes(told)
    if causes:
        return Failure(causes[-1], _first_advice(reversed(causes)))
    ended, todo = _ending(status)
    killed = status is not None and status < 0  # the first process itself: that is the cause
    if not killed and any(_GENERIC.search(text) for text in told):
        ended, todo = "a worker ended without a word", _KILLED_WORKER
    quoted = tuple(_bounded(line) for line in told if not _NOISE.search(line))[-_QUOTED_LINES:]
    return Failure(ended, _first_advice(told) or todo, quoted)


def what_to_do(text: str) -> str | None:
    """The advice for one message; None where the table has none."""
    return next((todo for pattern, todo in _SYMPTOMS if pattern.search(text)), None)


def plain(line: str) -> str:
    """A line of the log without colours and control characters."""
    line = _ANSI.sub("", line.rsplit("\r", 1)[-1])
    return "".join(char for char in line if char.isprintable() or char == "\t")


def _telling(line: str) -> str | None:
    """The text of a line without its prefixes; None for one that only informs."""
    text = _PROCESS.sub("", plain(line.rstrip("\r\n")))
    match = _LEVEL.match(text)
    if match is None:
        return text
    return text[match.end() :] if match["level"] in ("ERROR", "CRITICAL") else None


def _causes(told: Sequence[str]) -> list[str]:
    """The exceptions before the first one that only says that another process failed; the last of them counts."""
    found: list[str] = []
    for number, text in enumerate(told):
        if _GENERIC.search(text):
            if found:
                break
        elif _EXCEPTION.match(text) or _PLAIN_CAUSE.match(text):
            found.append(_bounded(_validation(told, number)))
    return found


def _validation(told: Sequence[str], number: int) -> str:
    """Pydantic puts what is wrong on the line below the one that names the exception."""
    text = told[number]
    if _VALIDATION.search(text) and number + 1 < len(told):
        return told[number + 1].strip().removeprefix("Value error, ")
    return text


def _first_advice(texts: Iterable[str]) -> str | None:
    return next((todo for text in texts if (todo := what_to_do(text)) is not None), None)


def _ending(status: int | None) -> tuple[str, str | None]:
    if status is None:
        return "its process is gone", None
    if status < 0:
        with suppress(ValueError):
            name = signal.Signals(-status).name
            if name in _SIGNALS:
                return _SIGNALS[name]
        return f"ended by signal {-status}", None
    return f"exit status {status}", None


def _bounded(text: str) -> str:
    return text if len(text) <= _QUOTED_CHARS else text[: _QUOTED_CHARS - 1] + "…"
