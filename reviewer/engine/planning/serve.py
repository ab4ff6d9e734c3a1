"""Prints a plan as shell commands: for this machine, several GPUs, several machines with Ray, or replicas.

The output is a script for a POSIX shell: explanations are comments, and addresses and keys are shell variables that
stop it with a message if unset. Flags and variables were checked against vLLM 0.32.0 and the command-line reference of
vllm-router.
"""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.engine.models.catalog import CatalogModel
from reviewer.engine.planning import launch
from reviewer.engine.planning.budget import GB, GPU_OVERHEAD_BYTES
from reviewer.engine.planning.hardware import Gpu
from reviewer.engine.planning.limits import GPU_SHARE_MOST
from reviewer.engine.planning.plan_text import choice
from reviewer.errors import InsufficientMemoryError, UsageError
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reviewer.engine.config import ModelConfig
    from reviewer.engine.models.shape import ModelShape
    from reviewer.engine.planning.hardware import Hardware
    from reviewer.engine.planning.memory_plan import MemoryPlan

PORT = 8000
ROUTER_PORT = 30000
RAY_PORT = 6379
_KEY = "VLLM_API_KEY"
# Not set for a model id, which has to be downloaded.
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_GPU_SIZES = (8, 12, 16, 24, 32, 40, 48, 80, 96, 141, 192)  # GB, as GPUs are sold
_CONTEXT = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a model is distributed.

    Attributes:
        tensor_parallel: GPUs that share each layer, in one machine; None lets the plan choose.
        pipeline_parallel: Groups of GPUs that share the layers; with Ray one group per machine.
        ray: Whether the groups are on several machines.
        replicas: Complete servers behind a router; 0 for none.
    """

    tensor_parallel: int | None = None
    pipeline_parallel: int = 1
    ray: bool = False
    replicas: int = 0

    @property
    def elsewhere(self) -> bool:
        """Whether it runs on other machines."""
        return self.ray or self.replicas > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A plan and what it serves.

    Attributes:
        plan: The plan of one server.
        model: A folder, or a Hugging Face id.
        folder: Whether ``model`` is a folder.
        revision: The commit of an id.
        name: The served name.
        env: Variables of the engine.
        program: The command without flags: ``vllm serve``, or a Python and a module.
        remarks: Comments for the user.
    """

    plan: MemoryPlan
    model: str
    folder: bool
    name: str
    env: Mapping[str, str]
    revision: str | None = None
    program: tuple[str, ...] = ("vllm", "serve")
    remarks: tuple[str, ...] = ()


def check(spread: Spread, shape: ModelShape) -> None:
    """Check early what vLLM would refuse after minutes of loading.

    Raises:
        UsageError: The heads or the layers cannot be split this way.
    """
    tensor = spread.tensor_parallel or 1
    if shape.heads % tensor or (shape.kv_heads % tensor and tensor % shape.kv_heads):
        fitting = [n for n in range(1, 17) if shape.heads % n == 0 and not (shape.kv_heads % n and n % shape.kv_heads)]
        raise UsageError(
            f"{shape.heads} heads with {shape.kv_heads} key and value heads cannot be split over {tensor} GPUs",
            hint=f"--tensor-parallel-size can be {', '.join(map(str, fitting))}",
        )
    if spread.pipeline_parallel > shape.layers:
        raise UsageError(f"{shape.layers} layers cannot be split into {spread.pipeline_parallel} stages")


def plan_for(
    spread: Spread, hardware: Hardware, model: CatalogModel | ModelShape, config: ModelConfig
) -> tuple[MemoryPlan, tuple[str, ...]]:
    """The plan of one server, and remarks.

    It is for this machine if that has enough GPUs. Otherwise it is for an unknown machine, with the smallest common
    GPUs that hold the model in the preferred form.

    Raises:
        EngineError: Nothing fits.
    """
    from reviewer.engine.planning.plan import make_plan

    count = (spread.tensor_parallel or 1) * spread.pipeline_parallel
    if not spread.ray and (count == 1 or count <= len(hardware.gpus)):
        if count == 1:
            return make_plan(hardware, model, config), ()
        pool = sorted(hardware.gpus, key=lambda gpu: gpu.free_bytes, reverse=True)[:count]
        machine = dataclasses.replace(hardware, gpus=_as_one_stage(pool, spread.pipeline_parallel))
        plan = make_plan(machine, model, dataclasses.replace(config, device="cuda"))
        # It may need fewer GPUs than requested, but all requested ones must be visible.
        everyone = sorted(hardware.gpus, key=lambda gpu: gpu.free_bytes, reverse=True)
        return dataclasses.replace(plan, environment=launch.gpu_environment(everyone, count)), ()
    return _elsewhere(spread, hardware, model, config)


def _elsewhere(
    spread: Spread, hardware: Hardware, model: CatalogModel | ModelShape, config: ModelConfig
) -> tuple[MemoryPlan, tuple[str, ...]]:
    from reviewer.engine.planning.plan import PlanRefusedError, make_plan

    shape = model.shape if isinstance(model, CatalogModel) else model
    tensor, stages = spread.tensor_parallel or 1, spread.pipeline_parallel
    wanted = min(config.max_model_len or _CONTEXT, shape.max_position)
    asked = dataclasses.replace(config, device="cuda", max_model_len=wanted, max_memory_gb=None)
    if isinstance(model, CatalogModel) and config.quantization == "auto":
        best = next(form.quantization for form in model.variants if form.published)
        asked = dataclasses.replace(asked, quantization=best)  # type: ignore[arg-type]
    for size in _GPU_SIZES:
        gpu = Gpu(name="GPU", total_bytes=size * GB, free_bytes=int(size * GB * 0.97), compute_capability=(9, 0))
        pool = [gpu] * (tensor * stages)
        machine = dataclasses.replace(hardware, system="Linux", gpus=_as_one_stage(pool, stages), unified=False)
        try:
            plan = make_plan(machine, model, asked)
        except PlanRefusedError:
            continue
        if plan.max_model_len == wanted and plan.max_num_seqs > 1:
            plan = dataclasses.replace(plan, gpu_memory_utilization=GPU_SHARE_MOST, environment=())
            return plan, (f"planned for other GPUs than this machine has: at least {size} GB each",)
    raise InsufficientMemoryError(
        f"{config.model_id} does not fit {tensor * stages} GPUs of {_GPU_SIZES[-1]} GB",
        hint="raise --tensor-parallel-size or --pipeline-parallel-size",
    )


def _as_one_stage(gpus: Sequence[Gpu], stages: int) -> tuple[Gpu, ...]:
    """Combine the GPUs of all pipeline stages to those of one stage, for the plan.

    Layers are split evenly, so the memory adds up, except for each GPU's own overhead.
    """
    if stages == 1:
        return tuple(gpus)
    lost = (stages - 1) * GPU_OVERHEAD_BYTES
    least = min(gpus, key=lambda gpu: gpu.free_bytes)
    one = dataclasses.replace(
        least,
        uuid="",
        total_bytes=least.total_bytes * stages - lost,
        free_bytes=max(0, least.free_bytes * stages - lost),
    )
    return (one,) * (len(gpus) // stages)


def lines(target: Target, spread: Spread) -> list[str]:
    """The commands, machine by machine."""
    found = [f"# {_summary(target.plan, spread)}", *(f"# {remark}" for remark in target.remarks)]
    if target.folder and spread.elsewhere:
        found.append(f"# every machine needs the model in {target.model}")
    serve = command(target, spread)
    if not spread.elsewhere:
        return [*found, "", *serve, "", *_client(f"http://127.0.0.1:{PORT}", key=False)]
    found.append(f"# first, on every machine: export {_KEY}=… (the same secret on all)")
    if spread.ray:
        found += ["", *_ray(spread), "# 3. on the first machine, when `ray status` shows all GPUs", *serve]
        where = "http://$HEAD_ADDRESS:" + str(PORT)
    else:
        found += ["", f"# 1. on each of the {spread.replicas} machines (or GPUs, each with its own --port)", *serve]
        where = ""
    if spread.replicas:
        return [*found, "", *_router(spread, first=4 if spread.ray else 2)]
    return [*found, "", *_client(where, key=True)]


def command(target: Target, spread: Spread) -> list[str]:
    """The server's command line, one flag per line."""
    args = launch.server_args(target.plan, target.model, target.name)
    program = list(target.program)
    if program[-1] == "serve":
        program.append(target.model)
        args = args[2:]  # --model
    if target.revision and not target.folder:
        args += ["--revision", target.revision]
    args = _with_parallelism(args, spread)
    args += ["--host", "0.0.0.0" if spread.elsewhere else "127.0.0.1", "--port", str(PORT)]  # noqa: S104 - with a key  # nosec B104
    env = {name: value for name, value in target.env.items() if target.folder or name not in _OFFLINE}
    if spread.ray:
        env.pop("CUDA_VISIBLE_DEVICES", None)
    words = [f"{name}={shlex.quote(value)}" for name, value in sorted(env.items())]
    if spread.elsewhere:
        words.insert(0, _required(_KEY))
    rows = [*words, shlex.join(program), *pairs(args)]
    return continued(rows)


def continued(rows: Sequence[str]) -> list[str]:
    """Continue a shell command over several lines."""
    return [("  " if i else "") + row + (" \\" if i < len(rows) - 1 else "") for i, row in enumerate(rows)]


def _with_parallelism(args: list[str], spread: Spread) -> list[str]:
    if spread.tensor_parallel is not None:
        if "--tensor-parallel-size" in args:
            at = args.index("--tensor-parallel-size")
            del args[at : at + 2]
        args += ["--tensor-parallel-size", str(spread.tensor_parallel)]
    if spread.pipeline_parallel > 1:
        args += ["--pipeline-parallel-size", str(spread.pipeline_parallel)]
    if spread.ray:
        args += ["--distributed-executor-backend", "ray"]
    return args


def _summary(plan: MemoryPlan, spread: Spread) -> str:
    count = (spread.tensor_parallel or plan.tensor_parallel) * spread.pipeline_parallel
    what = f"{plan.model}, {choice(dataclasses.replace(plan, tensor_parallel=1))}"
    if plan.device != "cuda":
        return f"{what}: {byte_size(plan.total_bytes)} of memory"
    least = plan.total_bytes + (spread.pipeline_parallel - 1) * GPU_OVERHEAD_BYTES
    return f"{what}: {byte_size(least / count)} on {'the GPU' if count == 1 else f'each of {count} GPUs'}"


def _ray(spread: Spread) -> list[str]:
    again = [f"# steps 1 to 3 for each of the {spread.replicas} replicas"] if spread.replicas else []
    return [
        *again,
        "# 1. on the first machine; all need the same Python and vLLM, and `pip install ray`",
        f"ray start --head --port={RAY_PORT}",
        "",
        "# 2. on every other machine, with the first one's address",
        f'ray start --address="${{HEAD_ADDRESS:?the address of the first machine}}:{RAY_PORT}"',
        "",
    ]


def _router(spread: Spread, *, first: int) -> list[str]:
    names = [f"REPLICA_{number}" for number in range(1, spread.replicas + 1)]
    urls = " ".join(f'"http://${{{name}:?the address of replica {i}}}:{PORT}"' for i, name in enumerate(names, 1))
    return [
        f"# {first}. where reviewer runs: vLLM's router (pip install vllm-router), which sends prompts with the same",
        "#    prefix to the same replica, and skips replicas that stop answering",
        "vllm-router \\",
        f"  --worker-urls {urls} \\",
        "  --policy cache_aware \\",
        f'  --api-key "${{{_KEY}:?}}" \\',
        f"  --host 127.0.0.1 --port {ROUTER_PORT}",
        "",
        *_client(f"http://127.0.0.1:{ROUTER_PORT}", key=False),
    ]


def _client(url: str, *, key: bool) -> list[str]:
    rows = ["# then, where reviewer runs", f'export REVIEWER_ENGINE_URL="{url}"']
    return [*rows, f'export REVIEWER_ENGINE_API_KEY="${_KEY}"'] if key else rows


def _required(name: str) -> str:
    """An assignment that stops the shell if the variable is unset, so that no server runs without a key."""
    return f'{name}="${{{name}:?set to a secret of your own}}"'


def pairs(args: Iterable[str]) -> list[str]:
    """Each flag with its value, quoted for a shell."""
    rows: list[str] = []
    for word in args:
        if word.startswith("--") or not rows:
            rows.append(shlex.quote(word))
        else:
            rows[-1] += " " + shlex.quote(word)
    return rows
