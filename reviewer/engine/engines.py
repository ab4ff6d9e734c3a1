"""The two kinds of engine that a manager can hold: one that we start from a configuration, and one at a URL.

Only here do three kinds of facts meet: the request (``ModelConfig``), the machine (hardware, environment, model files)
and the catalog.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer.engine import special_tokens
from reviewer.engine.client.health import EndpointState, EngineFacts
from reviewer.engine.config import EMBEDDED_MODELS
from reviewer.engine.models import catalog
from reviewer.engine.planning import launch, plan_text
from reviewer.engine.profile import ModelProfile, ReplyBounds
from reviewer.errors import EngineNotReadyError, ModelNotInstalledError

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from reviewer.engine.client.endpoint import Endpoint
    from reviewer.engine.config import ModelConfig
    from reviewer.engine.install.environment import EngineEnvironment
    from reviewer.engine.models.forms import Form
    from reviewer.engine.models.installed import InstalledModel
    from reviewer.engine.planning.hardware import Hardware
    from reviewer.engine.planning.memory_plan import MemoryPlan
    from reviewer.engine.server.server import Server
    from reviewer.terminal.progress import Progress

# For an endpoint that does not publish its context length: what any current model has.
_UNKNOWN_CONTEXT = 4096
_UNKNOWN_SEQUENCES = 32
# vLLM repacks int4 weights without logging: for 1.5 billion more than 300 s on two busy cores.
_INT4_PATIENCE = 4


@dataclass(frozen=True, slots=True)
class Serving:
    """How a model is served: what a plan decides and a later command must know.

    It is stored beside the running server, since a new plan would differ: the server itself takes memory, and another
    program may have taken or freed some.
    """

    context_tokens: int
    max_num_seqs: int
    quantization: str
    dtype: str
    limit_bytes: int
    planned_bytes: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnEngine:
    """An engine that we start and stop.

    Attributes:
        plan: What it will be started with; None while one is already running.
        form: The weights of the plan; None without one.
    """

    config: ModelConfig
    model: InstalledModel
    serving: Serving
    profile: ModelProfile
    server: Server
    plan: MemoryPlan | None
    left_out: tuple[EndpointState, ...] = ()
    form: Form | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """One line that says how the plan falls short of an explicit request; empty if it does not."""
        return self.serving.notes

    def start(
        self, progress: Progress, wait: float | None, cancelled: threading.Event
    ) -> tuple[Endpoint, ...]:  # fmt: skip
        """Convert the model if the plan needs another form of it, and start or join the server; see ``Server.start``.

        Raises:
            EngineNotReadyError: The model must be converted first, and there is a limit for the wait.
        """
        # Without a plan it was running when this was prepared; it may have been stopped since.
        if self.plan is None and self.server.running_facts() is None:
            return prepare(self.config).start(progress, wait, cancelled)
        self._make_form(progress, wait)
        return (self.server.start(progress, wait, cancelled),)

    def is_running(self) -> bool:
        """Whether it runs, loading or ready."""
        return self.server.running_facts() is not None

    def _make_form(self, progress: Progress, wait: float | None) -> None:
        if self.form is None or self.form.there:
            return
        if wait is not None:
            message = f"{self.model.id} has not been converted to {self.form.title} yet"
            raise EngineNotReadyError(message, hint="reviewer engine start")
        self.form.make(progress)

    def stop(self) -> None:
        """End the server and all its processes."""
        self.server.stop()

    def facts(self, *, verify: bool = True) -> EngineFacts:
        """What can be seen of the engine; ``verify`` checks the model's files too."""
        from reviewer.engine.models.store import ModelStore

        state = self.server.state()
        damaged = tuple(str(damage) for damage in ModelStore().verify(self.model.id, full=False)) if verify else None
        return EngineFacts(
            state=str(state.status),
            pid=state.pid,
            endpoint=str(state.endpoint) if state.endpoint else None,
            log=str(state.log),
            quantization=self.serving.quantization,
            dtype=self.serving.dtype,
            memory_limit=self.serving.limit_bytes,
            memory_planned=self.serving.planned_bytes,
            memory_measured=state.memory_bytes,
            damaged=damaged,
        )


@dataclass(frozen=True, slots=True)
class AttachedEngine:
    """Servers at configured URLs, which we neither start nor stop.

    Attributes:
        endpoints: Those that answered, all with the same model.
        left_out: Those that did not.
    """

    endpoints: tuple[Endpoint, ...]
    profile: ModelProfile
    left_out: tuple[EndpointState, ...] = ()
    notes: tuple[str, ...] = ()

    def start(
        self, progress: Progress, wait: float | None, cancelled: threading.Event
    ) -> tuple[Endpoint, ...]:  # fmt: skip
        """They answered when they were attached."""
        del progress, wait, cancelled
        return self.endpoints

    def is_running(self) -> bool:
        """They answered when they were attached."""
        return True

    def stop(self) -> None:
        """Leave them running."""

    def facts(self, *, verify: bool = True) -> EngineFacts:  # noqa: ARG002
        """What can be seen of them."""
        return EngineFacts(state="attached", endpoint=", ".join(str(endpoint) for endpoint in self.endpoints))


def prepare(config: ModelConfig, machine: Hardware | None = None) -> OwnEngine:
    """Find the model and the environment, and the server that runs for them or a plan for one; nothing is started.

    Raises:
        ModelNotInstalledError, ModelDamagedError: The model's files are missing or damaged.
        EngineNotInstalledError: vLLM is not installed.
        InsufficientMemoryError: No plan fits.
    """
    from reviewer.engine.install import environment
    from reviewer.engine.models.forms import Form, measured
    from reviewer.engine.models.store import ModelStore
    from reviewer.engine.planning import embedded, hardware
    from reviewer.engine.planning.plan import make_plan
    from reviewer.engine.server.job import Watch
    from reviewer.engine.server.server import Server, ServerSpec

    config, _ = embedded.resolved(config, machine)
    model = _find(config, machine)
    engine = environment.find(python=config.engine_python, device=config.device)
    spec = ServerSpec(
        argv=(), env={}, model=model.id, served_name=model.id, key=_identity(config, model, engine),
        ready_timeout=config.start_timeout, watch=Watch(idle_timeout=config.idle_timeout),
    )  # fmt: skip
    plan = form = None
    serving = _served(Server(spec).running_facts())
    if serving is None:
        stored = measured(model)
        plan = make_plan(machine or hardware.detect(), stored, config, vllm_version=engine.vllm_version)
        form = Form(ModelStore().root, model, stored, plan.quantization, plan.dtype)
        serving = _serving(plan, config)
        spec = dataclasses.replace(
            spec,
            ready_timeout=config.start_timeout * (_INT4_PATIENCE if plan.quantization == "int4" else 1),
            argv=(
                *launch.server_command(engine.python, engine.vllm_version, plan.device),
                *launch.server_args(plan, form.path, model.id),
            ),
            env=launch.server_env(plan, engine.prefix),
            memory_limit_bytes=plan.limit_bytes,
            planned_bytes=plan.total_bytes,
            facts=dataclasses.asdict(serving),
        )
    digest = _digest(model.digest, serving.quantization, serving.dtype)
    profile = _profile(model.id, digest, serving.context_tokens, serving.max_num_seqs)
    profile = dataclasses.replace(profile, special_tokens=special_tokens.read(model.path))
    return OwnEngine(config, model, serving, profile, Server(spec), plan, form=form)


def _find(config: ModelConfig, machine: Hardware | None) -> InstalledModel:
    """The installed model; the error for one that is not installed says first whether it fits this machine."""
    from reviewer.engine.models.store import ModelStore
    from reviewer.engine.planning import figures, hardware

    try:
        return ModelStore().find(config.model_id)
    except ModelNotInstalledError:
        figures.require_fit(config, machine or hardware.detect())
        raise


def _identity(config: ModelConfig, model: InstalledModel, engine: EngineEnvironment) -> str:
    """Two servers are the same if their configuration, model and environment are, whatever was planned."""
    asked = (config.max_memory_gb, config.quantization, config.device, config.max_model_len, config.max_num_seqs)
    return _digest(model.id, model.digest, str(engine.python), engine.vllm_version, *asked)


def _serving(plan: MemoryPlan, config: ModelConfig) -> Serving:
    asked = config.quantization != "auto" or config.max_memory_gb or config.max_model_len or config.max_num_seqs
    short = "; ".join((*plan.steps, f"planned {plan_text.choice(plan)} (see reviewer engine plan)"))
    return Serving(
        context_tokens=plan.max_model_len,
        max_num_seqs=plan.max_num_seqs,
        quantization=plan.quantization,
        dtype=plan.dtype,
        limit_bytes=plan.limit_bytes,
        planned_bytes=plan.total_bytes,
        notes=(short,) if asked and plan.steps else (),
    )


def _served(facts: Mapping[str, Any] | None) -> Serving | None:
    """Read the stored facts; None where nothing runs or another version wrote them."""
    if facts is None or set(facts) != {item.name for item in dataclasses.fields(Serving)}:
        return None
    return Serving(**{**facts, "notes": tuple(facts["notes"])})


async def attach(config: ModelConfig) -> AttachedEngine:
    """Ask the configured endpoints which model they serve; see ``attached.look`` for the errors."""
    from reviewer.engine.client import attached

    served = await attached.look(config)
    # Over all configured ones: which of them answer today must not change the cache's keys.
    digest = _digest(", ".join(sorted(served.urls)), served.model, served.root)
    sequences = (config.max_num_seqs or _UNKNOWN_SEQUENCES) * len(served.endpoints)
    profile = _profile(served.model, digest, served.context_tokens or _UNKNOWN_CONTEXT, sequences)
    return AttachedEngine(served.endpoints, profile, served.left_out)


def _profile(name: str, digest: str, context: int, max_num_seqs: int) -> ModelProfile:
    known = catalog.family(name)
    return ModelProfile(
        id=name,
        digest=digest,
        context_tokens=context,
        max_num_seqs=max_num_seqs,
        few_shot=known.few_shot if known else False,
        prefill=known.prefill if known else False,
        summaries=known.summaries if known else True,
        least_sure=known.least_sure if known else None,
        reasoning=known.reasoning if known else False,
        embedded=name in EMBEDDED_MODELS.values(),
        bounds=_bounds(known),
        fim=known.fim if known else None,
        sampling=known.sampling if known else {},
    )


def _bounds(known: catalog.CatalogModel | None) -> ReplyBounds:
    return known.reply if known else ReplyBounds()


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
