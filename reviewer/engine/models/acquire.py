"""Brings the files of a model into a folder from any kind of source, and records them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.engine.install import disk
from reviewer.engine.models.manifest import Manifest, record_files
from reviewer.errors import ModelDamagedError, ModelSourceError

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.models.quantize import Format
    from reviewer.engine.models.references import Reference
    from reviewer.terminal.progress import Progress

FILES = "files"
SOURCE = "source"  # the folder of an embedded model's GGUF file


def from_hub(reference: Reference, revision: str | None, partial: Path, files: Path, progress: Progress) -> Manifest:
    """Download a model from the Hugging Face hub to ``files``.

    ``revision`` is the catalog's pin or ``main`` by default. ``partial`` keeps interrupted downloads.

    Raises:
        ModelSourceError: It cannot be downloaded, or differs from what the hub announced.
    """
    from reviewer.engine.models import hub

    progress.step(f"looking up {reference.repository}")
    snapshot = hub.look_up(reference, revision)
    download = partial / snapshot.commit
    for other in partial.iterdir():
        if other not in (files.parent, download):  # from an earlier revision
            disk.remove_tree(other)
    missing = snapshot.bytes - min(disk.tree_bytes(download), snapshot.bytes)
    disk.require_free(partial, missing, reference.id, ModelSourceError)
    hub.fetch(snapshot, download, progress)
    progress.step("comparing with the hub's checksums")
    wrong = [name for name, file in sorted(snapshot.files.items()) if not file.is_at(download / name)]
    if wrong:
        disk.remove_tree(download)
        message = f"{reference.id} differs from what the hub announced: {', '.join(wrong)}"
        raise ModelSourceError(message, hint=reference.install_command)
    _require_weights(download, reference.id)
    download.rename(files)
    return Manifest(
        id=reference.id, kind=reference.kind, source=snapshot.repository, revision=snapshot.commit,
        licence=snapshot.licence, folder=None, files=record_files(files, snapshot.files, progress),
    )  # fmt: skip


def from_gguf(reference: Reference, form: Format, partial: Path, built: Path, progress: Progress) -> Manifest:
    """Fetch an embedded model's GGUF file and convert it.

    Args:
        reference: The embedded model.
        form: The number format to convert to.
        partial: A folder that is kept after an interruption, so that the next run continues.
        built: The folder that will contain the model's files in ``FILES`` and the GGUF file, which other formats are
            made from, in ``SOURCE``.
        progress: Receives the steps.

    Raises:
        ModelSourceError: It cannot be downloaded or converted.
        EngineInstallError: uv, which finds the wheels, cannot be run.
    """
    from reviewer.engine.models import convert, embedded, embedded_file, forms

    model = next(model for model in embedded.models() if model.id == reference.id)
    source = partial / "source"
    converted = forms.needed_bytes(forms.parameters(model.id), form)
    there = disk.tree_bytes(source)
    disk.require_free(partial, embedded_file.needed_bytes(model) + converted - there, reference.id, ModelSourceError)
    files = built / FILES
    gguf = embedded_file.fetch(model, source, progress)
    convert.run(gguf, files, form, progress)
    _require_weights(files, reference.id)
    record = Manifest(
        id=reference.id, kind=reference.kind, source=model.source, revision=model.sha256[:12],
        licence=model.licence, folder=None,
        files=record_files(files, [path.name for path in files.iterdir()], progress),
    )  # fmt: skip
    source.rename(built / SOURCE)
    return record


def from_folder(reference: Reference, progress: Progress) -> Manifest:
    """Register a folder of the user's, without changing it.

    Raises:
        ModelSourceError: It does not contain a model in safetensors.
    """
    from reviewer.engine.models import hub

    folder = reference.path
    if folder is None or not folder.is_dir():
        raise ModelSourceError(f"{reference.id} is not a folder")
    names = [path.name for path in folder.iterdir() if path.is_file() and hub.wanted(path.name)]
    if "config.json" not in names:
        raise ModelSourceError(
            f"{folder} is not a model: it has no config.json",
            hint="name the folder with config.json, the tokenizer and the *.safetensors files",
        )
    _require_weights(folder, reference.id)
    return Manifest(
        id=reference.id, kind=reference.kind, source=str(folder), revision=None, licence=None, folder=str(folder),
        files=record_files(folder, names, progress),
    )  # fmt: skip


def _require_weights(folder: Path, name: str) -> None:
    """Refuse missing or truncated weight files."""
    from reviewer.engine.models import safetensors

    try:
        safetensors.read(folder)
    except ModelDamagedError as problem:
        raise ModelSourceError(f"{name} cannot be used: {problem.message}") from problem
