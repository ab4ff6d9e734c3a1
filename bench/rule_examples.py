"""Write the failing examples of rules and analyzers as cases, for `bench/fixes.py` and `reviewer eval`.

    python bench/rule_examples.py --each 8 --output ../rule_examples.jsonl

Each case adds one file that holds one example, every line of which counts as the defect. The examples are those of the
rules' tests, of `ruff rule` for the rules of ruff that run by default, and some scripts for shellcheck below. Of every
language as many are chosen as `--each` says, always the same ones for one seed, and of every rule one.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from reviewer.evaluation.cases import Case
from reviewer.evidence import Options, Side, collect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROJECT = Path(__file__).resolve().parents[1]
EXAMPLES = PROJECT / "tests" / "evidence" / "rules"
_EXTENSIONS = {
    "bash": "sh", "python": "py", "javascript": "js", "typescript": "ts", "rust": "rs", "csharp": "cs", "kotlin": "kt",
    "ruby": "rb", "hcl": "tf", "elixir": "ex", "solidity": "sol", "yaml": "yml",
}  # fmt: skip
_FENCE = re.compile(r"```python\n(.*?)```", re.DOTALL)
_SHELL = (
    'cd "$1"\nmake clean\n',
    'clean() {\n    rm -rf "$1/"*\n}\nclean "$BUILD"\n',
    'for file in $(ls *.txt); do\n    wc -l "$file"\ndone\n',
    'if [ $# = 0 ] ; then\n    echo usage\nfi\nfiles=("$@")\nfor one in $files; do\n    cat "$one"\ndone\n',
    'count=0\ngrep -c x "$1" | while read -r line; do\n    count=$((count + line))\ndone\necho "$count"\n',
    "run() {\n    local out=$(make 2>&1 >/dev/null)\n    echo $out\n}\nrun $*\n",
    'trap "rm -f $tmp" EXIT\ntmp=$(mktemp)\necho x > "$tmp"\n',
    'args=$@\nprintf "%s\\n" "$args"\n',
    'if [ -n $1 ]; then\n    echo "$1"\nfi\n',
    "find . -name *.log -exec rm {} \\;\n",
    'echo "$1" | sed -n s/a/b/ > "$1" < "$1"\n',
    'while read line; do\n    ssh "$host" "$line"\ndone < hosts\n',
    'if [ "$a" == 1 -a "$b" == 2 ]; then\n    echo both\nfi\n[ "$x" > 3 ] && echo more\n',
    'export PATH=~/bin:"~/tools":$PATH\n',
    "sudo echo 1 > /proc/sys/net/ipv4/ip_forward\n",
    'printf "$1\\n"\n',
    "if (( $n == 08 )); then\n    exit -1\nfi\n",
    'echo $((n ** 2)) | tee out.txt | read -r result\necho "$result"\n',
    "unset array[0]\n",
    "case $1 in\n    *) echo any ;;\n    start) echo start ;;\nesac\n",
)


def examples() -> Iterator[tuple[str, str, str, str]]:
    """Yield the language, the rule, the file extension and the text of each failing example."""
    for path in sorted(EXAMPLES.glob("*/*-test.yml")):
        language = path.parent.name
        for text in yaml.safe_load(path.read_text("utf-8"))["invalid"]:
            yield language, path.stem.removesuffix("-test"), _EXTENSIONS.get(language, language), text
    for rule in json.loads(_output("ruff", "rule", "--all", "--output-format=json")):
        found = _FENCE.search(rule["explanation"])
        if found:
            yield "python", f"ruff-{rule['code']}", "py", found[1]
    for number, text in enumerate(_SHELL, 1):
        yield "bash", f"shellcheck-{number}", "sh", f"#!/bin/bash\n{text}"


def _output(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def case(language: str, rule: str, extension: str, text: str) -> dict[str, object]:
    """Make the case that adds a file with one example."""
    path = f"src/example.{extension}"
    lines = text.rstrip("\n").split("\n")
    patch = f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@\n" + "".join(f"+{line}\n" for line in lines)
    defect = {"path": path, "lines": list(range(1, len(lines) + 1))}
    return {
        "id": rule,
        "kind": rule,
        "language": language,
        "diff": patch,
        "files": {path: "\n".join(lines) + "\n"},
        "defects": [defect],
    }


def is_found(made: dict[str, object]) -> bool:
    """Whether a review reports what the example is for; ruff's rules do not all run by default, nor alone."""
    one = Case(str(made["id"]), str(made["diff"]), made["files"])
    found = collect(one.change, Side(one.source.new), Side(dict.fromkeys), Options()).findings
    rules = {source.rule for finding in found for source in finding.sources}
    tool, _, rule = one.id.partition("-")
    # Examples of ruff's documentation use names that they do not define.
    return rules == {rule} if tool == "ruff" else bool(rules) and (one.id in rules or tool == "shellcheck")


def choose(each: int, seed: int, languages: Iterable[str]) -> Iterable[dict[str, object]]:
    """Choose examples of different rules, the same number of every language as far as it has them."""
    by_language: dict[str, dict[str, list[dict[str, object]]]] = {}
    wanted = frozenset(languages)
    for language, rule, extension, text in examples():
        if wanted and language not in wanted:
            continue
        made = case(language, rule, extension, text)
        by_language.setdefault(language, {}).setdefault(rule, []).append(made)
    chance = random.Random(seed)
    for rules in by_language.values():
        names = sorted(rules)
        chance.shuffle(names)
        found = (one for name in names if is_found(one := chance.choice(rules[name])))
        yield from (one for one, _ in zip(found, range(each), strict=False))


def main() -> None:
    """Read the arguments and write the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=8, metavar="N", help="examples of every language")
    parser.add_argument("--languages", nargs="*", default=(), metavar="NAME", help="by the folders of rules/")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    made = list(choose(arguments.each, arguments.seed, arguments.languages))
    arguments.output.write_text("".join(json.dumps(one) + "\n" for one in made), encoding="utf-8")
    print(f"{len(made)} examples of {len({one['language'] for one in made})} languages")


if __name__ == "__main__":
    main()
