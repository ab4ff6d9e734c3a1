"""Measure how well a model fills functions whose bodies were taken out.

    python bench/completions.py ../real_hunks.jsonl --embedded=1.5b --each 10 --log completions.txt
    python bench/completions.py --own 20 --embedded=1.5b

Reads cases as `reviewer eval` does, with whole files. Takes functions of each language that a change touches, replaces
the body with a TODO, and has it filled in as a review does. Counts how many completions a review would show
(they apply, parse, and change nothing but the body), how many are the original but for white space, and how near they
are to it by chrF. `--own N` takes N functions of this project instead and runs the tests of their module: a completion
passes where the tests pass, which fail with the TODO. Answers are cached, so that an interrupted run continues.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common import table
from shares import Counts, answered, shares

from reviewer import syntax
from reviewer.checking import claims, suggestion
from reviewer.config import Settings
from reviewer.errors import ReviewerError
from reviewer.evaluation import chrf
from reviewer.evaluation.cases import Case, load
from reviewer.finding import Mark
from reviewer.languages import detect
from reviewer.selection import select
from reviewer.unfinished import gaps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reviewer.finding import Finding
    from reviewer.syntax import Function
    from reviewer.unfinished.gaps import Gap

PROJECT = Path(__file__).resolve().parents[1]
# Modules of this project, with the tests of each.
_OWN = {
    "reviewer/checking/direction.py": "tests/checking/test_direction.py",
    "reviewer/checking/grounding.py": "tests/checking/test_grounding.py",
    "reviewer/checking/indentation.py": "tests/checking/test_indentation.py",
    "reviewer/checking/sentences.py": "tests/checking/test_sentences.py",
    "reviewer/checking/suggestion.py": "tests/checking/test_suggestion.py",
    "reviewer/evidence/diagnostic.py": "tests/evidence/test_diagnostic.py",
    "reviewer/evidence/escapes.py": "tests/evidence/test_escapes.py",
    "reviewer/evidence/merging.py": "tests/evidence/test_merging.py",
    "reviewer/selection/evident.py": "tests/selection/test_evident.py",
    "reviewer/selection/priority.py": "tests/selection/test_priority.py",
}
_LINES = range(2, 13)
_SECONDS = 120


@dataclass
class Hole:
    """A function whose body was taken out.

    Attributes:
        text: The file with a TODO in the body's place.
        body: The lines that were there.
        tests: The tests of the module; empty where there are none to run.
    """

    path: str
    language: str
    text: str
    body: str
    gap: Gap
    tests: str = ""
    finding: Finding | None = None
    passed: bool = False

    @property
    def filled(self) -> str:
        """What the model wrote."""
        return self.finding.suggestion.replacement if self.finding and self.finding.suggestion else ""

    @property
    def parses(self) -> bool:
        """Whether the completion applies, and the file parses with it."""
        found = self.finding.suggestion if self.finding else None
        return found is not None and found.marks.isdisjoint({Mark.DOES_NOT_APPLY, Mark.DOES_NOT_PARSE})

    @property
    def shown(self) -> bool:
        """Whether a review would show the completion."""
        return self.finding is not None and self.finding.suggestion is not None and not self.finding.suggestion.marks


def of_cases(cases: Iterable[Case], each: int, seed: int) -> list[Hole]:
    """Take functions that the cases' changes touch, the same number of every language as far as it has them."""
    by_language: dict[str, list[Hole]] = {}
    for case in cases:
        for path, text in case.texts.items():
            touched = {line for where, line in case.anchors if where == path}
            by_language.setdefault(detect(path, text).name, []).extend(_holes(path, text, touched))
    chance = random.Random(seed)
    return [
        one
        for holes in by_language.values()
        for one in chance.sample(_distinct(holes), min(each, len(_distinct(holes))))
    ]


def of_project(count: int, seed: int) -> list[Hole]:
    """Take functions of this project, whose tests are then run."""
    holes = []
    for path, tests in _OWN.items():
        text = (PROJECT / path).read_text(encoding="utf-8")
        for hole in _holes(path, text, set(range(1, text.count("\n") + 1))):
            hole.tests = tests
            holes.append(hole)
    random.Random(seed).shuffle(holes)
    found = (hole for hole in holes if not _passes(hole, hole.text))
    return [hole for hole, _ in zip(found, range(count), strict=False)]


def _distinct(holes: Sequence[Hole]) -> list[Hole]:
    return list({(one.path, one.body): one for one in holes}.values())


def _holes(path: str, text: str, touched: set[int]) -> Iterator[Hole]:
    language = detect(path, text)
    lines = text.split("\n")
    for function in syntax.functions(language.name, text) if language.grammar else ():
        span = _body(function, lines, language.name)
        if span is None or touched.isdisjoint(range(function.start, function.end + 1)):
            continue
        first, last = span
        body = lines[first - 1 : last]
        comment = language.line_comment or "//"
        indent = body[0][: len(body[0]) - len(body[0].lstrip())]
        gap_lines = [f"{indent}{comment} TODO: implement", *([f"{indent}pass"] if language.name == "python" else [])]
        holed = "\n".join([*lines[: first - 1], *gap_lines, *lines[last:]])
        found = _gap(path, holed, body, first, gap_lines)
        if found is not None:
            yield Hole(path, language.name, holed, "\n".join(body), found)


def _body(function: Function, lines: Sequence[str], language: str) -> tuple[int, int] | None:
    """The lines between the braces, or below the signature; None where they do not stand alone."""
    first, last = function.body_start, function.body_end
    if language != "python":
        if not lines[first - 1].rstrip().endswith("{") or lines[last - 1].strip() not in {"}", "};"}:
            return None
        first, last = first + 1, last - 1
    elif first == function.start or lines[first - 1].lstrip().startswith(('"""', "'''", 'r"""')):
        return None
    code = [line for line in lines[first - 1 : last] if line.strip()]
    return (first, last) if len(code) in _LINES and lines[first - 1].strip() else None


def _gap(path: str, holed: str, body: Sequence[str], first: int, written: Sequence[str]) -> Gap | None:
    """The gap as a review finds it, in a change that replaces the body by what was written."""
    head = f"--- a/{path}\n+++ b/{path}\n@@ -{first},{len(body)} +{first},{len(written)} @@\n"
    patch = head + "".join(f"-{line}\n" for line in body) + "".join(f"+{line}\n" for line in written)
    case = Case(path, patch, {path: holed})
    units = select(case.source, Settings(skip_generated=False)).units
    found = gaps.find(units, {path: holed})
    numbers = range(first, first + len(written))
    return next((gap for gap in found if gap.found.start in numbers and gap.found.name), None)


async def fill(holes: Sequence[Hole], settings: Settings, *, known: bool) -> list[Hole]:
    """Have the model fill the holes; with ``known``, only what an earlier run has answered."""
    answers = await answered(settings, lambda prompts: [prompts.complete(hole.gap) for hole in holes], known=known)
    done = [(hole, answer) for hole, answer in zip(holes, answers, strict=True) if answer is not None]
    for hole, answer in done:
        hole.finding = claims.completion(hole.gap, answer.value, hole.text)
        if hole.shown and hole.tests and hole.finding.suggestion is not None:
            after = suggestion.apply(hole.text, hole.finding.suggestion)
            hole.passed = after is not None and _passes(hole, after)
    return [hole for hole, _ in done]


def _passes(hole: Hole, text: str) -> bool:
    """Run the module's tests with a text in its place, in a copy of the project."""
    with tempfile.TemporaryDirectory(prefix="completions-") as folder:
        copy = Path(folder)
        for name in ("reviewer", "prompts", "hooks", "rules", "tests"):
            shutil.copytree(PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "engine_real"))
        shutil.copy(PROJECT / "pyproject.toml", copy)
        (copy / hole.path).write_text(text, encoding="utf-8")
        argv = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", hole.tests]
        try:
            ended = subprocess.run(
                argv, cwd=copy, check=False, capture_output=True, timeout=_SECONDS, env=_environment(copy)
            )
        except subprocess.TimeoutExpired:
            return False
        return ended.returncode == 0


def _environment(folder: Path) -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


def report(holes: Sequence[Hole]) -> str:
    """Write the figures, in all and by language."""
    metric = chrf.metric()
    languages = sorted({one.language for one in holes})
    rows = [("all", _figures(holes, metric))]
    rows += [(name, _figures([one for one in holes if one.language == name], metric)) for name in languages]
    refused = Counter(
        mark
        for one in holes
        if one.finding
        for mark in (one.finding.suggestion.marks if one.finding.suggestion else ["no usable code"])
    )
    return table([*rows, *((f"{count} refused", str(mark)) for mark, count in refused.most_common())])


def _figures(holes: Sequence[Hole], metric: chrf.Metric) -> str:
    counted = [
        (
            str(number),
            Counts(
                holes=1,
                parsed=int(one.parses),
                shown=int(one.shown),
                same=int(one.shown and one.filled.split() == one.body.split()),
                passed=int(one.passed),
            ),
        )
        for number, one in enumerate(holes)
    ]
    names = ["parsed", "shown", "same", *(["passed"] if any(one.tests for one in holes) else [])]
    figures = shares(counted, {name: (name, "holes") for name in names})
    near = [metric(one.filled, one.body) for one in holes if one.shown]
    mean = sum(near) / len(near) if near else 0.0
    return "; ".join([*(f"{name} {share}" for name, share in figures.items()), f"chrF of those shown {mean:.0f}"])


def log(holes: Sequence[Hole]) -> str:
    """Write every completion beside the original."""
    blocks = []
    for one in holes:
        state = "passed" if one.passed else "shown" if one.shown else "refused"
        marks = sorted(one.finding.suggestion.marks) if one.finding and one.finding.suggestion else []
        blocks.append(f"## {one.path} {one.gap.scope} [{state}] {marks}\n{one.body}\n=>\n{one.filled}\n")
    return "\n".join(blocks)


def main() -> None:
    """Read the arguments and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", type=Path, metavar="CASES", help="a folder of TOML files, or a JSONL file")
    parser.add_argument("--own", type=int, default=0, metavar="N", help="functions of this project, with their tests")
    parser.add_argument("--each", type=int, default=10, metavar="N", help="functions of every language")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--embedded", default="1.5b", metavar="NAME", help="the model: 1.5b, 0.5b or 135m")
    parser.add_argument("--known", action="store_true", help="only what an interrupted run has answered")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write every completion beside the original")
    arguments = parser.parse_args()
    try:
        cases = [case for path in arguments.cases for case in load(path)]
        holes = [*of_cases(cases, arguments.each, arguments.seed), *of_project(arguments.own, arguments.seed)]
        settings = Settings(embedded=arguments.embedded, timeout=900.0)
        done = asyncio.run(fill(holes, settings, known=arguments.known))
    except ReviewerError as problem:
        sys.exit(problem.message)
    if arguments.log:
        arguments.log.write_text(log(done), encoding="utf-8")
    print(report(done))


if __name__ == "__main__":
    main()
