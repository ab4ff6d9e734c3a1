"""Stage a change, review it by hand, then commit it through the git hook.

    python examples/full_demo.py

Runs git, the hook and vLLM with the smallest embedded model, which starts quickly. Installs vLLM and the model (about
3 GB) if they are missing. Exits with 0 only if the model read the change and the hook printed its review during the
commit.
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
MODEL = "smollm2-135m-instruct"  # the smallest embedded one

BEFORE = '''\
def average(values):
    """Return the arithmetic mean; 0 for an empty list."""
    if not values:
        return 0
    return sum(values) / len(values)
'''
# The bug: without the guard an empty list divides by zero. Also, a function is unfinished.
AFTER = '''\
def average(values):
    """Return the arithmetic mean; 0 for an empty list."""
    return sum(values) / len(values)


def largest(values):
    """Return the largest value; None for an empty list."""
    raise NotImplementedError
'''


def demo(repository: Path) -> None:
    title("A repository with one commit and a staged change that breaks on an empty list")
    git("init", "--quiet", cwd=repository)
    (repository / "stats.py").write_text(BEFORE, encoding="utf-8")
    git("add", "stats.py", cwd=repository)
    git("commit", "--quiet", "--message", "Add average", cwd=repository)
    (repository / "stats.py").write_text(AFTER, encoding="utf-8")
    git("add", "stats.py", cwd=repository)

    title("Review it by hand: --install installs what is missing, --no-cache ignores answers of an earlier demo")
    review = run(REVIEWER, "review", "--embedded", "--install", "--no-cache", cwd=repository)
    expect("1 hunk in 1 file" in review and "from cache" not in review, "the model was asked about the staged hunk")
    expect("stats.py:8" in review and "largest is unfinished" in review, "the review is annotated")

    title("The same as JSON; the answers are cached")
    run(REVIEWER, "review", "--embedded", "--format", "json", "--output", "review.json", cwd=repository)
    report = json.loads((repository / "review.json").read_text(encoding="utf-8"))
    print(json.dumps({"counts": report["counts"], "usage": report["usage"]}, indent=2))
    expect(report["counts"]["units_read"] == report["counts"]["units"] == 1, "every unit was read")

    title("Install the hook and commit: git runs it, it reviews from the cache, and the commit is made")
    run(REVIEWER, "install", cwd=repository)
    commit = git("commit", "--message", "Simplify average", cwd=repository)
    expect("largest is unfinished" in commit and "all from cache" in commit, "the hook showed its review at once")
    expect(git("log", "--format=%s", "-1", cwd=repository).strip() == "Simplify average", "the commit was made")


def git(*words: str, cwd: Path) -> str:
    return run("git", *words, cwd=cwd)


def run(*command: str, cwd: Path) -> str:
    """Run a command, show its output and return it."""
    print("$", " ".join([Path(command[0]).name, *command[1:]]), flush=True)
    # A hook's output and the progress lines come on standard error.
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
        sys.exit(f"full_demo: failed: {what}")


def title(text: str) -> None:
    print(f"\n== {text}", flush=True)


def engine_runs() -> bool:
    status = subprocess.run([REVIEWER, "engine", "status", "--json"], stdout=subprocess.PIPE, check=True)
    return any(engine["model"] == MODEL for engine in json.loads(status.stdout))


def main() -> None:
    # The hook reads its settings from the environment; git ignores this user's configuration.
    os.environ |= {"REVIEWER_EMBEDDED": "135m", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        os.environ |= {f"GIT_{role}_NAME": "Demo", f"GIT_{role}_EMAIL": "demo@example.invalid"}
    was_running = engine_runs()
    try:
        with tempfile.TemporaryDirectory(prefix="reviewer-demo-") as folder:
            demo(Path(folder).resolve())
    finally:
        if not was_running and engine_runs():  # leave an engine that was already running
            subprocess.run([REVIEWER, "engine", "stop", MODEL], check=True)


if __name__ == "__main__":
    main()
