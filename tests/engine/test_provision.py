from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reviewer.engine import provision
from reviewer.engine.config import ModelConfig
from reviewer.errors import EngineNotInstalledError
from reviewer.terminal.progress import SILENT


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
        def install(model: str, *, python: Path, progress: Any) -> None:
            self.done.append((model, python))

        return SimpleNamespace(install=install)


@pytest.mark.parametrize(
    ("engine", "settings", "done"),
    [
        (False, {"device": "cpu", "model": "m"}, [("engine", "cpu"), ("m", Path("/made"))]),
        (True, {"embedded": True}, [("smollm2-135m-instruct", Path("/found"))]),
        (False, {"engine_url": "http://gpu"}, []),
    ],
)
def test_provisioning_does_what_is_missing(
    engine: bool, settings: dict[str, Any], done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Provisioning(engine=engine)
    monkeypatch.setattr(provision.environment, "find", fake.find)
    monkeypatch.setattr(provision.environment, "install", fake.install)
    monkeypatch.setattr(provision, "ModelStore", fake.store)
    provision.provision(ModelConfig(**settings), SILENT)
    assert fake.done == done


def test_a_named_interpreter_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Provisioning(engine=True)
    monkeypatch.setattr(provision.environment, "find", fake.find)
    monkeypatch.setattr(provision.environment, "install", fake.install)
    with pytest.raises(EngineNotInstalledError):
        provision.provision(ModelConfig(engine_python="/wrong"), SILENT)
    assert fake.done == []
