"""The figures for a plan: measured in an installed model's files, or else from the catalog."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.engine.models import catalog, references, shape
from reviewer.engine.models.store import ModelStore
from reviewer.errors import ModelNotInstalledError

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.config import ModelConfig
    from reviewer.engine.models.catalog import CatalogModel
    from reviewer.engine.models.shape import ModelShape
    from reviewer.engine.planning.plan import MemoryPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A model, measured or looked up.

    Attributes:
        model: For ``make_plan``.
        config: The configuration, with the quantization that a repository implies.
        name: The served name.
        folder: The installed files, if any.
        origin: Where the figures come from, for messages.
    """

    model: CatalogModel | ModelShape
    config: ModelConfig
    name: str
    folder: Path | None
    origin: str

    @property
    def shape(self) -> ModelShape:
        """The model's dimensions."""
        return self.model.shape if isinstance(self.model, catalog.CatalogModel) else self.model

    def loaded_from(self, plan: MemoryPlan) -> str:
        """What vLLM loads: the folder, or the repository of the planned form."""
        return str(self.folder) if self.folder is not None else plan.source

    def revision(self, plan: MemoryPlan) -> str | None:
        """The commit of that repository, if the catalog pins one."""
        if self.folder is not None or not isinstance(self.model, catalog.CatalogModel):
            return None
        form = next((form for form in self.model.variants if form.source == plan.source), None)
        return form.revision if form is not None else None


def find(config: ModelConfig) -> Figures:
    """Measure the installed model, or else look it up.

    Raises:
        ModelNotInstalledError: It is neither installed nor in the catalog.
        ModelDamagedError: It is installed but damaged.
        ModelSourceError: The name is invalid, or the quantization is unknown.
    """
    reference = references.parse(config.model_id)
    try:
        installed = ModelStore().find(config.model_id)
    except ModelNotInstalledError:
        if reference.path is not None and reference.path.is_dir():
            return _measured(config, reference.id, reference.path, "the folder")
        known = catalog.family(reference.id)
        if known is None:
            raise
    else:
        return _measured(config, installed.id, installed.path, "the installed model in")
    asked = reference.id.casefold()
    form = next((form for form in known.variants if form.source.casefold() == asked != known.id.casefold()), None)
    if form is not None and config.quantization == "auto":
        config = dataclasses.replace(config, quantization=form.quantization)  # type: ignore[arg-type]
    return Figures(
        model=known, config=config, name=reference.id if form is not None else known.id, folder=None,
        origin=f"from the catalog; the model is not installed ({reference.install_command})",
    )  # fmt: skip


def _measured(config: ModelConfig, name: str, folder: Path, where: str) -> Figures:
    return Figures(
        model=shape.from_folder(folder), config=config, name=name, folder=folder, origin=f"measured in {where} {folder}"
    )
