"""``reviewer engine``: install, start, stop and inspect the model server.

``status``, ``logs`` and ``stop`` read state files, so they work in any folder and under any configuration. Only
the endpoints of ``engine.url``, which ``status`` also shows, come from the settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import completing, engine_plan
from reviewer.cli.options import as_flags, model_options, words

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.install.managed import InstallPlan
    from reviewer.engine.manager import AIModelManager
    from reviewer.engine.server.state import Record
    from reviewer.terminal.progress import Progress


@click.group()
def engine() -> None:
    """Install, start, stop and inspect the model server."""


engine.add_command(engine_plan.plan)
engine.add_command(engine_plan.command)


@engine.command()
@click.option(
    "--device", type=click.Choice(words("device")), default="auto", help="Device that the engine will run on."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")
def install(*, device: Any, yes: bool, dry_run: bool) -> None:
    """Install vLLM into a Python environment of its own."""
    from reviewer.cli.common import confirm
    from reviewer.engine.install import environment
    from reviewer.terminal import live, output

    plan = environment.plan_install(device)
    if dry_run:
        output.say("\n".join(_plan_lines(plan)))
        return
    if not yes and not plan.installed:
        confirm(f"Install vLLM for {plan.device} ({output.byte_size(plan.bytes_needed)}) into {plan.folder}?")
    with live.progress() as progress:
        made = environment.install(device, progress=progress)
    output.say(f"vLLM {made.vllm_version} for {made.device}  {made.python}")


@engine.command()
@model_options
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Return after this long even if it is still loading.",
)
def start(*, wait: float | None, **flags: Any) -> None:
    """Start the engine, unless it is running, and leave it running."""

    async def load(manager: AIModelManager, progress: Progress) -> None:
        await manager.load_model(progress=progress, wait=wait)

    _with_manager(load, flags)


@engine.command()
@model_options
def restart(**flags: Any) -> None:
    """Stop and start the engine."""

    async def again(manager: AIModelManager, progress: Progress) -> None:
        await manager.profile()  # restart() needs a prepared manager
        await manager.restart(progress=progress)

    _with_manager(again, flags)


@engine.command()
@click.argument("model", required=False, shell_complete=completing.installed_models)
@click.option("--all", "everything", is_flag=True, help="Stop every engine of this user.")
def stop(model: str | None, *, everything: bool) -> None:
    """Stop the engine and all its processes; name MODEL if several are running."""
    from reviewer.engine.server import registry, state
    from reviewer.terminal import output

    place = registry.Place.at()
    if everything:
        stopped = registry.stop_all()
    else:
        record = _chosen(state.read_all(place.run), model)
        stopped = [] if record is None else [record]
        for one in stopped:
            registry.stop(place, one)
    for record in stopped:
        output.say(f"{record.model} stopped")
    if not stopped:
        output.say("no engine is running")


@engine.command()
@click.option("--json", "as_json", is_flag=True, help="Output JSON: sizes in bytes, times in seconds since 1970.")
def status(*, as_json: bool) -> None:
    """Show running engines, why others ended, and the endpoints of engine.url."""
    from reviewer.cli import engine_attached, engine_status
    from reviewer.engine.server import registry
    from reviewer.terminal import output

    found, attached, ended = registry.running(), engine_attached.reports(), registry.ended()
    if as_json:
        others = [*engine_attached.plain(attached), *engine_status.plain_ended(ended)]
        output.say(engine_status.as_json(found, others))
        return
    shown = [*engine_status.lines(found), *engine_attached.lines(attached)]
    output.say("\n".join([*(shown or ["no engine is running"]), *engine_status.ended_lines(ended)]))


@engine.command()
@click.argument("model", required=False, shell_complete=completing.installed_models)
@click.option("-n", "--lines", type=click.IntRange(min=0), default=50, show_default=True, help="Number of lines.")
@click.option("-f", "--follow", is_flag=True, help="Keep printing as the log grows, until interrupted.")
def logs(model: str | None, *, lines: int, follow: bool) -> None:
    """Show the engine's last log lines; name MODEL if several are running."""
    from reviewer.cli import engine_status
    from reviewer.engine.server import registry
    from reviewer.terminal import output

    log = _log_of(model)
    if log is None:
        output.say("no engine was started yet")
        return
    last, end = registry.tail_until(log, lines)
    shown = [engine_status.safe(line) for line in last]
    if shown and not output.say("\n".join(shown)):
        return
    if follow:
        engine_status.follow(log, end)


def _with_manager(action: Any, flags: dict[str, Any]) -> None:
    import asyncio

    from reviewer.cli.common import here, load_settings
    from reviewer.engine.manager import AIModelManager
    from reviewer.terminal import live, output

    settings = load_settings(here(), as_flags(flags))
    if settings.url:
        output.note(f"nothing to start: engine.url is set to {settings.url}")
        return

    manager = AIModelManager(settings.model_config)

    async def run(progress: Progress) -> None:
        try:
            await action(manager, progress)
        finally:
            await manager.detach()

    with live.progress() as progress:
        asyncio.run(run(progress))
    for line in manager.notes:
        output.note(line)
    _say_ready(manager.config.model_id)


def _say_ready(model: str) -> None:
    from reviewer.cli import engine_status
    from reviewer.engine.server import registry
    from reviewer.terminal import output

    found = [state for state in registry.running() if state.model == model]
    output.say("\n".join(engine_status.lines(found)) if found else f"{model} is ready")


def _chosen(records: list[Record], model: str | None) -> Record | None:
    """The engine that ``model`` names, or the only one.

    Raises:
        UsageError: None or several match.
    """
    from reviewer.errors import UsageError

    found = [record for record in records if model is None or model in (record.model, record.name)]
    running = ", ".join(record.name for record in records)
    if model is not None and records and not found:
        raise UsageError(f"no engine serves {model}", hint=f"running: {running}")
    if len(found) > 1:
        raise UsageError("several engines are running", hint=f"name one, or pass --all: {running}")
    return found[0] if found else None


def _log_of(model: str | None) -> Path | None:
    """The log of an engine; without a name, of the one that was started last, running or not."""
    from reviewer.engine.server import registry, state

    place = registry.Place.at()
    if model is not None:
        record = _chosen(state.read_all(place.run), model)
        return place.log_file(model if record is None else record.name)
    written = [(path.stat().st_mtime, path) for path in place.logs.glob("*.log")]
    return max(written)[1] if written else None


def _plan_lines(plan: InstallPlan) -> list[str]:
    import shlex

    from reviewer.terminal.output import byte_size

    lines = [
        f"vLLM for {plan.device}: {' '.join(plan.packages)}",
        f"folder  {plan.folder}{' (installed)' if plan.installed else ''}",
        f"disk    {byte_size(plan.bytes_needed)} needed, {byte_size(plan.bytes_free)} free",
    ]
    lines += [f"source  {source}" for source in plan.sources]
    return lines + [f"$ {shlex.join(command)}" for command in plan.argv]
