from __future__ import annotations

import pytest

from reviewer.engine.config import ModelConfig
from reviewer.engine.models import catalog
from reviewer.engine.planning import figures
from reviewer.engine.planning.plan import make_plan
from reviewer.errors import ModelNotInstalledError
from tests.engine.planning.test_plan import gpu, pc


def test_alias() -> None:
    found = figures.find(ModelConfig(model="qwen2.5-coder-32b"))
    assert isinstance(found.model, catalog.CatalogModel)
    assert (found.name, found.folder) == ("Qwen/Qwen2.5-Coder-32B-Instruct", None)
    assert "not installed" in found.origin


def test_repository_of_a_form_selects_the_form() -> None:
    name = "Qwen/Qwen2.5-Coder-32B-Instruct-AWQ"
    found = figures.find(ModelConfig(model=name))
    plan = make_plan(pc(90, gpus=(gpu(80),)), found.model, found.config)
    assert (found.config.quantization, found.name) == ("int4", name)
    assert (plan.quantization, found.loaded_from(plan)) == ("int4", name)
    assert found.revision(plan) == "809193f9fbb537e7ad2167d1991eeb5c9c14291b"


def test_each_form_has_the_revision_of_its_repository() -> None:
    found = figures.find(ModelConfig(model="qwen2.5-coder-32b"))
    small = make_plan(pc(90, gpus=(gpu(32),)), found.model, found.config)
    large = make_plan(pc(90, gpus=(gpu(80),)), found.model, found.config)
    assert found.loaded_from(small) != found.loaded_from(large) == "Qwen/Qwen2.5-Coder-32B-Instruct"
    assert found.revision(small) != found.revision(large) == "d7a414c7c6297f60dcf1b5a14b7e5f25864e3181"


def test_unknown_model_is_an_error() -> None:
    with pytest.raises(ModelNotInstalledError):
        figures.find(ModelConfig(model="org/unknown"))
