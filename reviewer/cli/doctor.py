"""``reviewer doctor``: check git, hooks, settings, engine, model and memory, on one screen."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from reviewer.errors import EngineError, ExitCode, ReviewerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reviewer.config import Settings
    from reviewer.git import Repository

_ALTERNATIVES = 3

_EPILOG = """Exit codes: 0 reviews can be made, 2 git or the settings need attention, 3 the engine or model does."""


@dataclass(frozen=True, slots=True)
class _Check:
    """The result of one check; ``problem`` is None if all is well."""

    name: str
    text: str
    problem: ReviewerError | None = None


@click.command(epilog=_EPILOG)
def doctor() -> int:
    """Check the installation and say what to do."""
    from reviewer.terminal import output
    from reviewer.terminal.masking import visible

    checks = list(_checks())
    width = max(len(check.name) for check in checks)
    for check in checks:
        mark = "ok" if check.problem is None else "!!"
        output.say(visible(f"{mark}  {check.name:<{width}}  {check.text}"))
    problems = [check.problem for check in checks if check.problem is not None]
    hints = dict.fromkeys(line.strip() for one in problems for line in (one.hint or "").splitlines() if line.strip())
    if hints:
        output.say("\nTo do:")
        for hint in hints:
            output.say(visible(f"  {hint}"))
    return min((one.exit_code for one in problems), default=ExitCode.PASSED)


def _checks() -> Iterator[_Check]:
    from reviewer import __version__, config
    from reviewer.cli import common
    from reviewer.config import Settings

    yield _Check("reviewer", f"{__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}")
    repository: Repository | None = None
    settings = Settings()

    def find_repository() -> str:
        nonlocal repository
        repository = common.here()
        return "none here" if repository is None else f"{repository.root}, {_hooks(repository)}"

    def read_settings() -> str:
        nonlocal settings
        settings = config.load(repository.root if repository else None, os.environ)
        return f"{len(settings.origins)} set, the others at their defaults (reviewer config show)"

    yield _checked("git", _git_version)
    yield _checked("repository", find_repository)
    yield _checked("settings", read_settings)
    yield _checked("machine", _machine)
    if settings.url:
        yield _checked("endpoint", lambda: _endpoints(settings))
    else:
        yield _checked("engine", lambda: _engine(settings))
        memory, model = _checked("memory", lambda: _fit(settings)), _checked("model", lambda: _model(settings))
        if memory.problem is not None and model.problem is not None:  # do not advise to install what does not fit
            model = replace(model, problem=EngineError(model.text))
        yield model
        yield memory
        yield _checked("running", _running)
    yield _checked("cache", _cache)


def _checked(name: str, look: Callable[[], str]) -> _Check:
    try:
        return _Check(name, look())
    except ReviewerError as problem:
        return _Check(name, problem.message.partition("\n")[0], problem)


def _git_version() -> str:
    from pathlib import Path

    from reviewer.git.command import Command, text

    return text(Command(Path.cwd()).run("version")).removeprefix("git version ")


def _hooks(repository: Repository) -> str:
    from reviewer.git.hooks import HOOKS, NativeHook

    found = [NativeHook(repository.hooks_dir, name) for name in HOOKS]
    ours = [f"{hook.name} {hook.options}".strip() for hook in found if hook.is_ours]
    return f"hooks: {', '.join(ours)}" if ours else "no hooks (reviewer install)"


def _machine() -> str:
    from reviewer.engine.planning import hardware
    from reviewer.terminal.output import byte_size

    found = hardware.detect()
    gpus = "".join(f", {gpu.name} {byte_size(gpu.total_bytes)}" for gpu in found.gpus)
    memory = f"{byte_size(found.available_bytes)} of {byte_size(found.total_bytes)} memory available"
    return f"{found.cpu_cores} cores, {memory}{gpus}, {_free_disk()} disk free"


def _free_disk() -> str:
    from reviewer import paths
    from reviewer.engine.install.disk import free_bytes
    from reviewer.terminal.output import byte_size

    return byte_size(free_bytes(paths.data_dir()))


def _endpoints(settings: Settings) -> str:
    import asyncio

    from reviewer.engine.client import attached
    from reviewer.errors import EngineUnreachableError

    found = asyncio.run(attached.reports(settings.model_config))
    if not any(not one.problem for one in found):
        raise EngineUnreachableError("; ".join(f"{one.endpoint}: {one.problem}" for one in found))
    return ", ".join(f"{one.endpoint} ({one.problem or ', '.join(one.models)})" for one in found)


def _engine(settings: Settings) -> str:
    from reviewer.engine.install import environment

    found = environment.find(python=settings.python, device=settings.device)
    return f"vLLM {found.vllm_version} for {found.device}, {found.python}"


def _model(settings: Settings) -> str:
    from reviewer.engine.models.store import ModelStore
    from reviewer.engine.planning.embedded import resolved
    from reviewer.terminal.output import byte_size

    config, _ = resolved(settings.model_config)
    found = ModelStore().find(config.model_id)
    return f"{found.id}, {byte_size(found.bytes)}"


def _fit(settings: Settings) -> str:
    from reviewer.engine.planning import figures, hardware
    from reviewer.engine.planning.plan import PlanRefusedError, make_plan
    from reviewer.engine.planning.plan_text import choice
    from reviewer.terminal.output import byte_size

    found = figures.find(settings.model_config)
    try:
        made = make_plan(hardware.detect(), found.model, found.config, vllm_version="")
    except PlanRefusedError as problem:
        fitting = [f"use a model that fits: {each}" for each in problem.alternatives[:_ALTERNATIVES]]
        raise EngineError(problem.message, hint="\n".join(fitting) or None) from problem
    return f"{byte_size(made.total_bytes)} of {byte_size(made.limit_bytes)}: {choice(made)}"


def _running() -> str:
    from reviewer.engine.server import registry

    return ", ".join(f"{one.model} ({one.status})" for one in registry.running(measure=False)) or "no engine"


def _cache() -> str:
    from reviewer.cache import AnswerCache, default_path
    from reviewer.errors import UsageError
    from reviewer.terminal.output import byte_size

    with AnswerCache(default_path()) as answers:
        found = answers.stats()
    if found.problem is not None:
        raise UsageError(f"off: {found.problem}", hint="reviewer cache clear")
    return f"{found.entries} answers, {byte_size(found.bytes)}"
