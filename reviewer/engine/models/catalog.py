"""The models that we know: what they are, what they need, where each figure is from (``catalog.toml``)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from reviewer.engine.config import DEFAULT_MODEL, EMBEDDED_MODEL
from reviewer.engine.models.safetensors import Weights
from reviewer.engine.models.shape import ModelShape
from reviewer.engine.profile import FimTokens, ReplyBounds

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT = DEFAULT_MODEL
EMBEDDED = EMBEDDED_MODEL

_STORED_DTYPE_BYTES = 2  # what published weights, and the unquantized parts of quantized ones, are stored in


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One form of a model's weights.

    Attributes:
        quantization: none, mxfp4, int4, ….
        bytes: All weight files of this form on disk.
        source: The repository that holds it.
        revision: A commit of that repository; None where none was checked.
        published: Whether anybody can fetch it; a form that is only known by size is no choice, but worth a reason.
    """

    quantization: str
    bytes: int
    source: str
    revision: str | None = None
    published: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogModel:
    """A model of the catalog.

    Attributes:
        id: A Hugging Face id, or a name of our own.
        aliases: Other names that people type, compared without case.
        source: What is fetched: a Hugging Face id, or ``distribution==version`` of the package index.
        revision: The commit of ``source``; None where none was checked.
        recommended_from_gb: Memory (of the GPU, or else of the machine) from which on we recommend it.
        variants: The forms of its weights, best first.
        context: Tokens that it was trained for.
        fim: Its fill-in-the-middle tokens; None where it has none.
        few_shot: Whether it needs worked examples to stay on topic.
        prefill: Whether it completes code better when its reply is begun for it.
        summaries: Whether what it says of a whole change is worth asking for.
        harmony: Whether it reasons before it answers, in OpenAI's Harmony format.
        sampling: Fields of the request that it answers better with.
        reply: How long the parts of its replies may be.
        download_bytes: What has to be fetched for the first form.
        origin: Where each figure was read.
    """

    id: str
    title: str
    source: str
    licence: str
    recommended_from_gb: float
    parameters: int
    active_parameters: int
    context: int
    shape: ModelShape
    variants: tuple[Variant, ...]
    aliases: tuple[str, ...] = ()
    revision: str | None = None
    fim: FimTokens | None = None
    few_shot: bool = False
    prefill: bool = False
    summaries: bool = True
    harmony: bool = False
    sampling: Mapping[str, Any] = field(default_factory=dict)
    reply: ReplyBounds = field(default_factory=ReplyBounds)
    note: str = ""
    download_bytes: int = 0
    origin: tuple[str, ...] = ()

    @property
    def reasoning(self) -> bool:
        """Whether it thinks before it answers; replies need room for that."""
        return self.harmony

    def variant(self, quantization: str) -> Variant | None:
        """The form with that quantization, where there is one."""
        return next((form for form in self.variants if form.quantization == quantization), None)

    def weights(self, variant: Variant) -> Weights:
        """The bytes of a form, split as a loader sees them.

        Quantized models keep the embedding and the output matrix in 16 bits; those widen in a float32 engine.
        """
        if variant.quantization == "none":
            return Weights(self.shape.parameters, 0, variant.bytes)
        floats = self.shape.embedding_elements
        return Weights(floats, max(0, variant.bytes - floats * _STORED_DTYPE_BYTES), variant.bytes)


@cache
def models() -> tuple[CatalogModel, ...]:
    """The catalog, largest first."""
    text = files("reviewer.engine.models").joinpath("catalog.toml").read_text(encoding="utf-8")
    return tuple(_model(entry) for entry in tomllib.loads(text)["model"])


def get(name: str) -> CatalogModel | None:
    """The model of that id or alias, whatever the case; None where the catalog does not know it."""
    wanted = name.casefold()
    for model in models():
        if wanted == model.id.casefold() or any(wanted == alias.casefold() for alias in model.aliases):
            return model
    return None


def family(name: str) -> CatalogModel | None:
    """The model of that id, alias or repository of one of its forms: who asks for its traits, not for what to fetch."""
    wanted = name.casefold()
    forms = (model for model in models() for form in model.variants if form.source.casefold() == wanted)
    return get(name) or next(forms, None)


def names() -> tuple[str, ...]:
    """Every id, largest model first."""
    return tuple(model.id for model in models())


def recommended(memory_gb: float) -> tuple[CatalogModel, ...]:
    """The models that we recommend for that much memory, largest first."""
    return tuple(model for model in models() if model.recommended_from_gb <= memory_gb)


def _model(entry: Mapping[str, Any]) -> CatalogModel:
    shape = ModelShape(**entry["shape"])
    source = str(entry.get("source", entry["id"]))
    revision = entry.get("revision")
    variants = tuple(
        Variant(
            quantization=name,
            bytes=int(form.get("bytes", shape.parameters * _STORED_DTYPE_BYTES)),
            source=str(form.get("source", source)),
            revision=form.get("revision", None if "source" in form else revision),
            published=bool(form.get("published", True)),
        )
        for name, form in entry["weights"].items()
    )
    fetched = next(form.bytes for form in variants if form.published)
    return CatalogModel(
        id=entry["id"],
        title=entry["title"],
        source=source,
        licence=entry["licence"],
        recommended_from_gb=float(entry["recommended_from_gb"]),
        parameters=entry["parameters"],
        active_parameters=entry.get("active_parameters", entry["parameters"]),
        context=entry["context"],
        shape=shape,
        variants=variants,
        aliases=tuple(entry.get("aliases", ())),
        revision=revision,
        fim=FimTokens(**entry["fim"]) if "fim" in entry else None,
        few_shot=entry.get("few_shot", False),
        prefill=entry.get("prefill", False),
        summaries=entry.get("summaries", True),
        harmony=entry.get("harmony", False),
        sampling=entry.get("sampling", {}),
        reply=ReplyBounds(**entry.get("reply", {})),
        note=entry.get("note", ""),
        download_bytes=entry.get("download_bytes", fetched),
        origin=tuple(entry["from"]),
    )
