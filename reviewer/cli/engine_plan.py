"""``reviewer engine plan`` and ``reviewer engine command``: show what would be run, without running it."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli.options import as_flags, embedded_options, words

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reviewer.engine.planning.figures import Figures
    from reviewer.engine.planning.hardware import Hardware
    from reviewer.engine.planning.memory_plan import MemoryPlan
    from reviewer.engine.planning.plan import PlanRefusedError

_ASCII: dict[str, str | int | None] = {**dict.fromkeys("█▉▊▋▌", "#"), "▍": "", "▎": "", "▏": "", "→": "->", "…": "..."}


def _plan_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a plan depends on."""
    for option in (
        click.option(
            "--max-num-seqs", type=click.IntRange(min=1), metavar="N", help="Number of requests decoded at once."
        ),
        click.option("--max-model-len", type=click.IntRange(min=1), metavar="N", help="Context length in tokens."),
        click.option("--device", type=click.Choice(words("device")), help="Device that the engine runs on."),
        click.option("--quantization", type=click.Choice(words("quantization")), help="How the weights are stored."),
        click.option("--max-memory-gb", type=float, metavar="GB", help="Memory that the engine may use."),
        *reversed(embedded_options),
        click.option("--model", metavar="MODEL", help="A catalog name, a Hugging Face id or a local folder."),
    ):
        function = option(function)
    return function


@click.command()
@_plan_options
@click.option("--json", "as_json", is_flag=True, help="Output JSON; sizes in bytes.")
def plan(*, as_json: bool, **flags: Any) -> None:
    """Show how a model would fit this machine.

    Prints the memory it needs, what was reduced to make it fit and why, and the start command. Loads nothing.
    """
    from reviewer.engine.planning import launch
    from reviewer.engine.planning.plan import PlanRefusedError, make_plan
    from reviewer.terminal import output

    figures, machine = _look(flags)
    python, version, prefix = _engine(figures)
    try:
        made = make_plan(machine, figures.model, figures.config, vllm_version=version)
    except PlanRefusedError as refusal:
        if as_json:
            output.say(json.dumps(_refused(figures, refusal), indent=2))
        raise
    program = launch.server_command(python, version, made.device)
    args = launch.server_args(made, figures.loaded_from(made), figures.name)
    env = launch.server_env(made, prefix)
    if as_json:
        argv = [*program, *args]
        facts = {"fits": True, **made.as_dict(), "figures": figures.origin, "argv": argv, "engine_environment": env}
        output.say(json.dumps(facts, indent=2))
    else:
        _show(_plan_lines(made, figures, machine, (program, args, env)))


@click.command()
@_plan_options
@click.option(
    "--tensor-parallel-size", type=click.IntRange(1, 64), metavar="N", help="GPUs that share each layer of the model."
)
@click.option(
    "--pipeline-parallel-size",
    type=click.IntRange(1, 64),
    default=1,
    metavar="N",
    help="Groups of GPUs that share the layers; with --ray one group per machine.",
)
@click.option("--ray", is_flag=True, help="Use several machines, with Ray.")
@click.option("--router", is_flag=True, help="Use several servers behind vLLM's router.")
@click.option(
    "--replicas",
    type=click.IntRange(2, 64),
    default=2,
    show_default=True,
    metavar="N",
    help="Number of servers with --router.",
)
def command(
    *,
    tensor_parallel_size: int | None,
    pipeline_parallel_size: int,
    ray: bool,
    router: bool,
    replicas: int,
    **flags: Any,
) -> None:
    """Print the commands that serve a model by hand.

    On this machine, on several GPUs, on several machines with Ray, or behind vLLM's router. The output can be pasted
    into a shell: everything but the commands is commented out.
    """
    from reviewer.engine.planning import launch, serve

    spread = serve.Spread(
        tensor_parallel=tensor_parallel_size,
        pipeline_parallel=pipeline_parallel_size,
        ray=ray,
        replicas=replicas if router else 0,
    )
    figures, machine = _look(flags)
    serve.check(spread, figures.shape)
    made, remarks = serve.plan_for(spread, machine, figures.model, figures.config)
    if spread.elsewhere and not remarks:
        remarks = ("planned for machines like this one",)
    python, _, prefix = _engine(figures)
    here = not spread.elsewhere
    # The CPU build has no working `vllm serve`: that command looks for a distribution of another name.
    module = (str(python) if here else "python", "-m", launch.SERVER_MODULE)
    target = serve.Target(
        plan=made,
        model=figures.loaded_from(made),
        folder=figures.folder is not None,
        revision=figures.revision(made),
        name=figures.name,
        env=launch.server_env(made, prefix) if here else _portable(made),
        program=module if made.device == "cpu" else ("vllm", "serve"),
        # Each stage is planned as one large GPU, so the steps of such a plan name GPUs that do not exist.
        remarks=(f"figures: {figures.origin}", *remarks, *(made.steps if pipeline_parallel_size == 1 else ())),
    )
    _show(serve.lines(target, spread))


def _look(flags: dict[str, Any]) -> tuple[Figures, Hardware]:
    """The model and the machine, by the settings in effect."""
    from reviewer.cli.common import here, load_settings
    from reviewer.engine.planning import figures, hardware
    from reviewer.terminal import output

    settings = load_settings(here(), as_flags(flags))
    if settings.url:
        output.note(f"engine.url is set to {settings.url}; this is the plan of a local engine")
    return figures.find(settings.model_config), hardware.detect()


def _engine(figures: Figures) -> tuple[Path, str, Path]:
    """The engine's Python, its vLLM version and the root of its environment; placeholders if vLLM is not installed."""
    from pathlib import Path

    from reviewer.engine.install import environment
    from reviewer.errors import EngineNotInstalledError

    try:
        engine = environment.find(python=figures.config.engine_python, device=figures.config.device)
    except EngineNotInstalledError:
        return Path("python"), "", Path("vllm-is-not-installed")
    return engine.python, engine.vllm_version, engine.prefix


def _portable(made: MemoryPlan) -> dict[str, str]:
    """The variables that also hold on other machines: no local paths, no choice of GPUs."""
    from pathlib import Path

    from reviewer.engine.planning import launch

    env = launch.server_env(made, Path("elsewhere"))
    return {name: value for name, value in env.items() if name not in ("LD_PRELOAD", "CUDA_VISIBLE_DEVICES")}


def _refused(figures: Figures, refusal: PlanRefusedError) -> dict[str, Any]:
    return {
        "fits": False,
        "model": figures.config.model_id,
        "message": refusal.message,
        "needed_bytes": refusal.needed_bytes,
        "limit_bytes": refusal.limit_bytes,
        "budget": [dataclasses.asdict(item) for item in refusal.budget],
        "alternatives": list(refusal.alternatives),
        "figures": figures.origin,
    }


def _plan_lines(
    made: MemoryPlan,
    figures: Figures,
    machine: Hardware,
    run: tuple[tuple[str, ...], list[str], dict[str, str]],
) -> list[str]:
    import shlex

    from reviewer.engine.planning import plan_text, serve
    from reviewer.terminal.output import byte_size

    program, args, env = run
    gpus = "".join(f", {gpu.name} {byte_size(gpu.total_bytes)}" for gpu in machine.gpus)
    cores = f"{machine.cpu_cores} core{'s' if machine.cpu_cores != 1 else ''}"
    rows = [f"{name}={shlex.quote(value)}" for name, value in sorted(env.items())]
    rows += [shlex.join(program), *serve.pairs(args)]
    return [
        *plan_text.describe(made).splitlines(),
        "",
        f"machine: {machine.cpu_name or machine.machine}, {cores}, {byte_size(machine.total_bytes)}{gpus}",
        f"figures: {figures.origin}",
        "command (the socket is chosen at the start):",
        *(f"  {line}" for line in serve.continued(rows)),
    ]


def _show(rows: list[str]) -> None:
    from reviewer.terminal import output
    from reviewer.terminal.masking import visible

    text = "\n".join(visible(row) for row in rows)
    output.say(text if output.can_draw() else text.translate(str.maketrans(_ASCII)))
