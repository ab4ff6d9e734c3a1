"""The requests of a review on our engine and on llama.cpp with the same GGUF file, in turns.

    python bench/llama_cpp.py --repo CLONE [--one d8050ed7] [--many a3392c6e] [--times 3] [--node-modules FOLDER]

llama.cpp comes as node-llama-cpp's built binary (npm), in a process that holds the model loaded, with one sequence for
each request, all decoded together. Prompts, reply limits and temperature are the same. Both are timed from the first
request to the last reply. Before each run both have read another change, as on any day but the first: both still know
what the prompts have in common.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import Pair, alternate, machine, spread, table, verdict
from serving import captured_requests, change_of, forget_answers, send_bare, warm_engine

from reviewer import paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving import Engine

PACKAGE = "node-llama-cpp@3.22.1"
SEQUENCES = 10
GOALS = {"one": 1.3, "many": 1.0}


class Peer:
    """llama.cpp with the model loaded."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.seen: list[str] = []

    def run(self, requests: list[dict[str, Any]]) -> float:
        """Answer requests all at once; the seconds that it took."""
        bodies = [json.loads(each["body"]) for each in requests]
        parts = ("messages", "max_tokens", "stop")
        return self._send([{part: body.get(part, []) for part in parts} for body in bodies], True)

    def prime(self, request: dict[str, Any]) -> None:
        """Leave a request's system prompt, and no more, in every sequence."""
        system = json.loads(request["body"])["messages"][:1]
        self._send([{"messages": system, "max_tokens": 1, "stop": []}] * SEQUENCES, False)

    def _send(self, wanted: list[dict[str, Any]], keep: bool) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"requests": wanted, "keep": keep}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        self.seen.append(line.strip())
        return float(json.loads(line)["seconds"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repo", type=Path, required=True, help="a clone of encode/httpx")
    parser.add_argument("--one", default="d8050ed7", help="a commit of one hunk")
    parser.add_argument("--many", default="a3392c6e", help="a commit of several hunks, at most nine")
    parser.add_argument("--model", default="1.5b", help="an embedded model")
    parser.add_argument("--times", type=int, default=3, help="runs of each")
    parser.add_argument("--node-modules", type=Path, help="a folder in which node-llama-cpp is installed already")
    options = parser.parse_args()
    with ExitStack() as stack:
        modules = options.node_modules or stack.enter_context(installed())
        engine = stack.enter_context(warm_engine(options.model))
        peer = stack.enter_context(peer_of(options.model, modules))
        changes = {
            name: stack.enter_context(change_of(options.repo, commit, 0))
            for name, commit in (("one", options.one), ("many", options.many))
        }
        requests = {}
        for name, repo in changes.items():
            forget_answers()
            requests[name] = captured_requests(repo)
        return compare(engine, peer, requests, options.times)


def compare(engine: Engine, peer: Peer, requests: dict[str, list[dict[str, Any]]], times: int) -> int:
    seen: dict[str, float] = {}

    def ours(name: str, other: str) -> float:
        engine.forget_prompts()
        send_bare(engine, requests[other][:1])
        found = send_bare(engine, requests[name])
        seen[name] = found["tokens"]
        return found["seconds"]

    def theirs(name: str, other: str) -> float:
        peer.prime(requests[other][0])
        return peer.run(requests[name])

    rows, pairs = [], {}
    for name, other in (("one", "many"), ("many", "one")):
        pairs[name] = alternate(lambda n=name, o=other: ours(n, o), lambda n=name, o=other: theirs(n, o), times)
        rows += _rows(f"{name} ({len(requests[name])} requests)", pairs[name], GOALS[name])
    print(machine())
    print(f"llama.cpp, the last run: {peer.seen[-1]}")
    print("tokens of our replies: " + ", ".join(f"{name} {int(tokens)}" for name, tokens in seen.items()))
    print(table(rows))
    return 0 if all(pair.ratio <= GOALS[name] for name, pair in pairs.items()) else 1


def _rows(name: str, pair: Pair, goal: float) -> list[tuple[str, str]]:
    return [
        (f"our engine, {name}", spread(pair.ours)),
        (f"llama.cpp, {name}", spread(pair.theirs)),
        verdict(f"ratio, {name}", pair.ratio, goal),
    ]


@contextmanager
def installed() -> Iterator[Path]:
    """node-llama-cpp from npm, in a temporary folder; it brings its binary, so no script of it is run."""
    with tempfile.TemporaryDirectory(prefix="rb-npm-") as folder:
        subprocess.run(["npm", "i", "--ignore-scripts", "--no-audit", "--no-fund", PACKAGE], cwd=folder, check=True)
        yield Path(folder)


@contextmanager
def peer_of(model: str, modules: Path) -> Iterator[Peer]:
    """Load the GGUF file that the embedded model was converted from."""
    (gguf,) = (paths.data_dir() / "models").glob(f"embedded--*{model}*/source/*.gguf")
    with tempfile.TemporaryDirectory(prefix="rb-node-") as folder:
        # Beside the packages: Node looks for them from the script's folder upwards.
        script = shutil.copy(Path(__file__).with_suffix(".mjs"), folder)
        (Path(folder) / "node_modules").symlink_to(modules.resolve() / "node_modules")
        process = subprocess.Popen(
            ["node", str(script), str(gguf.resolve()), str(SEQUENCES), str(os.cpu_count())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            if not json.loads(process.stdout.readline() or "{}").get("ready"):
                raise RuntimeError("llama.cpp does not start")
            yield Peer(process)
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
