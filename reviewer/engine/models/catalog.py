"""The catalog of known models (``catalog.toml``)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from reviewer.engine.config import DEFAULT_MODEL, EMBEDDED_MODELS
from reviewer.engine.models.safetensors import Weights
from reviewer.engine.models.shape import ModelShape
from reviewer.engine.profile import FimTokens, ReplyBounds

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT = DEFAULT_MODEL
SMALLEST = EMBEDDED_MODELS["135m"]

_STORED_DTYPE_BYTES = 2  # of published weights, and of the unquantized parts of quantized ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One form of a model's weights.

    Attributes:
        quantization: none, mxfp4, int4, ….
        bytes: Size of its weight files.
        source: Its repository.
        revision: The pinned commit of that repository, if any.
        elements: Numbers in its files, if they hold more than the shape says, such as a vision part.
        published: Whether it can be downloaded; if not, it is only mentioned in explanations.
    """

    quantization: str
    bytes: int
    source: str
    revision: str | None = None
    elements: int | None = None
    published: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogModel:
    """A model of the catalog, with the figures that the code uses.

    Attributes:
        id: A Hugging Face id, or a name of its own.
        aliases: Other names, compared without case.
        source: What is downloaded: a Hugging Face id, or ``distribution==version`` from the package index.
        revision: The pinned commit of ``source``, if any.
        variants: The forms of its weights, best first.
        context: The context length it was trained for, in tokens.
        fim: Its fill-in-the-middle tokens, if it has any.
        few_shot: Whether it needs worked examples to stay on topic.
        int8: Whether the plan may prefer int8 weights made from it; measured for each model that says so.
        prefill: Whether it writes code better when its reply is begun for it.
        summaries: Whether its summaries of a whole change are useful.
        least_sure: Least mean log-probability of the tokens of an explanation that is shown; None shows all.
        harmony: Whether it reasons before it answers, in OpenAI's Harmony format.
        sampling: Request fields that improve its answers.
        reply: Limits for the parts of its replies.
        download_bytes: Size of the download of the first form.
    """

    id: str
    source: str
    licence: str
    context: int
    shape: ModelShape
    variants: tuple[Variant, ...]
    download_bytes: int
    aliases: tuple[str, ...] = ()
    revision: str | None = None
    fim: FimTokens | None = None
    few_shot: bool = False
    int8: bool = False
    prefill: bool = False
    summaries: bool = True
    least_sure: float | None = None
    harmony: bool = False
    sampling: Mapping[str, Any] = field(default_factory=dict)
    reply: ReplyBounds = field(default_factory=ReplyBounds)

    @property
    def reasoning(self) -> bool:
        """Whether it reasons before it answers, so that replies need more tokens."""
        return self.harmony

    def variant(self, quantization: str) -> Variant | None:
        """The form with that quantization, if there is one."""
        return next((form for form in self.variants if form.quantization == quantization), None)

    def weights(self, variant: Variant) -> Weights:
        """The weights of a form, for the memory plan.

        Quantized models keep the embedding and the output matrix in 16 bits, which become 32 in a float32 engine.
        """
        if variant.quantization == "none":
            return Weights(variant.elements or self.shape.parameters, 0)
        floats = self.shape.embedding_elements
        return Weights(floats, max(0, variant.bytes - floats * _STORED_DTYPE_BYTES))


@cache
def models() -> tuple[CatalogModel, ...]:
    """The catalog, largest first."""
    text = files("reviewer.engine.models").joinpath("catalog.toml").read_text(encoding="utf-8")
    return tuple(_model(entry) for entry in tomllib.loads(text)["model"])


def get(name: str) -> CatalogModel | None:
    """The model with that id or alias in any case, if the catalog has it."""
    wanted = name.casefold()
    for model in models():
        if wanted == model.id.casefold() or any(wanted == alias.casefold() for alias in model.aliases):
            return model
    return None


def family(name: str) -> CatalogModel | None:
    """The model with that id or alias, or with a form from that repository: for its traits, not for a download."""
    wanted = name.casefold()
    forms = (model for model in models() for form in model.variants if form.source.casefold() == wanted)
    return get(name) or next(forms, None)


def pinned(repository: str) -> str | None:
    """The commit that the catalog pins for a repository of weights, whether of a model or of one of its forms."""
    wanted = repository.casefold()
    forms = (form for model in models() for form in model.variants if form.source.casefold() == wanted)
    return next((form.revision for form in forms if form.published), None)


def nearest(name: str) -> str | None:
    """The id or alias most like a misspelt name; None if none is similar."""
    import difflib

    known = {each.casefold(): each for model in models() for each in (model.id, *model.aliases)}
    known = {each.rpartition("/")[2]: whole for each, whole in known.items()} | known  # people leave out the owner
    near = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.75)
    return known[near[0]] if near else None


def names() -> tuple[str, ...]:
    """Every id, largest model first."""
    return tuple(model.id for model in models())


def _model(entry: Mapping[str, Any]) -> CatalogModel:
    shape = ModelShape(**entry["shape"])
    source = str(entry.get("source", entry["id"]))
    variants = tuple(
        Variant(
            quantization=name,
            bytes=int(form.get("bytes", form.get("elements", shape.parameters) * _STORED_DTYPE_BYTES)),
            source=str(form.get("source", source)),
            revision=form.get("revision", None if "source" in form else entry.get("revision")),
            elements=form.get("elements"),
            published=bool(form.get("published", True)),
        )
        for name, form in entry["weights"].items()
    )
    # The catalog also has figures that only its readers need.
    used = {name.name for name in fields(CatalogModel)}
    built = {
        "shape": shape,
        "source": source,
        "variants": variants,
        "aliases": tuple(entry.get("aliases", ())),
        "fim": _fim(entry["fim"]) if "fim" in entry else None,
        "reply": ReplyBounds(**entry.get("reply", {})),
        "download_bytes": entry.get("download_bytes", next(form.bytes for form in variants if form.published)),
    }
    return CatalogModel(**{name: value for name, value in entry.items() if name in used} | built)


def _fim(table: Mapping[str, Any]) -> FimTokens:
    return FimTokens(**{**table, "stops": tuple(table.get("stops", ()))})
