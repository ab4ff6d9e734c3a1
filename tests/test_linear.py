"""Texts of 200,000 characters of one kind: whatever is searched for patterns is searched in linear time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from reviewer import syntax
from reviewer.languages import LANGUAGES, detect, guess
from reviewer.syntax import Function, outline
from reviewer.syntax.definitions import Definition
from reviewer.syntax.tree import MAX_SECONDS
from reviewer.unfinished import find, is_placeholder, placeholders
from reviewer.unfinished.bodies import Body, Source
from reviewer.unfinished.fallback import functions_by_line
from reviewer.unfinished.intended import is_fake, is_intended

if TYPE_CHECKING:
    from collections.abc import Callable

LENGTH = 200_000
UNITS = [
    *(
        " ",
        "\t",
        "\n",
        "\r",
        "a",
        "a ",
        "0",
        "_",
        ".",
        ",",
        ":",
        ";",
        "=",
        "-",
        "/",
        "\\",
        "'",
        '"',
        "`",
        "@",
        "!",
        "|",
    ),
    *(
        "(",
        ")",
        "()",
        "[",
        "{",
        "}",
        "<",
        ">",
        "*",
        "#",
        "//",
        "/*",
        "*/",
        "<!--",
        "-->",
        "todo",
        "todo ",
        "todo(",
        "...",
    ),
    *(
        "TODO: x ",
        "abstract ",
        "class A(",
        "class A(A): ",
        "func a ",
        "fn a(",
        "raise ",
        "return ",
        "): ",
        ") :a:",
        "\f",
    ),
    *(
        "not implemented ",
        "...code ",
        "rest of ",
        "throw new Error('",
        "\n\n  class ",
        "const a = ",
        "\u2028",
        "\U0001f600",
    ),
]


def elapsed(work: Callable[..., object], *arguments: object) -> float:
    """Processor time, which other programs on the machine do not change."""
    began = time.process_time()
    work(*arguments)
    return time.process_time() - began


def of(unit: str) -> str:
    return unit * (LENGTH // len(unit))


def comment(language: str) -> str:
    return LANGUAGES[language].line_comment or (LANGUAGES[language].block_comment or ("#", ""))[0]


def every_line(number: int) -> range:
    return range(1, number + 2)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_lines_and_comments(language: str) -> None:
    mark = comment(language)
    for unit in UNITS:
        for line in (of(unit), f"y = 1  {mark} {of(unit)}x", f"{mark} todo {of(unit)}x", f"return {of(unit)}"):
            for search in (placeholders.asks_for_code, placeholders.stands_for_code, is_placeholder):
                assert elapsed(search, language, line) < 1
            assert elapsed(placeholders.has_todo, line) < 1
            assert elapsed(placeholders.is_trivial, line) < 1
            assert elapsed(functions_by_line, language, line.split("\n")) < 1


@pytest.mark.parametrize("unit", UNITS, ids=ascii)
def test_guesses_outlines_and_signatures(unit: str) -> None:
    text = of(unit)
    assert elapsed(guess, text) < 1
    assert elapsed(detect, "a.h", text) < 1
    definition = Definition(syntax.Scope("class", "A", 3, 3, 3), 0, None)
    for python in (False, True):
        lines = [f"// {text}x", text + "x", "class A {}", text]
        assert elapsed(lambda lines, python: list(outline.read([definition], lines, python=python)), lines, python) < 1
    function = Function(
        name=f"A.{text}",
        start=1, end=1, body_start=1, body_end=1, body_text="", body_code="", indent="",
        signature=f"f({text}x", decorators=(f"@{text}x",), owner=f"class A({text}x",
    )  # fmt: skip
    body = Body(1, 1, True, placeholders.Kind.EMPTY, (), "")
    for language in ("python", "cpp", "java", "ruby", "go"):
        source = Source(language, text, "tests/a.py", text.split("\n"))
        assert elapsed(is_intended, source, function, body) < 1
    assert elapsed(is_fake, function, "tests/a.py") < 1


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_long_comment_does_not_stop_a_review(language: str) -> None:
    assert elapsed(find, language, f"y = 1  {comment(language)} {of(' ')}x\n", [1]) < 1


@pytest.mark.parametrize(
    "unit", ["\n", "a ", "(", "class A(", "    def f(self): pass\n", "def f():\n    ...\n", "# todo\n"]
)
def test_whole_files(unit: str) -> None:
    text = f"class A:\n{of(unit)}"
    # Parsing stops after its own time limit.
    assert elapsed(find, "python", text, every_line(text.count("\n"))) < 1 + MAX_SECONDS
