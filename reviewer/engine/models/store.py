"""Installs, finds, verifies and removes models.

Each model has a folder ``models/<name>`` with a manifest and, unless it is a registered folder, the model's files. It
is built in another folder and then renamed, so a model is never incomplete.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer import paths
from reviewer.engine.install import disk
from reviewer.engine.models import acquire, catalog, embedded, forms, manifest
from reviewer.engine.models.installed import InstalledModel
from reviewer.engine.models.manifest import Damage, Manifest
from reviewer.engine.models.references import parse
from reviewer.errors import ModelDamagedError, ModelNotInstalledError, ModelSourceError, if_full, in_words
from reviewer.terminal.output import byte_size
from reviewer.terminal.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.engine.models.quantize import Format
    from reviewer.engine.models.references import Reference
    from reviewer.terminal.progress import Progress

_FILES = acquire.FILES
_PARTIAL = ".partial"
_LOCKS = ".locks"


Models = list[InstalledModel]  # inside the class ``list`` is a method
Damages = list[Damage]


class ModelStore:
    """The installed models, in ``root`` or by default in the data folder.

    A model is named (``ref``) by a Hugging Face id, a name or alias from the catalog, or a folder.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root if root is not None else paths.data_dir() / "models"

    def list(self) -> Models:
        """Every installed model with a valid manifest, by name."""
        found = [_installed(folder, record) for folder, record in self._entries() if record is not None]
        return sorted(found, key=lambda model: model.id)

    def broken(self) -> tuple[Path, ...]:
        """Folders of the store without a valid manifest."""
        return tuple(folder for folder, record in self._entries() if record is None)

    def find(self, ref: str, *, check: bool = True) -> InstalledModel:
        """An installed model, ready to load; ``check`` compares its files with the manifest, by size and time.

        Raises:
            ModelNotInstalledError: It is not installed; the hint has the size and the command to install it.
            ModelDamagedError: A file is missing or differs; the hint has the command to repair it.
            ModelSourceError: ``ref`` does not name a model.
        """
        reference = parse(ref)
        folder, record = self._read(reference)
        model = _installed(folder, record)
        damage = manifest.quick_check(record, model.path) if check else []
        if damage:
            raise _damaged(reference, damage)
        return model

    def has(self, ref: str) -> bool:
        """Whether a model is installed and, by size and time, undamaged.

        Raises:
            ModelSourceError: ``ref`` does not name a model.
        """
        return self._undamaged(parse(ref), None) is not None

    def repair_command(self, ref: str) -> str:
        """The command that reinstalls a model."""
        return parse(ref).repair_command

    def download_bytes(self, ref: str) -> int | None:
        """Size of a model's download, if known."""
        return _download_bytes(parse(ref))

    def install(
        self,
        ref: str,
        *,
        revision: str | None = None,
        form: Format | None = None,
        force: bool = False,
        progress: Progress = SILENT,
    ) -> InstalledModel:
        """Install a model, or return the installed one if it is undamaged.

        Args:
            ref: The model.
            revision: Branch, tag or commit of a Hugging Face model, which is resolved to a commit.
            form: The number format that an embedded model is converted to; by default bfloat16, float32 for the
                smallest.
            force: Reinstall it in any case.
            progress: Receives the steps.

        Raises:
            ModelSourceError: It cannot be downloaded, converted or used.
            EngineInstallError: uv, which finds an embedded model's wheels, cannot be run.
        """
        reference = parse(ref)
        if revision is not None and reference.kind != "hub":
            raise ModelSourceError(f"{reference.id} does not have revisions")
        with disk.locked(self.root / _LOCKS / f"{reference.folder_name}.lock", f"installing {reference.id}", progress):
            installed = None if force else self._undamaged(reference, revision)
            if installed is not None:
                return installed
            try:
                self._make(reference, revision, form, progress)
            except OSError as problem:
                raise ModelSourceError(
                    f"{reference.id} cannot be stored: {in_words(problem)}", hint=if_full(problem)
                ) from problem
            return self.find(ref, check=False)

    def verify(self, ref: str, *, full: bool = True, progress: Progress = SILENT) -> Damages:
        """Compare an installed model with its manifest and return the damage.

        ``full`` hashes every file and looks for files that do not belong.

        Raises:
            ModelNotInstalledError: It is not installed.
            ModelDamagedError: The manifest cannot be read.
        """
        folder, record = self._read(parse(ref))
        files = _model_path(folder, record)
        return manifest.full_check(record, files, progress) if full else manifest.quick_check(record, files)

    def remove(self, ref: str) -> int:
        """Remove a model, but of a registered folder only the record, and return the number of freed bytes.

        Raises:
            ModelNotInstalledError: It is not installed.
        """
        reference = parse(ref)
        folder = self._folder(reference)
        with disk.locked(self.root / _LOCKS / f"{reference.folder_name}.lock", f"installing {reference.id}", SILENT):
            if not folder.is_symlink() and not folder.is_dir():
                raise _not_installed(reference)
            freed = disk.tree_bytes(folder)
            disk.remove_tree(folder)
            disk.remove_tree(self._partial(reference))
            freed += forms.remove(self.root, reference.folder_name)
        return freed

    def _entries(self) -> Iterator[tuple[Path, Manifest | None]]:
        if not self.root.is_dir():
            return
        for folder in sorted(self.root.iterdir()):
            if folder.name.startswith(".") or not folder.is_dir():
                continue
            try:
                record = Manifest.read(folder / manifest.FILE_NAME)
            except (OSError, ValueError):
                record = None
            yield folder, record

    def _folder(self, reference: Reference) -> Path:
        return self.root / reference.folder_name

    def _partial(self, reference: Reference) -> Path:
        return self.root / _PARTIAL / reference.folder_name

    def _read(self, reference: Reference) -> tuple[Path, Manifest]:
        folder = self._folder(reference)
        try:
            return folder, Manifest.read(folder / manifest.FILE_NAME)
        except FileNotFoundError as problem:
            if folder.is_dir():
                raise _damaged(reference, [Damage(manifest.FILE_NAME, "missing")]) from problem
            raise _not_installed(reference) from problem
        except (OSError, ValueError) as problem:
            raise _damaged(reference, [Damage(manifest.FILE_NAME, in_words(problem))]) from problem

    def _undamaged(self, reference: Reference, revision: str | None) -> InstalledModel | None:
        try:
            folder, record = self._read(reference)
        except (ModelNotInstalledError, ModelDamagedError):
            return None
        model = _installed(folder, record)
        if revision not in (None, model.revision) or manifest.quick_check(record, model.path):
            return None
        return model

    def _make(self, reference: Reference, revision: str | None, form: Format | None, progress: Progress) -> None:
        partial = self._partial(reference)
        partial.mkdir(parents=True, exist_ok=True)
        built = partial / "built"
        disk.remove_tree(built)
        built.mkdir()
        try:
            if reference.kind == "hub":
                record = acquire.from_hub(reference, revision, partial, built / _FILES, progress)
            elif reference.kind == "embedded":
                self._keep_source(reference, partial)
                form = form or ("float32" if reference.id == catalog.SMALLEST else "bfloat16")
                record = acquire.from_gguf(reference, form, partial, built, progress)
            else:
                record = acquire.from_folder(reference, progress)
            record.write(built / manifest.FILE_NAME)
            disk.put_in_place(built, self._folder(reference))
        except BaseException:
            disk.remove_tree(built)
            raise  # what was downloaded stays, so that the next run continues
        disk.remove_tree(partial)
        forms.remove(self.root, reference.folder_name)

    def _keep_source(self, reference: Reference, partial: Path) -> None:
        """Use the GGUF file that is installed already, whose checksum is compared before it is used."""
        for file in (self._folder(reference) / acquire.SOURCE).glob("*.gguf"):
            with contextlib.suppress(OSError):
                (partial / acquire.SOURCE).mkdir(exist_ok=True)
                os.link(file, partial / acquire.SOURCE / file.name)


def _model_path(folder: Path, record: Manifest) -> Path:
    return Path(record.folder) if record.folder is not None else folder / _FILES


def _installed(folder: Path, record: Manifest) -> InstalledModel:
    return InstalledModel(
        id=record.id, path=_model_path(folder, record), digest=record.digest, bytes=record.bytes,
        revision=record.revision, source=record.source, kind=record.kind, licence=record.licence,
        gguf=next((folder / acquire.SOURCE).glob("*.gguf"), None),
    )  # fmt: skip


def _damaged(reference: Reference, damage: list[Damage]) -> ModelDamagedError:
    return ModelDamagedError(
        f"the model {reference.id} is damaged: {manifest.listed(damage)}", hint=reference.repair_command
    )


def _not_installed(reference: Reference) -> ModelNotInstalledError:
    lines = [(reference.install_command, _cost(reference))]
    if reference.kind != "embedded":
        largest = embedded.models()[0]
        lines.append(
            (
                "reviewer model install --embedded",
                f"{byte_size(largest.bytes)} or less; then --embedded, in Python embedded=True",
            )
        )
    width = max(len(command) for command, _ in lines) + 5
    hint = "\n".join(f"{command:<{width}}{cost}".rstrip() for command, cost in lines)
    near = None if catalog.get(reference.id) or reference.kind != "hub" else catalog.nearest(reference.id)
    if near is not None:
        hint = f"did you mean {near}?\n{hint}"
    return ModelNotInstalledError(f"the model {reference.id} is not installed", hint=hint)


def _cost(reference: Reference) -> str:
    size = _download_bytes(reference)
    return "" if size is None else byte_size(size)


def _download_bytes(reference: Reference) -> int | None:
    if reference.kind == "embedded":
        return next(model.bytes for model in embedded.models() if model.id == reference.id)
    known = catalog.get(reference.id) if reference.kind == "hub" else None
    return known.download_bytes if known is not None else None
