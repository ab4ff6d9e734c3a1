"""Ours beside lgtmaybe, on the same engine and the same staged change.

    python bench/peers.py --repo CLONE --commit SHA [--times 1]

The peer comes from PyPI into an environment of its own. Its replies are capped at 256 tokens, since by its own default
it asks for more than a small engine has; everything else is as it comes. Both are run as processes, in turns, with the
engine's prefix cache and our answer cache empty. Then once more after each tool has read another change, as on any day
but the first: the engine then knows what that tool's prompts have in common. Then each again, unchanged, for what a
repeated review costs. The figures in docs/benchmarks.md are of encode/httpx: a3392c6e (nine hunks), d8050ed7 (one).

The embedded model is no judge of code, so nothing is said here about whose findings are better: only how long it takes,
and whether the tool says that it could not read a reply.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from common import Pair, alternate, cpu_seconds, machine, spread, stopwatch, table
from serving import REVIEWER, change_of, forget_answers, review, tcp_relay, warm_engine

if TYPE_CHECKING:
    from serving import Engine

PEER = "lgtmaybe==2.15.3"
PEER_SECONDS = 900
GOAL = 10.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=1, help="changed functions of the made-up change")
    parser.add_argument("--repo", type=Path, help="a local clone, in place of the made-up change")
    parser.add_argument("--commit", help="the commit of it to review, staged on its parent")
    parser.add_argument("--model", default="135m", help="an embedded model: 1.5b, 0.5b or 135m")
    parser.add_argument("--times", type=int, default=1, help="runs of each; the peer takes minutes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rb-peer-") as folder:
        peer = install(Path(folder))
        with (
            warm_engine(options.model) as engine,
            change_of(options.repo, options.commit, options.units) as repo,
            change_of(None, None, 1) as other,
            tcp_relay(engine.endpoint) as url,
        ):
            return compare(Competitor(peer, url, engine, repo, other), options.times)


def install(folder: Path) -> Path:
    """Install the peer; a message of pip or uv says why it cannot be."""
    import uv

    program = uv.find_uv_bin()
    subprocess.run([program, "venv", "-q", "--python", sys.executable, str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([program, "pip", "install", "-q", "--python", str(python), PEER], check=True)
    return python.with_name("lgtmaybe")


class Competitor:
    """The peer and us, ready to review one change with one engine."""

    def __init__(self, program: Path, url: str, engine: Engine, repo: Path, other: Path) -> None:
        self._engine = engine
        self._repo = repo
        self._other = other
        self._command = [
            *(str(program), "review", "--provider", "openai-compatible", "--model", str(engine.endpoint.served_name)),
            *("--api-base", f"{url}/v1", "--uncommitted", "--max-tokens", "256", "--format", "json"),
        ]
        home = program.parent.parent.parent / "home"
        home.mkdir()
        key = engine.endpoint.api_key or "none"
        self._env = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "LGTMAYBE_API_KEY": key}
        self.program = program
        self.outcomes: list[str] = []

    def ours(self) -> float:
        """Review with nothing known but a loaded model."""
        forget_answers()
        self._engine.forget_prompts()
        return self.ours_again()

    def ours_after_another(self) -> float:
        """Review after having read another change."""
        self._engine.forget_prompts()
        review(self._other)
        forget_answers()
        return self.ours_again()

    def ours_again(self) -> float:
        """Review as things stand."""
        values: list[float] = []
        with stopwatch(values):
            units = review(self._repo)["units"]
        read = sum(unit["status"] == "read" for unit in units)
        self.outcomes.append(f"ours: {values[0]:.1f} s, {read} of {len(units)} units read")
        return values[0]

    def theirs(self) -> float:
        """The same for the peer."""
        self._engine.forget_prompts()
        return self.theirs_again()

    def theirs_after_another(self) -> float:
        """Its review after having read another change."""
        self._engine.forget_prompts()
        self._run(self._other)
        return self.theirs_again()

    def theirs_again(self) -> float:
        """Its review as things stand."""
        values: list[float] = []
        with stopwatch(values):
            done = self._run(self._repo)
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or [""]
        self.outcomes.append(f"peer: {values[0]:.1f} s, exit {done.returncode}, last line: {last[0][:200]}")
        return values[0]

    def _run(self, repo: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command, cwd=repo, env=self._env, capture_output=True, text=True, timeout=PEER_SECONDS, check=False
        )


def compare(both: Competitor, times: int) -> int:
    first = both.ours()  # grammars are compiled at the first review of an engine
    empty = alternate(both.ours, both.theirs, times)
    usual = alternate(both.ours_after_another, both.theirs_after_another, times)
    again = Pair([both.ours_again()], [both.theirs_again()])
    start = alternate(
        lambda: cpu_seconds([*REVIEWER, "--version"]), lambda: cpu_seconds([str(both.program), "--version"]), 5
    )
    print(machine())
    print("\n".join(both.outcomes))
    print(
        table(
            [
                ("ours, first review of the engine", f"{first:.1f} s"),
                *_rows("prefix cache empty", empty),
                *_rows("after another change", usual),
                *_rows("the same again", again),
                *_rows("CPU time of --version", start),
                ("times faster, prefix cache empty", _factor(empty)),
                ("times faster, after another change", _factor(usual)),
            ]
        )
    )
    return 0 if 1 / usual.ratio >= GOAL else 1


def _rows(name: str, pair: Pair) -> list[tuple[str, str]]:
    return [(f"ours, {name}", spread(pair.ours)), (f"peer, {name}", spread(pair.theirs))]


def _factor(pair: Pair) -> str:
    factor = 1 / pair.ratio
    return f"{factor:.1f} (goal: {GOAL:g}) {'met' if factor >= GOAL else 'NOT met'}"


if __name__ == "__main__":
    sys.exit(main())
