from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reviewer.cli import common
from reviewer.config import Settings
from reviewer.engine.install import environment
from reviewer.engine.models import store
from reviewer.errors import EngineNotInstalledError, UsageError
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
        (False, {"url": "http://gpu"}, []),
    ],
)
def test_provisioning_does_what_is_missing(
    engine: bool, settings: dict[str, Any], done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Provisioning(engine=engine)
    monkeypatch.setattr(environment, "find", fake.find)
    monkeypatch.setattr(environment, "install", fake.install)
    monkeypatch.setattr(store, "ModelStore", fake.store)
    common.provision(Settings(**settings), SILENT)
    assert fake.done == done


def test_a_named_interpreter_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Provisioning(engine=True)
    monkeypatch.setattr(environment, "find", fake.find)
    monkeypatch.setattr(environment, "install", fake.install)
    with pytest.raises(EngineNotInstalledError):
        common.provision(Settings(python="/wrong"), SILENT)
    assert fake.done == []


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new" / "report.md"
    common.write_file(target, "one\udcff")
    assert target.read_bytes() == b"one?"
    common.write_file(target, "two")
    assert target.read_bytes() == b"two"
    assert [path.name for path in target.parent.iterdir()] == ["report.md"]
    with pytest.raises(UsageError, match="cannot write"):
        common.write_file(target / "below", "three")


@pytest.mark.skipif(os.name != "posix", reason="links need a privilege on Windows")
def test_a_link_to_the_output_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    link = tmp_path / "link"
    link.symlink_to("real")
    common.write_file(link, "new")
    assert link.readlink() == Path("real")
    assert (tmp_path / "real").read_text() == "new"
