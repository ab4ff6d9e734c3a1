"""Other number formats of an installed model, converted when a plan first needs them and kept beside it.

They are below ``models/.forms/<model>/<format>-<digest>``, each with a manifest like an installed model's.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.engine.install import disk
from reviewer.engine.models import catalog, convert, folder_model, manifest, references, shape
from reviewer.engine.models.manifest import Manifest
from reviewer.errors import ModelSourceError, if_full, in_words

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.models.installed import InstalledModel
    from reviewer.engine.models.quantize import Format
    from reviewer.engine.models.shape import ModelShape
    from reviewer.terminal.progress import Progress

FOLDER = ".forms"
MOST_PARAMETERS = 4_000_000_000  # of a model that is converted: about a minute on two cores
_INTEGERS = ("int8", "int4")
_BYTES = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.4, "int4": 1.2}  # per parameter, with the embedding in bfloat16


def format_of(quantization: str, dtype: str) -> Format:
    """The number format of weights with that quantization, in an engine that computes in ``dtype``."""
    if quantization == "none":
        return "float32" if dtype == "float32" else "bfloat16"
    if quantization not in _INTEGERS:
        raise ModelSourceError(f"weights cannot be converted to {quantization}")
    return "int8" if quantization == "int8" else "int4"


def possible(model: InstalledModel, stored: ModelShape) -> tuple[str, ...]:
    """The quantizations besides the stored one that the model can be converted to."""
    if stored.parameters > MOST_PARAMETERS:
        return ()
    if model.gguf is not None:
        return tuple(name for name in ("none", *_INTEGERS) if name != stored.quantization)
    return _INTEGERS if stored.quantization == "none" and stored.model_type in folder_model.MODEL_TYPES else ()


def needed_bytes(parameters: int, form: Format) -> int:
    """Disk space of a converted model, on the high side."""
    return int(parameters * _BYTES[form]) + 50_000_000


@dataclass(frozen=True, slots=True)
class Form:
    """A model's weights in one number format.

    Attributes:
        root: The store's folder.
        model: The installed model.
        stored: The shape of the model's own files.
        quantization: That of this form; ``model.path`` has it if the stored one is the same.
        dtype: What the engine computes in.
    """

    root: Path
    model: InstalledModel
    stored: ModelShape
    quantization: str
    dtype: str

    @property
    def title(self) -> Format:
        """The number format."""
        return format_of(self.quantization, self.dtype)

    @property
    def path(self) -> Path:
        """The folder to load it from, whether it has been made yet or not."""
        return self.model.path if self.quantization == self.stored.quantization else _files(self._folder)

    @property
    def there(self) -> bool:
        """Whether it has been made and is undamaged."""
        if self.quantization == self.stored.quantization:
            return True
        try:
            record = Manifest.read(self._folder / manifest.FILE_NAME)
        except (OSError, ValueError):
            return False
        return not manifest.quick_check(record, self.path)

    def make(self, progress: Progress) -> None:
        """Convert the model, unless that has been done.

        Raises:
            ModelSourceError: It cannot be converted, or the disk is full.
        """
        folder, name = self._folder, f"{self.model.id} in {self.title}"
        try:
            with disk.locked(self.root / ".locks" / f"{folder.parent.name}.lock", f"converting {name}", progress):
                if not self.there:
                    needed = needed_bytes(self.stored.parameters, self.title)
                    disk.require_free(self.root, needed, name, ModelSourceError)
                    self._convert(folder, progress)
        except OSError as problem:
            raise ModelSourceError(f"{name} cannot be stored: {in_words(problem)}", hint=if_full(problem)) from problem

    def _convert(self, folder: Path, progress: Progress) -> None:
        model = self.model
        folder.parent.mkdir(parents=True, exist_ok=True)
        disk.sweep(folder.parent)
        staging = disk.new_staging(folder.parent)
        try:
            files = _files(staging)
            convert.run(model.gguf or model.path, files, self.title, progress)
            records = manifest.record_files(files, [file.name for file in files.iterdir()], progress)
            Manifest(
                id=model.id, kind=model.kind, source=model.source, revision=model.revision, licence=model.licence,
                folder=None, files=records,
            ).write(staging / manifest.FILE_NAME)  # fmt: skip
            disk.put_in_place(staging, folder)
        finally:
            disk.remove_tree(staging)

    @property
    def _folder(self) -> Path:
        """The digest is that of the model's own files, so that another revision has other forms."""
        digest = hashlib.sha256(self.model.digest.encode()).hexdigest()[:12]
        return self.root / FOLDER / references.parse(self.model.id).folder_name / f"{self.title}-{digest}"


def remove(root: Path, folder_name: str) -> int:
    """Remove all forms of a model and return the number of freed bytes."""
    folder = root / FOLDER / folder_name
    freed = disk.tree_bytes(folder)
    disk.remove_tree(folder)
    return freed


def parameters(name: str) -> int:
    """Parameters of a model of the catalog; 0 if it is unknown."""
    known = catalog.family(name)
    return known.shape.parameters if known is not None else 0


def measured(model: InstalledModel) -> ModelShape:
    """The shape of an installed model's own files, with what they can be converted to.

    Raises:
        ModelDamagedError: ``config.json`` or a weight file is missing or invalid.
        ModelSourceError: The weights are quantized in an unsupported way.
    """
    stored = shape.from_folder(model.path)
    return dataclasses.replace(stored, forms=possible(model, stored))


def _files(folder: Path) -> Path:
    return folder / "files"
