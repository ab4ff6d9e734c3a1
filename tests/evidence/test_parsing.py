"""Languages that only some parser of a dependency knows: a broken text is told from a whole one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from reviewer.evidence import parsing
from reviewer.languages import detect
from tests.evidence.samples import reviewed

SWIFT = "func f(a: Int?) -> Int {\n    guard let b = a else { return 0 }\n    return b\n}\n"
CHART = "a:\n  {{- if .Values.b }}\n  c: 1\n  {{- end }}\n"
FLOW = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: a\n      - run: b\n"
DOCKER = 'FROM a\nRUN --mount=type=cache,target=/x a \\\n  # why\n\n  && echo "b"\nCMD ["a", "b"]\n'

CASES = [
    ("a.swift", SWIFT, SWIFT.replace("return b", "return b + 1"), 0),
    ("a.swift", SWIFT, SWIFT.replace("0 }", "0"), 1),
    ("a.swift", SWIFT, SWIFT.replace("(a: Int?)", "(a: Int?"), 1),
    ("a.tf", "a = f(1)\n", "a = f(1\n", 1),
    ("a.html", "<p>a\n", "<p>a<p>b\n", 0),
    ("a.yml", FLOW, FLOW.replace("- run: a", "- run: [a"), 1),
    ("a.yml", FLOW, FLOW.replace("run: a", "run: 'a': b"), 1),
    ("a.yml", FLOW, FLOW.replace("run: a", "run: c"), 0),
    ("a.yml", CHART, CHART.replace("c: 1", "c: 2"), 0),
    ("a.yml", "b: !Ref c\n---\nd: 1\n", "b: !Ref d\n---\nd: 1\n", 0),
    ("a.sql", "SELECT 1", "SELECT (", None),
    ("Dockerfile", DOCKER, DOCKER.replace("echo", "print"), 0),
    ("Dockerfile", DOCKER, DOCKER.replace('"b"', '"b'), 1),
    ("Dockerfile", DOCKER, DOCKER.replace("&& echo", "&& ) echo"), 1),
    ("Dockerfile", DOCKER, DOCKER.replace('["a", "b"]', '["a" "b"]'), 1),
    ("Dockerfile", DOCKER, DOCKER.replace(" \\\n  #", "\n  #"), 1),
    ("Dockerfile", DOCKER.replace('["a", "b"]', "['a']"), DOCKER, 0),
    ("Dockerfile", DOCKER, DOCKER + "RUN <<END\nif (\nEND\nRUN [ -f a ] && b\n", 0),
    ("Dockerfile", DOCKER, DOCKER + "run echo $(a\n", 1),
    ("Dockerfile", DOCKER, DOCKER + "echo a\n", 1),
]


@pytest.mark.parametrize(("path", "before", "after", "errors"), CASES)
def test_new_errors_are_counted(path: str, before: str, after: str, errors: int | None) -> None:
    found = parsing.new_errors(path, detect(path, before).name, before, after)
    assert (found if found is None else min(found, 1)) == errors


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        (FLOW, FLOW.replace("runs-on: x", "runs-on: y\n    timeout-minutes: 5"), False),
        (FLOW, FLOW.replace("  a:\n", "  b:\n"), False),
        (FLOW, FLOW.replace("      - run: a\n", ""), False),
        (FLOW, FLOW.replace("    runs-on: x\n    steps:", "    runs-on: x\n  steps:"), True),
        (FLOW, FLOW.replace("  a:\n", "a:\n"), True),
        (FLOW, FLOW.replace("run: a", "run: |\n          a"), False),
        (FLOW, FLOW.replace("run: a", "run: &a [*a]"), False),
        (CHART, CHART.replace("c:", "  c:"), False),
    ],
)
def test_what_a_fix_moves_to_another_level_is_seen(before: str, after: str, moved: bool) -> None:
    assert parsing.moves("yaml", before, after) is moved
    assert not parsing.moves("python", before, after)


def _fixed() -> list[tuple[str, str, str]]:
    """The faulty and the mended example of every packaged rule of a language that only ast-grep or PyYAML parses."""
    folder, paths = Path(__file__).parent / "rules", {"swift": "a.swift", "yaml": "a.yml", "hcl": "a.tf"}
    paths |= {
        "html": "a.html",
        "css": "a.css",
        "lua": "a.lua",
        "elixir": "a.ex",
        "scala": "a.scala",
        "solidity": "a.sol",
    }
    return [
        (path, before, after)
        for grammar, path in paths.items()
        for one in sorted((folder / grammar).glob("*.yml"))
        for examples in [yaml.safe_load(one.read_text("utf-8"))]
        for before, after in zip(examples["invalid"], examples.get("fixed", ()), strict=False)
        if after is not None
    ]


def test_every_mechanical_fix_parses() -> None:
    cases = _fixed()
    assert len(cases) > 20
    broken = [
        (before, after)
        for path, before, after in cases
        for language in [reviewed(path, before).language.name]
        if parsing.new_errors(path, language, before, after) or parsing.moves(language, before, after)
    ]
    assert broken == []
