"""A real engine and the embedded model, found on this machine or installed once beside the checkout."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reviewer import AIModelManager, processes
from reviewer.engine.install import environment
from reviewer.engine.models.catalog import SMALLEST
from reviewer.engine.models.store import ModelStore
from reviewer.engine.server import registry
from reviewer.errors import EngineNotInstalledError
from tests.conftest import PROJECT, REAL_HOME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.engine.install.environment import EngineEnvironment
    from reviewer.engine.server.state import ServerState

_KEPT = PROJECT / ".test-data"  # ignored by git; outlives the session, since 3 GB are not fetched for every run


# Tests run in the order of these fixtures, so that the shared engine is started as rarely as can be.
_TURNS = ("cold", "warm", "last_warm")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what runs real vLLM in one worker of pytest-xdist, so that engines are shared and take turns.

    They come first, since they take longest: the other workers share everything else meanwhile.
    """
    real = [item for item in items if item.get_closest_marker("real_engine")]
    for item in real:
        item.add_marker(pytest.mark.xdist_group("engine"))
    items[:] = sorted(real, key=_turn) + [item for item in items if item not in real]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fail where the groups had no effect: several engines at once take twice the memory and time."""
    if session.config.getoption("loadgroup", default=False):
        real = [item.nodeid for item in session.items if item.get_closest_marker("real_engine")]
        if not all(name.endswith("@engine") for name in real):
            raise pytest.UsageError("pytest-xdist ignores xdist_group with this version of pytest")


def _turn(item: pytest.Item) -> int:
    used = [turn for turn, name in enumerate(_TURNS) if name in getattr(item, "fixturenames", ())]
    return used[-1] if used else len(_TURNS)


class _Steps:
    """Says on standard error what takes minutes; pytest shows it with ``-s`` or when the test fails."""

    def step(self, message: str) -> None:
        sys.stderr.write(f"{message}\n")

    def advance(self, done: float, total: float | None, unit: str = "") -> None:
        pass


@contextlib.contextmanager
def _as_the_user(reviewer_home: Path | None) -> Iterator[None]:
    """The person's own settings of pip and data folder; or ``reviewer_home`` as the data folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(REAL_HOME))
        for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "REVIEWER_HOME"):
            patch.delenv(name, raising=False)
        if reviewer_home is not None:
            patch.setenv("REVIEWER_HOME", str(reviewer_home))
            # Beside the environment, so that uv links its files instead of copying them, and out of the real home.
            patch.setenv("UV_CACHE_DIR", str(reviewer_home / "uv-cache"))
        yield


@pytest.fixture(scope="session")
def engine() -> EngineEnvironment:
    """An environment with vLLM: ``TEST_ENGINE_PYTHON``, this one, the user's managed one, or one made here once."""
    with _as_the_user(None):
        try:
            return environment.find(python=os.environ.get("TEST_ENGINE_PYTHON"))
        except EngineNotInstalledError:
            if "TEST_ENGINE_PYTHON" in os.environ:
                raise
    with _as_the_user(_KEPT):
        return environment.install(progress=_Steps())


@pytest.fixture(scope="session")
def engine_python(engine: EngineEnvironment) -> Path:
    """The interpreter that runs vLLM."""
    return engine.python


@pytest.fixture(scope="session")
def embedded_model_store() -> ModelStore:
    """A store that holds the smallest embedded model, converted once per machine."""
    store = ModelStore(_KEPT / "data" / "models")
    with _as_the_user(_KEPT):
        converted_by_us = any(model.id == SMALLEST and model.gguf for model in store.list())
        store.install(SMALLEST, force=not converted_by_us, progress=_Steps())
    return store


@pytest.fixture(scope="session")
def embedded_model(embedded_model_store: ModelStore) -> Path:
    """The folder of the embedded model."""
    return embedded_model_store.find(SMALLEST).path


@pytest.fixture
def use_engine(engine_python: Path, embedded_model_store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    """Let code that looks for itself find that engine and that model, in this process and in its children."""
    home = Path(os.environ["REVIEWER_HOME"])
    (home / "data").mkdir(parents=True)
    (home / "data" / "models").symlink_to(embedded_model_store.root, target_is_directory=True)
    monkeypatch.setenv("REVIEWER_ENGINE_PYTHON", str(engine_python))
    return embedded_model_store


@pytest.fixture(scope="session")
def shared_home(embedded_model_store: ModelStore) -> Iterator[Path]:
    """One data folder for the tests that share an engine, since each start of vLLM takes a minute."""
    home = Path(tempfile.mkdtemp(prefix="reviewer-shared-"))
    (home / "data").mkdir()
    (home / "data" / "models").symlink_to(embedded_model_store.root, target_is_directory=True)
    yield home
    registry.stop_all(home / "run")
    left = processes.marked(registry.Place.at(home / "run").marker)
    shutil.rmtree(home)
    assert left == []


@pytest.fixture
def shared(shared_home: Path, engine_python: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let this process and its children use the shared folder and the embedded model, whether an engine runs or not."""
    monkeypatch.setenv("REVIEWER_HOME", str(shared_home))
    monkeypatch.setenv("REVIEWER_ENGINE_PYTHON", str(engine_python))
    monkeypatch.setenv("REVIEWER_EMBEDDED", "135m")
    return shared_home


@pytest.fixture
def warm(shared: Path) -> ServerState:
    """The shared engine, ready; it is started by the first test that needs it, and left to the next."""

    async def load() -> None:
        async with AIModelManager(embedded="135m", keep_warm=True):
            pass

    asyncio.run(load())
    (state,) = registry.running()
    return state


@pytest.fixture
def last_warm(warm: ServerState) -> ServerState:
    """The shared engine for the test that stops it, after all others that use it."""
    return warm
