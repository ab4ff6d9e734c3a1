from __future__ import annotations

from typing import Any

import pytest

from reviewer import AIModelManager, ModelConfig
from reviewer.engine.config import DEFAULT_MODEL, EMBEDDED_MODELS
from reviewer.errors import ConfigError


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_memory_gb", 0), ("max_memory_gb", "12"), ("max_memory_gb", float("nan")), ("timeout", -1),
        ("timeout", None), ("start_timeout", float("inf")), ("idle_timeout", 0), ("temperature", 2.5),
        ("temperature", "cold"), ("max_model_len", 0), ("max_num_seqs", 1.5), ("max_tokens", True),
    ],
)  # fmt: skip
def test_a_number_that_is_out_of_range_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"^{field} must be"):
        ModelConfig(**{field: value})


@pytest.mark.parametrize(("field", "value"), [("quantization", "int3"), ("device", "tpu"), ("model", "")])
def test_other_values_are_refused(field: str, value: Any) -> None:
    with pytest.raises(ConfigError):
        ModelConfig(**{field: value})


@pytest.mark.parametrize("value", ["1", "true", "ON"])
def test_the_environment_chooses_the_embedded_model(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWER_EMBEDDED", value)
    assert AIModelManager(max_memory_gb=12).config.model_id in EMBEDDED_MODELS.values()
    assert ModelConfig().embedded is True
    assert ModelConfig(embedded=False).model_id == DEFAULT_MODEL


@pytest.mark.parametrize("name", EMBEDDED_MODELS)
def test_an_embedded_model_can_be_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ModelConfig(embedded=name).model_id == EMBEDDED_MODELS[name]
    monkeypatch.setenv("REVIEWER_EMBEDDED", name.upper())
    assert ModelConfig().model_id == EMBEDDED_MODELS[name]
    assert AIModelManager().config.model_id == EMBEDDED_MODELS[name]
    assert AIModelManager(ModelConfig(model="a/b"), embedded=name).config.model_id == EMBEDDED_MODELS[name]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "a/b", "embedded": True}, "both embedded and the model a/b"),
        ({"embedded": "7b"}, "no embedded model"),
        ({"embedded": 1}, "embedded must be True, False or a name, not 1"),
    ],
)
def test_a_contradiction_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ModelConfig(**options)


@pytest.mark.parametrize("options", [{"model": "org/model"}, {"model": DEFAULT_MODEL}, {"embedded": False}])
def test_an_argument_goes_before_the_environment(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWER_EMBEDDED", "1")
    expected = options.get("model", DEFAULT_MODEL)
    assert AIModelManager(**options).config.model_id == expected
    assert AIModelManager(ModelConfig(), **options).config.model_id == expected


@pytest.mark.parametrize("value", ["", "0", "no"])
def test_the_environment_can_leave_it_out(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWER_EMBEDDED", value)
    assert ModelConfig().model_id == DEFAULT_MODEL


def test_the_key_is_not_shown() -> None:
    assert "secret" not in repr(ModelConfig(api_key="secret"))
