"""Installs whatever a model needs that is missing: vLLM's environment and the model's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.engine.install import environment
from reviewer.engine.models.store import ModelStore
from reviewer.engine.planning import embedded, figures, hardware
from reviewer.errors import EngineNotInstalledError

if TYPE_CHECKING:
    from reviewer.engine.config import ModelConfig
    from reviewer.terminal.progress import Progress


def provision(config: ModelConfig, progress: Progress) -> str | None:
    """Install the engine and the model where they are missing or damaged; nothing for a server at a URL.

    Returns:
        Which embedded model was chosen for this machine and why, if one was chosen.

    Raises:
        InsufficientMemoryError: The model does not fit this machine; nothing is downloaded.
        EngineError: One of them cannot be installed.
    """
    if config.engine_url:
        return None
    machine = hardware.detect()
    config, reason = embedded.resolved(config, machine)
    figures.require_fit(config, machine)
    try:
        environment.find(python=config.engine_python, device=config.device)
    except EngineNotInstalledError:
        if config.engine_python:  # the user chose that interpreter, so it is theirs to repair
            raise
        environment.install(config.device, progress=progress)
    ModelStore().install(config.model_id, form=figures.install_form(config, machine), progress=progress)
    return reason
