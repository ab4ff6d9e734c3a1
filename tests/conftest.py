"""Isolation: every test has its own home, and one that reaches for the real home or for the network fails."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.repo import AFTER, BEFORE, Repo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fake_engine import FakeEngine

# A worker of pytest-xdist starts with the isolated home of the process that started it.
REAL_HOME = Path(os.environ.setdefault("TEST_REAL_HOME", str(Path.home()))).resolve()
_LONGEST_ID = 200
PROJECT = Path(__file__).resolve().parent.parent

# Set by a surrounding git hook, CI job, terminal or earlier run: none of them may steer a test.
_DROPPED_PREFIXES = ("GIT_", "GITHUB_", "GITLAB_", "CI_", "REVIEWER_", "HF_", "HUGGING", "VLLM_", "PRE_COMMIT", "XDG_")
_DROPPED_NAMES = ("CI", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES", "PAGER", "EDITOR")


def _isolated(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "APPDATA": str(home / "AppData" / "Roaming"),
        "LOCALAPPDATA": str(home / "AppData" / "Local"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "XDG_RUNTIME_DIR": str(home / ".run"),
        "REVIEWER_HOME": str(home / "reviewer"),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "TERM": "dumb",
        "REVIEWER_MODEL_FINDINGS": "on",  # the fake engine's findings are what most tests look at
    }


def _dropped() -> list[str]:
    return [name for name in os.environ if name.startswith(_DROPPED_PREFIXES) or name in _DROPPED_NAMES]


# Before anything is imported: some libraries read HOME once, at import.
_SESSION_HOME = Path(tempfile.mkdtemp(prefix="reviewer-tests-"))
for _name in _dropped():
    del os.environ[_name]
os.environ.update(_isolated(_SESSION_HOME))


def pytest_unconfigure() -> None:
    shutil.rmtree(_SESSION_HOME, ignore_errors=True)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Shorten ids: pytest keeps them in the environment, where Linux allows a string 128 KiB."""
    if isinstance(val, (str, bytes)) and len(val) > _LONGEST_ID:
        return f"{val[:20]!a}… of {len(val)}"
    return None


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names for homes that are not there yet; ``mktemp`` would list all earlier homes to find a free number."""
    root = tmp_path_factory.mktemp("homes")
    return (root / f"{number}" for number in itertools.count())


@pytest.fixture(autouse=True)
def home(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of this test's own; the reviewer's files go to ``home / "reviewer"``."""
    folder = next(_homes)
    folder.mkdir()
    for name in _dropped():
        monkeypatch.delenv(name)
    for name, value in _isolated(folder).items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of asynchronous tests (``pytest.mark.anyio``)."""
    return "asyncio"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """An empty repository on branch ``main``."""
    return Repo.init(tmp_path / "repo")


@pytest.fixture
def changed(repo: Repo) -> Repo:
    """A repository with a commit and a staged change that drops a guard."""
    repo.commit("first", {"stats.py": BEFORE})
    repo.stage({"stats.py": AFTER})
    return repo


@pytest.fixture
def env(engine: FakeEngine) -> dict[str, str]:
    """The environment of a command that asks the test module's ``engine``."""
    return {"REVIEWER_ENGINE_URL": engine.endpoint.url}


class _Guard:
    """Watches this process through Python's audit events while a test runs; a child process has no way home."""

    _CHANGES = frozenset({"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link", "shutil.rmtree"})

    def __init__(self) -> None:
        self.active = False
        self.network = False
        self.seen: list[str] = []
        # The home may well hold the checkout, the interpreter and the temporary folder.
        allowed = {PROJECT, Path(tempfile.gettempdir()).resolve(), Path(sys.prefix).resolve()}
        self._allowed = tuple(str(path) for path in allowed | {Path(sys.base_prefix).resolve()})
        self._home = "" if Path(REAL_HOME.anchor) == REAL_HOME else str(REAL_HOME)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if self._touches(event, args):
            self._check_path(event, args[0])
        elif event == "socket.connect" and not self.network:
            self._check_address(args[1])

    def _touches(self, event: str, args: tuple[Any, ...]) -> bool:
        if event == "open":
            return not isinstance(args[0], int) and self._writes(args[1], args[2])
        if event in self._CHANGES:
            # The last argument is a directory's descriptor; a path relative to one can not be placed from here.
            return not isinstance(args[0], int) and args[-1] in (-1, None)
        return event == "sqlite3.connect"

    @staticmethod
    def _writes(mode: str | None, flags: int | None) -> bool:
        if mode is not None:
            return any(letter in mode for letter in "wax+")
        return bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))

    def _check_path(self, event: str, path: str | bytes | os.PathLike[str]) -> None:
        full = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - pathlib would raise events of its own
        if self._home and self._within(full, self._home) and not any(self._within(full, a) for a in self._allowed):
            self._fail(f"{event} {full!r} is in the real home")

    def _check_address(self, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else None
        if isinstance(host, str) and not host.startswith("127.") and host not in ("::1", "localhost"):
            self._fail(f"connection to {host} leaves this machine")

    def _fail(self, what: str) -> None:
        self.seen.append(what)
        raise AssertionError(what)

    @staticmethod
    def _within(path: str, folder: str) -> bool:
        return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


_GUARD = _Guard()
sys.addaudithook(_GUARD)


@pytest.fixture(autouse=True)
def _guarded(request: pytest.FixtureRequest, home: Path) -> Iterator[None]:
    _GUARD.seen.clear()
    # Provisioning the real engine is the one thing that may need a package index.
    _GUARD.network = request.node.get_closest_marker("real_engine") is not None
    _GUARD.active = True
    yield
    _GUARD.active = False
    # Again at the end, since the code under test may have caught the first one.
    if _GUARD.seen:
        pytest.fail("; ".join(_GUARD.seen))
