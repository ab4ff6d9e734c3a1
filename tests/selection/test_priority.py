from __future__ import annotations

from reviewer.diff import LineKind, SourceLine
from reviewer.languages import detect
from reviewer.selection.priority import order
from reviewer.selection.units import ReviewUnit


def unit(path: str, lines: int = 1) -> ReviewUnit:
    added = tuple(SourceLine(LineKind.ADDED, "x", None, number) for number in range(1, lines + 1))
    return ReviewUnit(path, detect(path), "", added, tuple(range(1, lines + 1)))


def test_the_most_valuable_units_come_first() -> None:
    paths = [
        *("README.md", "tests/test_a.py", "src/a.py", "src/huge.py", "src/auth/login.py", "src/b.py", "ci.yml"),
        *("pkg/a_test.go", "web/a.spec.ts", "main.go"),
    ]
    units = [unit(path, 2_000 if "huge" in path else 1) for path in paths]
    assert [paths[index] for index in order(units)] == [
        *("src/auth/login.py", "src/a.py", "src/b.py", "main.go", "src/huge.py"),
        *("tests/test_a.py", "pkg/a_test.go", "web/a.spec.ts"),
        *("README.md", "ci.yml"),
    ]


def test_words_that_contain_test_are_not_tests() -> None:
    paths = ["tests/a.py", "src/latest.py", "src/contest/a.py", "src/attest_key.py"]
    assert order([unit(path) for path in paths])[-1] == 0
