from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reviewer.engine.config import EMBEDDED_MODELS, ModelConfig
from reviewer.engine.models import catalog, embedded
from reviewer.engine.planning.embedded import TITLES, choose, resolved
from reviewer.engine.planning.figures import install_form
from reviewer.engine.planning.plan import make_plan
from tests.engine.planning.test_plan import gpu, mac, pc

if TYPE_CHECKING:
    from reviewer.engine.planning.hardware import Hardware

AMX = "avx2 avx512f avx512_bf16 avx512_vnni amx_bf16 amx_int8"


@pytest.mark.parametrize(
    ("machine", "limit", "device", "name", "why"),
    [
        (pc(20, flags=AMX), None, "auto", "1.5b", "the largest embedded model"),
        (pc(6, flags="avx2 avx_vnni"), None, "auto", "1.5b", "int8 instructions"),
        (pc(4.4, flags=AMX), None, "auto", "0.5b", "the 1.5B needs 4.6 GB"),
        (pc(20, flags=AMX), 4, "auto", "0.5b", "max_memory_gb"),
        (pc(20, flags=AMX), 2.9, "auto", "135m", "2.9 GB of usable memory are too few"),
        (pc(2.5, flags=AMX), None, "auto", "135m", "too few"),
        (pc(20), None, "auto", "0.5b", "the 1.5B is slow on this processor"),
        (pc(4), None, "auto", "135m", "too few"),
        (mac(16), None, "auto", "1.5b", "bfloat16 instructions"),
        (pc(20, gpus=(gpu(24),)), None, "auto", "1.5b", "bfloat16"),
        (pc(20, gpus=(gpu(24),)), None, "cpu", "0.5b", "slow on this processor"),
    ],
)
def test_the_largest_that_suits_the_machine(
    machine: Hardware, limit: float | None, device: str, name: str, why: str
) -> None:
    found = choose(machine, limit, device)
    assert found.name == name
    assert why in found.reason
    assert found.reason.startswith(TITLES[name])


@pytest.mark.parametrize("flags", [AMX, "avx2 avx_vnni", "avx2", "bf16"])
@pytest.mark.parametrize("gigabytes", [3.3, 3.8, 4.2, 5.2, 6, 7.2, 12])
def test_what_is_chosen_for_a_limit_fits_it_with_a_useful_context(flags: str, gigabytes: float) -> None:
    machine = pc(30, flags=flags)
    config, reason = resolved(ModelConfig(embedded=True, max_memory_gb=gigabytes), machine)
    assert reason
    model = catalog.family(config.model_id)
    assert model is not None
    plan = make_plan(machine, model, config, vllm_version="0.32.0")
    assert plan.max_model_len == 8192
    assert plan.model == config.model_id


def test_a_named_model_stays() -> None:
    config = ModelConfig(embedded="0.5b")
    assert resolved(config, pc(30, flags=AMX)) == (config, None)


@pytest.mark.parametrize(
    ("flags", "name", "quantization", "form"),
    [
        (AMX, "1.5b", "auto", "int8"),
        (AMX, "1.5b", "bf16", "bfloat16"),
        (AMX, "0.5b", "int4", "int4"),
        ("avx2", "0.5b", "auto", "float32"),
        ("avx2", "0.5b", "int4", "float32"),
        ("bf16", "1.5b", "auto", "bfloat16"),
        (AMX, "135m", "auto", None),
    ],
)
def test_the_form_to_install(flags: str, name: str, quantization: str, form: str | None) -> None:
    config = ModelConfig(embedded=name, quantization=quantization)  # type: ignore[arg-type]
    assert install_form(config, pc(20, flags=flags)) == form


def test_names_ids_and_titles_agree() -> None:
    models = embedded.models()
    assert {model.alias: model.id for model in models} == EMBEDDED_MODELS
    assert list(TITLES) == list(EMBEDDED_MODELS) == [model.alias for model in models]
    for model in models:
        known = catalog.family(model.id)
        assert known is not None
        assert known.licence == model.licence
