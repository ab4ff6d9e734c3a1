"""The figures for a plan: measured in an installed model's files, or else from the catalog."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.engine.models import catalog, forms, references, shape
from reviewer.engine.models.store import ModelStore
from reviewer.engine.planning import embedded, hardware
from reviewer.engine.planning.plan import make_plan
from reviewer.errors import EngineError, ModelNotInstalledError

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.config import ModelConfig
    from reviewer.engine.models.catalog import CatalogModel
    from reviewer.engine.models.installed import InstalledModel
    from reviewer.engine.models.quantize import Format
    from reviewer.engine.models.references import Reference
    from reviewer.engine.models.shape import ModelShape
    from reviewer.engine.planning.hardware import Hardware
    from reviewer.engine.planning.memory_plan import MemoryPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A model, measured or looked up.

    Attributes:
        model: For ``make_plan``.
        config: The configuration, with the quantization that a repository implies.
        name: The served name.
        folder: The installed files, if any.
        origin: Where the figures come from, for messages.
        installed: The installed model, if any.
    """

    model: CatalogModel | ModelShape
    config: ModelConfig
    name: str
    folder: Path | None
    origin: str
    installed: InstalledModel | None = None

    @property
    def shape(self) -> ModelShape:
        """The model's dimensions."""
        return self.model.shape if isinstance(self.model, catalog.CatalogModel) else self.model

    def loaded_from(self, plan: MemoryPlan) -> str:
        """What vLLM loads: the folder, or the repository of the planned form."""
        if self.installed is not None:
            return str(forms.Form(ModelStore().root, self.installed, self.shape, plan.quantization, plan.dtype).path)
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
    config, _ = embedded.resolved(config)
    reference = references.parse(config.model_id)
    try:
        installed = ModelStore().find(config.model_id)
    except ModelNotInstalledError:
        if reference.path is not None and reference.path.is_dir():
            return Figures(
                model=shape.from_folder(reference.path), config=config, name=reference.id, folder=reference.path,
                origin=f"measured in the folder {reference.path}",
            )  # fmt: skip
        known = catalog.family(reference.id)
        if known is None:
            raise
        return _known(config, known, reference)
    return Figures(
        model=forms.measured(installed), config=config, name=installed.id, folder=installed.path, installed=installed,
        origin=f"measured in the installed model in {installed.path}",
    )  # fmt: skip


def _known(config: ModelConfig, known: CatalogModel, reference: Reference) -> Figures:
    name = reference.id
    asked = name.casefold()
    form = next((form for form in known.variants if form.source.casefold() == asked != known.id.casefold()), None)
    if form is not None and config.quantization == "auto":
        config = dataclasses.replace(config, quantization=form.quantization)  # type: ignore[arg-type]
    return Figures(
        model=known,
        config=config,
        name=name if form is not None or reference.kind == "embedded" else known.id,
        folder=None,
        origin=f"from the catalog; the model is not installed ({reference.install_command})",
    )


def require_fit(config: ModelConfig, machine: Hardware) -> None:
    """Refuse a model that cannot run here before it is downloaded; one that the catalog does not have is not checked.

    Memory that other programs use now counts as free, since the engine may be started later.

    Raises:
        InsufficientMemoryError: It does not fit; the hint names models that do.
    """
    known = catalog.family(config.model_id)
    if known is not None and not ModelStore().has(config.model_id):
        make_plan(dataclasses.replace(machine, available_bytes=machine.total_bytes), known, config)


def install_form(config: ModelConfig, machine: Hardware | None = None) -> Format | None:
    """The number format to convert an embedded model to, as the plan for this machine has it.

    None leaves it to the store: for other models, and where no plan fits now.
    """
    from reviewer.engine.models.forms import format_of

    model = catalog.family(config.model_id)
    if config.embedded in (False, None, "135m") or model is None:
        return None
    try:
        plan = make_plan(machine or hardware.detect(), model, config)
    except EngineError:
        return None
    return format_of(plan.quantization, plan.dtype)
