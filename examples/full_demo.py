"""The whole way of one change: staged in a repository, reviewed by hand, then committed through the git hook.

    python examples/full_demo.py

Everything is real: git, the hook, vLLM. The model is the embedded one, which proves that all parts work together and is
far too small to judge code. What is missing (vLLM and the model, about 3 GB) is installed first. Ends with 0 only when
the model has read the change, and the hook showed its review during the commit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

REVIEWER = str(Path(sysconfig.get_path("scripts")) / "reviewer")
MODEL = "smollm2-135m-instruct"  # the embedded one

BEFORE = '''\
def average(values):
    """Return the arithmetic mean; 0 for an empty list."""
    if not values:
        return 0
    return sum(values) / len(values)
'''
# The bug: the guard is gone, and an empty list divides by zero. And something is left to do.
AFTER = '''\
def average(values):
    """Return the arithmetic mean; 0 for an empty list."""
    return sum(values) / len(values)


def largest(values):
    """Return the largest value; None for an empty list."""
    raise NotImplementedError
'''


def demo(repository: Path) -> None:
    title("A repository with one commit, and a staged change that forgets the empty list")
    git("init", "--quiet", cwd=repository)
    (repository / "stats.py").write_text(BEFORE, encoding="utf-8")
    git("add", "stats.py", cwd=repository)
    git("commit", "--quiet", "--message", "Add average", cwd=repository)
    (repository / "stats.py").write_text(AFTER, encoding="utf-8")
    git("add", "stats.py", cwd=repository)

    title("Review it by hand: --install brings what is missing, --no-cache asks even what an earlier demo has asked")
    review = run(REVIEWER, "review", "--embedded", "--install", "--no-cache", cwd=repository)
    expect("1 hunk in 1 file" in review and "from cache" not in review, "the model was asked about the staged hunk")
    expect("stats.py:8" in review and "largest is unfinished" in review, "the review is annotated")

    title("The same for a program, as JSON; its answers stay in the cache")
    run(REVIEWER, "review", "--embedded", "--format", "json", "--output", "review.json", cwd=repository)
    report = json.loads((repository / "review.json").read_text(encoding="utf-8"))
    print(json.dumps({"counts": report["counts"], "usage": report["usage"]}, indent=2))
    expect(report["counts"]["units_read"] == report["counts"]["units"] == 1, "every unit was read")

    title("Install the hook, and commit: git runs it, it reviews from the cache, and the commit goes on")
    run(REVIEWER, "install", cwd=repository)
    commit = git("commit", "--message", "Simplify average", cwd=repository)
    expect("largest is unfinished" in commit and "all from cache" in commit, "the hook showed its review at once")
    expect(git("log", "--format=%s", "-1", cwd=repository).strip() == "Simplify average", "the commit is there")


def git(*words: str, cwd: Path) -> str:
    return run("git", *words, cwd=cwd)


def run(*command: str, cwd: Path) -> str:
    """Run a command as a user would, show what it prints, and return that."""
    print("$", " ".join([Path(command[0]).name, *command[1:]]), flush=True)
    # A hook's output comes on git's standard error. Progress is there too, one line for each step.
    with subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    ) as process:
        said = ""
        for line in process.stdout or ():
            print(line, end="", flush=True)
            said += line
    expect(process.returncode == 0, f"{command[0]} exits with 0")
    return said


def expect(true: bool, what: str) -> None:
    if not true:
        sys.exit(f"full_demo: not so: {what}")


def title(text: str) -> None:
    print(f"\n== {text}", flush=True)


def engine_runs() -> bool:
    status = subprocess.run([REVIEWER, "engine", "status", "--json"], stdout=subprocess.PIPE, check=True)
    return any(engine["model"] == MODEL for engine in json.loads(status.stdout))


def main() -> None:
    # The hook takes its settings from the environment; and git here knows nothing of this user's own configuration.
    os.environ |= {"REVIEWER_EMBEDDED": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        os.environ |= {f"GIT_{role}_NAME": "Demo", f"GIT_{role}_EMAIL": "demo@example.invalid"}
    was_running = engine_runs()
    try:
        with tempfile.TemporaryDirectory(prefix="reviewer-demo-") as folder:
            demo(Path(folder).resolve())
    finally:
        if not was_running and engine_runs():  # one that was warm before stays warm
            subprocess.run([REVIEWER, "engine", "stop", MODEL], check=True)


if __name__ == "__main__":
    main()
