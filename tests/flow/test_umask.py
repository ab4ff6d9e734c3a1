"""What the reviewer writes for itself is its owner's alone, also where the umask takes no right away."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench import faults
from reviewer.engine.server import registry
from tests.conftest import PROJECT
from tests.fake_engine import FakeEngine, Script
from tests.flow.test_background import settled
from tests.repo import AFTER, BEFORE, Repo

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="modes of POSIX, and the faults of bench")


def run(argv: list[str], cwd: Path, **env: str) -> str:
    """Run a program whose umask is 000 from its start."""
    done = subprocess.run(
        argv, cwd=cwd, env={**os.environ, **env}, umask=0, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def below(folder: Path) -> Iterator[tuple[Path, int]]:
    """Everything in a folder, with its mode."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            yield path, stat.S_IMODE(path.lstat().st_mode)


def readable(folder: Path) -> list[str]:
    return [f"{path} {mode:o}" for path, mode in below(folder) if not path.is_dir() and mode & 0o077]


def writable_folders(folder: Path) -> list[str]:
    return [f"{path} {mode:o}" for path, mode in below(folder) if path.is_dir() and mode & 0o022]


def test_files_of_reviews_are_private_with_umask_000(repo: Repo, home: Path) -> None:
    reviewer = [sys.executable, "-P", "-m", "reviewer"]
    repo.commit("first", {"stats.py": BEFORE})
    faulty = "def load(keys):\n    table = dict.fromkeys(keys, [])\n    table[0].append(1)\n    return table\n"
    repo.stage({"stats.py": AFTER, "load.py": faulty})
    with FakeEngine(Script(), tcp=True) as engine:
        env = {"REVIEWER_ENGINE_URL": engine.endpoint.url}
        found = json.loads(run([*reviewer, "review", "--format", "json"], repo.root, **env))["findings"]
        assert "load.py" in run([*reviewer, "apply", "--all"], repo.root)
        run([*reviewer, "dismiss", found[0]["id"]], repo.root)
        run([*reviewer, "install", "--background"], repo.root)
        run(["git", "-c", "user.name=T", "-c", "user.email=t@example.invalid", "commit", "-qm", "x"], repo.root, **env)
        settled(repo)
    kept = repo.root / ".git" / "reviewer"
    names = {path.name for path, _ in [*below(home), *below(kept)]}
    assert names >= {"answers.sqlite3", "marker.key", "last.json", "dismissed.jsonl", "worker.log", "0001.patch"}
    assert readable(home / "reviewer") == []
    assert writable_folders(home / "reviewer") == []
    assert [entry for entry in readable(kept) if ".lock " not in entry] == []  # locks are empty


def test_files_of_an_engine_are_private_with_umask_000(home: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="u-") as name:
        folder = Path(name)
        repo = Repo.init(folder / "repo")
        repo.commit("first", {"stats.py": BEFORE})
        repo.stage({"stats.py": AFTER})
        Script(rules=[faults.SAID]).write(folder / "script.json")
        argv = [sys.executable, "-P", "-m", "bench.faults", "--review", name]
        try:
            assert "complete" in run(argv, folder, PYTHONPATH=str(PROJECT))
            kinds = {path.suffix for path, _ in below(folder / "run")}
            assert kinds >= {".sock", ".json", ".lock", ".log"}
            assert readable(folder / "run") == []
            assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o700
            assert readable(home / "reviewer") == []
            assert writable_folders(home / "reviewer") == []
            # What the engine writes for itself, such as its log of requests here, has the supervisor's umask.
            assert stat.S_IMODE((folder / "requests.jsonl").stat().st_mode) == 0o600
        finally:
            registry.stop_all(folder / "run")


def test_a_crash_report_is_private_with_umask_000(tmp_path: Path, home: Path) -> None:
    code = "from reviewer.cli.boundary import guarded; guarded(lambda: 1 / 0)"
    run([sys.executable, "-c", code], tmp_path)
    (report,) = (home / "reviewer" / "state" / "crashes").iterdir()
    assert "ZeroDivisionError" in report.read_text()
    assert readable(home / "reviewer") == []
    assert writable_folders(home / "reviewer") == []
