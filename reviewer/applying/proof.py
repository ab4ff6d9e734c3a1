"""Proven fixes: the user's command, run on the reviewed state with and without each fix; only what passes is kept."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reviewer.applying.checkout import LOCAL_VARIABLES, Checkouts
from reviewer.applying.running import Outcome, Run, run
from reviewer.terminal.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from reviewer.applying.last import KeptFinding
    from reviewer.applying.plan import Plan

ORIGINAL_ROOT = "REVIEWER_ORIGINAL_ROOT"


@dataclass(frozen=True, slots=True)
class Step:
    """One run of the command with some fixes; without any for the baseline."""

    ids: tuple[str, ...]
    run: Run

    @property
    def passed(self) -> bool:
        """Whether the command exited with 0 in time."""
        return self.run.outcome is Outcome.PASSED


@dataclass(frozen=True, slots=True)
class Proof:
    """What was tried, in order, and the fixes of the last run that passed."""

    steps: tuple[Step, ...] = ()
    kept: tuple[KeptFinding, ...] = ()

    @property
    def baseline(self) -> Step:
        """The run without any fix."""
        return self.steps[0]


@dataclass(frozen=True, slots=True)
class Trial:
    """How the command is run.

    Attributes:
        command: A command line for the shell.
        timeout: In seconds.
        folder: Where it runs, below the top of the working tree.
        original: The user's own working tree, passed to the command in an environment variable.
    """

    command: str
    timeout: float
    folder: Path
    original: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def on(self, checkouts: Checkouts, files: Mapping[str, bytes]) -> Run:
        """Run the command once, in a working copy of its own.

        A copy is never used twice: what one run leaves behind (caches, compiled files with the timestamp of the
        source) would affect the next.
        """
        root = checkouts.fresh(files)
        try:
            folder = root / self.folder
            env = {name: value for name, value in self.environment.items() if name not in LOCAL_VARIABLES}
            env |= {ORIGINAL_ROOT: str(self.original)}
            where = folder if folder.is_dir() else root
            log = checkouts.folder / "output"
            return run(self.command, where, log, {**env, "PWD": str(where)}, self.timeout, marker=checkouts.marker)
        finally:
            checkouts.discard(root)


def prove(
    chosen: Sequence[KeptFinding],
    plan: Callable[[Sequence[KeptFinding]], Plan],
    trial: Callable[[Mapping[str, bytes]], Run],
    progress: Progress = SILENT,
) -> Proof:
    """Find the fixes with which the command passes.

    First the command is run without any, then with each alone, then with all that passed together. If they fail
    together, they are added one by one, and each that passes with those before it is kept.

    Args:
        chosen: Fixes that can be applied.
        plan: Plans some of them together.
        trial: Runs the command on the state with some files' contents replaced.
        progress: Receives the steps.
    """
    before = {file.path: file.before for file in plan(chosen).files}
    steps: list[Step] = []

    def attempt(*some: KeptFinding) -> bool:
        ids = tuple(one.id for one in some)
        progress.step(f"checking {', '.join(ids) if ids else 'without any fix'}")
        after = {file.path: file.after for file in plan(some).files} if some else {}
        steps.append(Step(ids, trial({**before, **after})))
        return steps[-1].passed

    attempt()
    passed = [one for one in chosen if attempt(one)]
    if len(passed) > 1 and not attempt(*passed):
        together = passed[:1]
        for one in passed[1:]:
            more = [*together, one]
            if more != passed and attempt(*more):  # all together have failed already
                together = more
        passed = together
    return Proof(tuple(steps), tuple(passed))
