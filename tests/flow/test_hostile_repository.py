"""A repository whose configuration names programs: git would run them, a review does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import states
from reviewer.errors import ExitCode
from tests.command import reviewer
from tests.flow.test_background import settled
from tests.repo import AFTER

if TYPE_CHECKING:
    from pathlib import Path

    from bench.states import Scene

COMMANDS = (
    ("review",),
    ("review", "--worktree"),
    ("review", "HEAD"),
    ("review", "HEAD~1..HEAD"),
    ("ci", "--base", "HEAD~1", "--head", "HEAD"),
    ("hook", "pre-commit"),
    ("hook", "post-commit"),
    ("baseline", "HEAD"),
    ("apply", "--all", "--dry-run"),
    ("show",),
    ("dismiss", "--list"),
    ("rules",),
    ("doctor",),
)
CALLS = (  # what of git's own runs the programs
    ("status",),
    ("diff", "HEAD"),
    ("add", "more.dat"),
    ("checkout", "-q", "HEAD", "stats.py"),
    ("commit", "-qm", "x"),
)


@pytest.fixture
def scene(tmp_path: Path, home: Path) -> Scene:
    """Hooks, filters, a file system monitor, external diffs, pager and editor, each of which leaves a trace."""
    steps = ["attributes and filters", "programs in the configuration", "hooks"]
    made = states.build("plain", steps, tmp_path / "top")
    made.repo.write({"stats.py": AFTER, "more.dat": "1\n"})
    made.repo.git("add", "stats.py")
    made.trace.unlink()
    return made


def test_no_program_of_a_repository_runs(scene: Scene) -> None:
    for command in COMMANDS:
        done = reviewer(*command, cwd=scene.repo.root, env={"REVIEWER_USE_MODEL": "false"})
        assert done.returncode <= ExitCode.ENGINE, done.stderr  # of doctor: no engine is installed
        settled(scene.repo)
        assert not scene.trace.exists(), command


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_git_would_run_them(scene: Scene, call: tuple[str, ...]) -> None:
    scene.repo.git(*call, check=False)
    assert scene.trace.exists()
