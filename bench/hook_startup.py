"""CPU time of a hook that has nothing to review, beside the time of importing the libraries that a review needs.

    python bench/hook_startup.py [--times 15]

The hook runs at every commit, so what it costs when there is nothing staged is what everybody pays. It is compared with
``python -c "import git, unidiff, jinja2"``, run in turns by the same interpreter. User and system time of the process
are counted, those of the git processes that it waits for included. POSIX only (``os.wait4``).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from common import alternate, cpu_seconds, git, machine, spread, table, verdict

GOAL = 1.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=15, help="runs of each")
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder) / "repo"
        repo.mkdir()
        git(repo, "init", "-q")
        git(repo, "commit", "-q", "--allow-empty", "-m", "first")
        env = {**os.environ, "REVIEWER_HOME": str(Path(folder) / "home")}
        hook = [sys.executable, "-P", "-m", "reviewer", "hook", "pre-commit"]
        imports = [sys.executable, "-c", "import git, unidiff, jinja2"]
        version = [sys.executable, "-P", "-m", "reviewer", "--version"]
        for command in (hook, imports, version):  # byte code and disk cache
            cpu_seconds(command, cwd=repo, env=env)
        pair = alternate(
            lambda: cpu_seconds(hook, cwd=repo, env=env), lambda: cpu_seconds(imports, cwd=repo, env=env), times
        )
        versions = [cpu_seconds(version, cwd=repo, env=env) for _ in range(times)]
    print(machine())
    print(
        table(
            [
                ("reviewer hook pre-commit, nothing staged", spread(pair.ours)),
                ('python -c "import git, unidiff, jinja2"', spread(pair.theirs)),
                ("reviewer --version", spread(versions)),
                verdict("hook over imports, CPU time", pair.ratio, GOAL),
            ]
        )
    )
    return 0 if pair.ratio <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
