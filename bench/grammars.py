"""What the grammars of review schemas cost the engine: processor time of xgrammar for each number of changed lines.

    python bench/grammars.py --python ENGINE_PYTHON --model MODEL_FOLDER

In a process of the engine's own Python with nothing but the compiler, as vLLM makes it. Each way to begin has a
compiler of its own: with a review's schema, with one that has no bounded text, and with the launcher's warm-up.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from common import machine, table

from reviewer.engine.models import catalog
from reviewer.engine.planning import launch
from reviewer.engine.profile import ReplyBounds
from reviewer.prompting.reply import review_schema

LINES = (1, 2, 3, 5, 8, 13, 21, 40, 100, 5)

_COMPILE = """
import json, sys, time
import xgrammar
from transformers import AutoTokenizer
given = json.load(sys.stdin)
vocabulary = json.load(open(given["model"] + "/config.json"))["vocab_size"]
tokenizer = AutoTokenizer.from_pretrained(given["model"])
info = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=vocabulary)
found = []
for schemas in given["rows"]:
    compiler = xgrammar.GrammarCompiler(info, max_threads=8, cache_enabled=True, cache_limit_bytes=128 << 20)
    seconds = []
    for schema in schemas:
        began = time.process_time()
        compiler.compile_json_schema(json.dumps(schema), any_whitespace=False)
        seconds.append(time.process_time() - began)
    found.append(seconds)
print(json.dumps(found))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, required=True, help="the engine's interpreter")
    parser.add_argument("--model", type=Path, required=True, help="a model's folder, for its vocabulary")
    options = parser.parse_args()
    known = catalog.get(catalog.SMALLEST)
    bounds = known.reply if known is not None else ReplyBounds()
    reviews = [review_schema(range(1, lines + 1), bounds) for lines in LINES]
    warm_up = json.loads(launch.warm_up_env(bounds)[launch.WARM_UP_VARIABLE])
    starts = {"nothing": [], "a schema without text": [{"type": "object"}], "the launcher's warm-up": [warm_up]}
    rows = [[*before, *reviews] for before in starts.values()]
    done = subprocess.run(
        [str(options.python), "-c", _COMPILE],
        input=json.dumps({"model": str(options.model), "rows": rows}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    print(f"{machine()}\nseconds of processor time; a review's schemas have {', '.join(map(str, LINES))} lines")
    print(
        table([(f"after {name}", _row(seconds)) for name, seconds in zip(starts, json.loads(done.stdout), strict=True)])
    )
    return 0


def _row(seconds: list[float]) -> str:
    own, reviews = seconds[: -len(LINES)], seconds[-len(LINES) :]
    begun = "".join(f"{each:.2f}, then " for each in own)
    return begun + " ".join(f"{each:.2f}" for each in reviews)


if __name__ == "__main__":
    sys.exit(main())
