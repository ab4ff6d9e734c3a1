"""What the grammars of reviews cost the engine: processor time of xgrammar with bounded and with unbounded text.

    python bench/grammars.py --python ENGINE_PYTHON --model MODEL_FOLDER

In a process of the engine's own Python with nothing but the compiler, as vLLM makes it. Each row has a compiler of its
own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from common import machine, table

from reviewer.engine.profile import ReplyBounds
from reviewer.prompting.reply import review_schema
from reviewer.summarise import reply as summary

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
    bounds = ReplyBounds(quote_chars=0)
    rows = {
        "one bounded text": [_bounded("explanation")],
        "summary of 2, then 3 points": [summary.schema(2, bounds), summary.schema(3, bounds)],
        "two bounded texts": [_bounded("summary", "commit_subject"), _bounded("summary", "commit_subject")],
        "explanation and findings": [review_schema(range(1, lines + 1), bounds) for lines in LINES],
    }
    done = subprocess.run(
        [str(options.python), "-c", _COMPILE],
        input=json.dumps({"model": str(options.model), "rows": list(rows.values())}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    print(f"{machine()}\nseconds of processor time; the findings' schemas are for {', '.join(map(str, LINES))} lines")
    found = zip(rows, json.loads(done.stdout), strict=True)
    print(table([(name, " ".join(f"{each:.2f}" for each in seconds)) for name, seconds in found]))
    return 0


def _bounded(*names: str) -> dict[str, object]:
    """An object of texts with a maximum length."""
    properties = {name: {"type": "string", "maxLength": 300 - 10 * at} for at, name in enumerate(names)}
    return {"type": "object", "properties": properties, "required": list(names), "additionalProperties": False}


if __name__ == "__main__":
    sys.exit(main())
