"""Processor time of a review's own process, beside bare httpx, where the server costs nothing.

    PYTHONPATH=. python bench/client_cost.py [--units 50] [--times 5]

The server is the tests' fake one, a process of its own that answers at once. Both send the same requests; ours is the
whole command, with git, parsing, templates, checks and the report.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import mixed
from common import alternate, cpu_seconds, machine, spread, table

from tests.fake_engine import FakeEngine, Rule, Script

_CHAT = "/v1/chat/completions"
_REPLY = {"explanation": "Changes a weight of the sum that the function returns, line by line.", "findings": []}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=50, help="hunks of the change")
    parser.add_argument("--times", type=int, default=5, help="runs of each")
    options = parser.parse_args()
    script = Script(rules=[Rule(path=_CHAT, json=_REPLY)])
    with tempfile.TemporaryDirectory(prefix="rb-") as folder, FakeEngine(script, tcp=True) as engine:
        repo, file = Path(folder) / "repo", Path(folder) / "requests.json"
        mixed.stage(repo, options.units)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("REVIEWER_")}
        ours = kept | {
            "REVIEWER_HOME": folder, "REVIEWER_ENGINE_URL": engine.endpoint.url, "REVIEWER_CACHE": "false"
        }  # fmt: skip
        review = [sys.executable, "-P", "-m", "reviewer", "review", "--staged", "--format", "json"]
        cpu_seconds(review, cwd=repo, env=ours)
        sent = engine.requests(_CHAT)
        file.write_text(json.dumps([{"path": _CHAT, "body": json.dumps(each["body"])} for each in sent]))
        bare = [sys.executable, str(Path(__file__).with_name("bare.py")), str(file)]
        theirs = kept | {"URL": engine.endpoint.url, "UDS": "", "KEY": ""}
        pair = alternate(
            lambda: cpu_seconds(review, cwd=repo, env=ours), lambda: cpu_seconds(bare, env=theirs), options.times
        )
    print(f"{machine()}\n{len(sent)} requests, seconds of processor time")
    print(table([("the review", spread(pair.ours)), ("bare httpx", spread(pair.theirs))]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
