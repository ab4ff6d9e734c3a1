from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reviewer.engine import provision
from reviewer.engine.config import ModelConfig
from reviewer.errors import EngineNotInstalledError, InsufficientMemoryError
from reviewer.terminal.progress import SILENT
from tests.engine.planning.test_plan import pc


class Provisioning:
    """Stands in for the network: records what would be installed."""

    def __init__(self, *, engine: bool) -> None:
        self.engine = engine
        self.done: list[Any] = []

    def find(self, *, python: str | None = None, device: str = "auto") -> Any:
        if not self.engine or python == "/wrong":
            raise EngineNotInstalledError("no vLLM")
        return SimpleNamespace(python=Path("/found"))

    def install(self, device: str, *, progress: Any) -> Any:
        self.done.append(("engine", device))
        return SimpleNamespace(python=Path("/made"))

    def store(self) -> Any:
        def install(model: str, *, form: str | None, progress: Any) -> None:
            self.done.append((model, form))

        return SimpleNamespace(install=install, has=lambda _model: False)


@pytest.mark.parametrize(
    ("engine", "settings", "done"),
    [
        (False, {"device": "cpu", "model": "a/m"}, [("engine", "cpu"), ("a/m", None)]),
        (True, {"embedded": "135m"}, [("smollm2-135m-instruct", None)]),
        (True, {"embedded": True}, [("qwen2.5-coder-1.5b-instruct-gguf", "int8")]),
        (True, {"embedded": "0.5b", "quantization": "bf16"}, [("qwen2.5-coder-0.5b-instruct-gguf", "bfloat16")]),
        (False, {"engine_url": "http://gpu"}, []),
    ],
)
def test_provisioning_does_what_is_missing(
    engine: bool, settings: dict[str, Any], done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Provisioning(engine=engine)
    monkeypatch.setattr("reviewer.engine.provision.environment.find", fake.find)
    monkeypatch.setattr("reviewer.engine.provision.environment.install", fake.install)
    monkeypatch.setattr(provision, "ModelStore", fake.store)
    monkeypatch.setattr("reviewer.engine.provision.figures.ModelStore", fake.store)
    monkeypatch.setattr("reviewer.engine.provision.hardware.detect", lambda: pc(12, flags="avx512_vnni avx512_bf16"))
    provision.provision(ModelConfig(**settings), SILENT)
    assert fake.done == done


def test_a_named_interpreter_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Provisioning(engine=True)
    monkeypatch.setattr("reviewer.engine.provision.environment.find", fake.find)
    monkeypatch.setattr("reviewer.engine.provision.environment.install", fake.install)
    with pytest.raises(EngineNotInstalledError):
        provision.provision(ModelConfig(model="a/b", engine_python="/wrong"), SILENT)
    assert fake.done == []


def test_a_model_that_does_not_fit_is_not_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Provisioning(engine=False)
    monkeypatch.setattr("reviewer.engine.provision.environment.install", fake.install)
    monkeypatch.setattr("reviewer.engine.provision.hardware.detect", lambda: pc(12, flags="avx512f amx_bf16 amx_int8"))
    with pytest.raises(InsufficientMemoryError, match="gpt-oss-20b does not fit") as caught:
        provision.provision(ModelConfig(embedded=False), SILENT)
    assert "--model Qwen/Qwen2.5-Coder-7B-Instruct" in str(caught.value.hint)
    assert "--embedded=1.5b" in str(caught.value.hint)
    assert fake.done == []
