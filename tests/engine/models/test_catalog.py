from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reviewer.engine.models import catalog, references
from reviewer.engine.models.store import ModelStore
from reviewer.errors import ReviewerError

if TYPE_CHECKING:
    from reviewer.engine.models.catalog import CatalogModel

CATALOG = Path(catalog.__file__).with_name("catalog.toml")
MODELS = catalog.models()
IDS = [model.id for model in MODELS]
ENTRIES = {entry["id"]: entry for entry in tomllib.loads(CATALOG.read_text(encoding="utf-8"))["model"]}


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_shape_matches_the_published_parameters(model: CatalogModel) -> None:
    entry = ENTRIES[model.id]
    assert model.shape.parameters == pytest.approx(entry["parameters"], rel=0.01)
    active = entry.get("active_parameters", entry["parameters"])
    assert model.shape.active_parameters == pytest.approx(active, rel=0.1)


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_every_form_has_bytes_and_a_source(model: CatalogModel) -> None:
    assert any(form.published for form in model.variants)
    sizes = [form.bytes for form in model.variants]
    assert sizes == sorted(sizes, reverse=True), "best and largest first"
    for form in model.variants:
        assert form.source
        if form.published and "==" not in form.source:  # a version of a distribution is a pin already
            assert re.fullmatch("[0-9a-f]{40}", form.revision or ""), form.source
            assert catalog.pinned(form.source) == form.revision
        weights = model.weights(form)
        bits = 8 * form.bytes / model.shape.parameters
        least, most = {"int4": (3.9, 6), "mxfp4": (3.9, 6), "fp8": (8, 9)}.get(form.quantization, (15, 33))
        assert least < bits < most
        assert weights.resident_bytes(2) == pytest.approx(form.bytes, rel=0.02) or model.shape.dtype == "float32"


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_every_figure_has_an_origin_and_a_licence(model: CatalogModel) -> None:
    assert ENTRIES[model.id]["from"]
    assert ENTRIES[model.id]["title"]
    assert model.licence
    assert 0 < model.context <= model.shape.max_position
    assert model.shape.heads % model.shape.kv_heads == 0
    assert model.download_bytes > 0


def test_names_are_unique_and_found_in_any_case() -> None:
    names = [name.casefold() for model in MODELS for name in (model.id, *model.aliases)]
    assert len(names) == len(set(names))
    for model in MODELS:
        assert catalog.get(model.id.upper()) is model
        assert all(catalog.get(alias) is model for alias in model.aliases)
    assert catalog.get("no/such-model") is None


def test_form_in_its_own_repository_has_the_familys_traits_and_its_own_pin() -> None:
    quantized = "Qwen/Qwen2.5-Coder-7B-Instruct-AWQ"
    form = catalog.models()[IDS.index("Qwen/Qwen2.5-Coder-7B-Instruct")].variant("int4")
    assert form is not None
    assert references.parse(quantized).revision == form.revision
    assert references.parse("someone/else").revision is None
    assert catalog.get(quantized) is None, "it is not what the id would fetch"
    assert catalog.family(quantized) is catalog.get("Qwen/Qwen2.5-Coder-7B-Instruct")


def test_the_default_and_the_embedded_model() -> None:
    default, embedded = catalog.get(catalog.DEFAULT), catalog.get(catalog.SMALLEST)
    assert default is not None
    assert default.harmony
    assert default.variant("int4") is None
    assert embedded is not None
    assert embedded.few_shot
    assert {model.id for model in MODELS if model.few_shot} == {catalog.SMALLEST}
    assert embedded.reply.explanation_chars < default.reply.explanation_chars


def test_restrictive_licences_are_noted() -> None:
    for model in MODELS:
        assert model.licence == "Apache-2.0" or "licence" in ENTRIES[model.id]["note"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gpt-os-20b", "gpt-oss-20b"),
        ("openai/gpt-os-20b", "openai/gpt-oss-20b"),
        ("Qwen/Qwen2.5-Codr-7B-Instruct", "Qwen/Qwen2.5-Coder-7B-Instruct"),
        ("smolm2-135m-instruct", "smollm2-135m-instruct"),
        ("something-else", None),
    ],
)
def test_a_misspelt_name_has_a_nearest_one(typed: str, meant: str | None) -> None:
    assert catalog.nearest(typed) == meant
    if meant is not None:
        with pytest.raises(ReviewerError) as caught:
            ModelStore().find(typed)
        assert f"did you mean {meant}?" in str(caught.value.hint)
