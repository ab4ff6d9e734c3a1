"""Starts the model server once, whoever asks, and waits until it answers.

One server per configuration, detached, so that it stays warm after the command that needed it, and below a supervisor
(``supervisor.py``) that looks after it from then on. The lock is held only
while a server is started or ended, never while it loads: two commits at once start one engine and both wait for it.
Whether a recorded engine is still there is told from its supervisor's process, not from its files.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psutil

from reviewer.engine import failures, life, listen, probe, process, registry, state
from reviewer.engine.endpoint import API_KEY_VARIABLE
from reviewer.engine.job import Job, Watch
from reviewer.engine.life import Life, Phase, Reason
from reviewer.engine.registry import Place
from reviewer.engine.startup import LogWatch
from reviewer.engine.state import Record, ServerState, Status
from reviewer.errors import EngineNotReadyError, EngineStartError
from reviewer.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.engine.endpoint import Endpoint
    from reviewer.engine.listen import Address

_POLL_SECONDS = 0.2
_HANDSHAKE_SECONDS = 20.0  # the supervisor needs a tenth of one
_READ_LINES = 2000  # several processes write their tracebacks below the one that counts
_STATUS_HINT = "reviewer engine status shows how far it is"

# The engine outlives the commit: the hook's view of git and the caller's Python must not leak into it, and its folder
# is never the repository, whose modules Python would import in place of vLLM's own. Without bytecode each of its
# processes compiles all of vLLM's sources anew.
_DROPPED = (
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__",
    API_KEY_VARIABLE,
)  # fmt: skip
_DROPPED_PREFIXES = ("GIT_", "PRE_COMMIT")


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """What to run.

    Attributes:
        argv: The server's command without the flags of the endpoint.
        env: Variables on top of the environment.
        model: The model's name, for people.
        served_name: Its name in requests.
        key: Identity of everything that matters; servers with the same key are the same server.
        memory_limit_bytes, planned_bytes: From the plan, kept for status.
        facts: Whatever else a later command must know of the running server; plain JSON values.
        ready_timeout: Seconds of silence in the log after which a starting server is given up.
        watch: How closely it is watched while it runs.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    model: str
    served_name: str
    key: str
    memory_limit_bytes: int | None = None
    planned_bytes: int | None = None
    ready_timeout: float = 300.0
    facts: Mapping[str, Any] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)

    @property
    def host_limit_bytes(self) -> int | None:
        """The ceiling of its processes; None where the limit is the share of a GPU, which vLLM keeps itself."""
        return None if "--gpu-memory-utilization" in self.argv else self.memory_limit_bytes

    @property
    def name(self) -> str:
        """Short name of this configuration, for files."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.model.rsplit("/", 1)[-1].lower()).strip("-")[:32]
        return f"{slug or 'model'}-{hashlib.sha256(self.key.encode()).hexdigest()[:8]}"


class _CancelledError(EngineNotReadyError):
    """The caller does not want to wait any more."""


class _GoneError(EngineStartError):
    """The engine that was joined was just being stopped for having nothing to do."""


class Server:
    """The server of one configuration.

    Args:
        spec: What to run.
        run_dir: Keep all files there instead of in the user's own folders.
    """

    def __init__(self, spec: ServerSpec, run_dir: Path | None = None) -> None:
        self.spec = spec
        self._place = Place.at(run_dir)
        self._name = spec.name

    @property
    def log(self) -> Path:
        """Where its output goes; the output of the start before lies beside it as ``.log.1``."""
        return self._place.log_file(self._name)

    def start(
        self, progress: Progress = SILENT, wait: float | None = None, cancelled: threading.Event | None = None
    ) -> Endpoint:
        """Start the server, or join the one that runs, and wait until it answers.

        Blocks; an asynchronous caller runs it in a thread and sets ``cancelled`` to make it return.

        Args:
            progress: Hears of the steps.
            wait: Longest time to wait, in seconds; the server goes on loading after it. None waits as long as its log
                moves, and ends the server when the wait is interrupted, if this call has started it.
            cancelled: Interrupts the wait.

        Raises:
            EngineNotReadyError: ``wait`` is over, or the wait was cancelled.
            EngineStartError: It died, or its log stood still for ``ready_timeout``.
        """
        record = self._alive()
        if record is not None and probe.is_ready(record.endpoint):
            self._note_use()
            return record.endpoint
        cancelled = cancelled or threading.Event()
        try:
            return self._start_and_wait(progress, wait, cancelled)
        except _GoneError:
            return self._start_and_wait(progress, wait, cancelled)

    def _start_and_wait(self, progress: Progress, wait: float | None, cancelled: threading.Event) -> Endpoint:
        before = life.read(self._place.life_file(self._name))
        record = self._alive()
        record, ours = (record, False) if record is not None else self._start_or_join()
        self._note_use()
        told = before if ours else registry.life_of(self._place, record)
        news = told is not None and (told.ended_unasked if ours else told.phase is Phase.RESTARTING)
        try:
            return self._until_ready(record, progress, wait, cancelled, told if news else None)
        except (KeyboardInterrupt, _CancelledError):
            if ours and wait is None:
                registry.stop(self._place, record)
            raise

    def last_end(self) -> Life | None:
        """Why the engine is gone, where nobody has asked for it; None while one is there."""
        found = life.read(self._place.life_file(self._name)) if self._alive() is None else None
        return found if found is not None and found.ended_unasked else None

    def stop(self) -> None:
        """End the whole tree of processes and remove socket and state; does nothing where none runs.

        Raises:
            EngineError: Some process could not be ended.
        """
        state.private_folder(self._place.run)
        with self._place.locked(self._name):
            self._clean()

    def restart(self, progress: Progress = SILENT, wait: float | None = None) -> Endpoint:
        """Stop it and start it again."""
        self.stop()
        return self.start(progress, wait)

    def state(self, *, measure: bool = True) -> ServerState:
        """The server as it is now; ``measure`` weighs its processes too."""
        record = self._recorded()
        if record is not None:
            return registry.look(record, measure=measure, place=self._place)
        return ServerState(
            Status.STOPPED, self.spec.key, self.spec.model, self.spec.served_name, self.log,
            planned_bytes=self.spec.planned_bytes, memory_limit_bytes=self.spec.memory_limit_bytes,
            life=life.read(self._place.life_file(self._name)),
        )  # fmt: skip

    def running_facts(self) -> Mapping[str, Any] | None:
        """The facts of the server that runs now, loading or ready; None where none does."""
        record = self._alive()
        return record.facts if record is not None else None

    def logs(self, lines: int = 50) -> list[str]:
        """The last lines of its output."""
        return registry.tail(self.log, lines)

    def _recorded(self) -> Record | None:
        return state.read(self._place.state_file(self._name))

    def _alive(self) -> Record | None:
        record = self._recorded()
        return record if record is not None and process.find(record.pid, record.created, record.marker) else None

    def _start_or_join(self) -> tuple[Record, bool]:
        """The engine's record, and whether this call has started it."""
        state.private_folder(self._place.run)
        state.private_folder(self._place.logs)
        with self._place.locked(self._name):
            record = self._alive()
            if record is not None:
                return record, False
            self._clean()
            try:
                return self._launch(), True
            except OSError as error:
                raise EngineStartError(
                    f"the engine cannot be started: {error}", hint=failures.what_to_do(str(error))
                ) from error

    def _clean(self) -> None:
        """Remove what an earlier engine left: processes, socket, state; the lock is held."""
        record = self._recorded()
        if record is not None:
            registry.stop_locked(self._place, record)
        # Also one whose state file was lost or is not readable: its memory would be missing for the next.
        registry.end_marked(self._marker())
        with suppress(OSError):
            self._place.state_file(self._name).unlink()

    def _launch(self) -> Record:
        """Start the supervisor, which starts the engine, and write down that it runs; the lock is held."""
        job = self._job(listen.choose(self._place.run, self._name))
        marker = job.marker
        env = _environment({process.MARKER: marker})
        started_at = time.time()
        with _fresh(self.log) as output:
            root = process.start_detached(_supervisor(), env=env, cwd=self._place.run, output=output, given=job.dump())
        record = Record(
            name=self._name, key=self.spec.key, marker=marker, pid=root.pid, created=process.created(root),
            started_at=started_at, model=self.spec.model, served_name=self.spec.served_name,
            url=job.url, uds=job.uds, api_key=job.api_key, log=str(self.log),
            planned_bytes=self.spec.planned_bytes, memory_limit_bytes=self.spec.memory_limit_bytes,
            facts=dict(self.spec.facts),
        )  # fmt: skip
        try:
            state.write(self._place.state_file(self._name), record)
            self._await_engine(record, root)
        except BaseException:
            process.end(root, marker, grace=0)
            registry.forget(self._place, record)
            raise
        return record

    def _job(self, address: Address) -> Job:
        marker = self._marker() + secrets.token_hex(8)
        return Job(
            name=self._name, marker=marker, run=str(self._place.run), logs=str(self._place.logs),
            model=self.spec.model, argv=(*self.spec.argv, *address.flags),
            env=_environment(self.spec.env) | address.env | {process.MARKER: marker},
            url=address.url, uds=str(address.uds) if address.uds else None, api_key=address.api_key,
            memory_limit_bytes=self.spec.host_limit_bytes, planned_bytes=self.spec.planned_bytes,
            watch=self.spec.watch,
        )  # fmt: skip

    def _await_engine(self, record: Record, supervisor: psutil.Process) -> None:
        """Wait until the supervisor has started the engine, or has ended without."""
        deadline = time.monotonic() + _HANDSHAKE_SECONDS
        while registry.life_of(self._place, record) is None and time.monotonic() < deadline:
            if process.find(supervisor.pid, record.created, record.marker) is None:
                return
            time.sleep(0.01)

    def _note_use(self) -> None:
        """Tell the supervisor that somebody is about to ask; it looks at the time of the state file."""
        with suppress(OSError):
            os.utime(self._place.state_file(self._name))

    def _until_ready(
        self, record: Record, progress: Progress, wait: float | None, cancelled: threading.Event, told: Life | None
    ) -> Endpoint:
        began = time.monotonic()
        expected = state.read_number(self._place.timing_file(self._name), "seconds")
        again = told is not None and told.phase is Phase.RESTARTING
        watch = LogWatch(
            Path(record.log), progress, expected=expected,
            started_at=told.since if told is not None and again else record.started_at,
            why=told.message.removeprefix("the engine ") if told else "",
        )  # fmt: skip
        while True:
            watch.look()
            if probe.is_ready(record.endpoint):
                if not again:
                    self._note_timing(watch)
                return record.endpoint
            if process.find(record.pid, record.created, record.marker) is None:
                raise self._died(record)
            if watch.silence > self.spec.ready_timeout:
                raise self._hung(record, watch)
            if wait is not None and time.monotonic() - began >= wait:
                raise EngineNotReadyError(f"the engine is still loading ({watch.describe()})", hint=_STATUS_HINT)
            if cancelled.wait(_POLL_SECONDS):
                raise _CancelledError("the wait for the engine was cancelled", hint=_STATUS_HINT)

    def _note_timing(self, watch: LogWatch) -> None:
        with suppress(OSError):  # only an estimate for the next time
            state.write_json(self._place.timing_file(self._name), {"seconds": round(watch.elapsed, 1)})

    def _died(self, record: Record) -> EngineStartError:
        with self._place.locked(self._name):  # whoever is ending it is done then
            lived = registry.life_of(self._place, record)
            lines = registry.tail(Path(record.log), _READ_LINES)
            current = self._recorded()
            replaced = current is not None and current.marker != record.marker
            registry.end_marked(record.marker)
            registry.forget(self._place, record)
        asked = lived is not None and lived.reason is Reason.ASKED
        if replaced or asked or registry.STOPPED_LINE in lines[-3:]:
            return EngineStartError("the engine was stopped while it was loading", hint="reviewer engine start")
        if lived is not None and (lived.phase is Phase.STOPPED or lived.reason is Reason.NOT_STARTED):
            gone = _GoneError if lived.reason is Reason.IDLE else EngineStartError
            return gone(lived.message, hint=lived.hint or None)
        failure = failures.explain(lines, lived.exit_status if lived else None)
        return failure.error("the engine died while starting", Path(record.log))

    def _hung(self, record: Record, watch: LogWatch) -> EngineStartError:
        registry.stop(self._place, record)
        failure = failures.explain(registry.tail(Path(record.log), _READ_LINES), None)
        silent = f"the engine said nothing for {watch.silence:.0f} s while {watch.describe()}, and was ended"
        return failure.error(silent, Path(record.log))

    def _marker(self) -> str:
        return f"{self._place.marker}{self._name}:"


def _supervisor() -> list[str]:
    """The command of the supervisor: no site module, and only the two folders of what it imports."""
    folders = [str(Path(__file__).parents[2]), str(Path(psutil.__file__).parents[1]), *_filelock_folder()]
    code = "import sys; sys.path += sys.argv[1:]; from reviewer.engine.supervisor import main; main()"
    return [sys.executable, "-I", "-S", "-c", code, *dict.fromkeys(folders)]


def _filelock_folder() -> list[str]:
    import filelock

    return [str(Path(filelock.__file__).parents[1])]


def _environment(additions: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES)
    }
    ours = {
        "PYTHONUNBUFFERED": "1",  # or the log would stand still while the engine moves
        "SPT_NOENV": "1",  # vLLM's workers change their titles, and would write them over our marker
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
    }
    return kept | ours | dict(additions)


def _fresh(log: Path) -> IO[bytes]:
    """An empty log for its owner only; the one before is kept beside it."""
    with suppress(OSError):  # Windows: the engine before may still hold it
        log.replace(log.with_name(f"{log.name}.1"))
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
