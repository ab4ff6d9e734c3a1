"""What a file imports, which names its lines say and call, and what is shown of its definitions, in every language."""

from __future__ import annotations

import time

import pytest

from reviewer import syntax
from reviewer.languages import LANGUAGES
from tests.snippets import SNIPPETS

WITH_GRAMMAR = sorted(name for name, language in LANGUAGES.items() if language.grammar)


def line_of(language: str) -> int:
    return SNIPPETS[language].text.split("\n").index(SNIPPETS[language].changed) + 1


def test_every_grammar_has_a_snippet() -> None:
    assert sorted(SNIPPETS) == WITH_GRAMMAR
    for language, snippet in SNIPPETS.items():
        assert syntax.new_errors(language, "", snippet.text) == 0, language


@pytest.mark.parametrize("language", WITH_GRAMMAR)
def test_calls_of_a_line(language: str) -> None:
    line = line_of(language)
    calls = syntax.references_of(language, SNIPPETS[language].text).calls
    found = [(call.name, ".".join(call.receiver)) for call in calls if call.start == line]
    assert sorted(found) == sorted(SNIPPETS[language].calls)
    assert [call.start for call in calls] == sorted(call.start for call in calls)


@pytest.mark.parametrize(
    ("language", "text", "names"),
    [
        ("python", "import a.b\n", ["a"]),
        ("python", "import a.b as c, d\n", ["c", "d"]),
        ("python", "from ..x.y import *\n", []),
        ("python", "from .x import y as z\n", ["z"]),
        ("python", "from a.b import c, d\n", ["c", "d"]),
        ("javascript", "import 'side-effect';\n", []),
        ("javascript", "import a, {b as c} from 'm';\n", ["a", "c"]),
        ("javascript", "const a = require('./b/c');\n", ["a"]),
        ("javascript", "const {a, b: {c}, ...d} = require('e');\n", ["a", "c", "d"]),
        ("typescript", "import {type A, B} from 'm';\n", ["A", "B"]),
        ("go", 'package a\nimport _ "x/y"\nimport . "x/z"\n', []),
        ("go", 'package a\nimport (\n"x/y/v2"\nz "x/w"\n)\n', ["y", "z"]),
        ("rust", "use a::{self, b::{c, d as e}};\n", ["a", "c", "e"]),
        ("java", "import a.b.C;\nimport a.b.*;\n", ["C"]),
        ("kotlin", "import a.b.C as D\n", ["D"]),
        ("php", "<?php\nuse A\\B\\C;\n", ["C"]),
        ("csharp", "using A.B;\nusing C = A.D;\n", ["C"]),
        ("c", "#include <a/b.h>\n", []),
    ],
)
def test_names_that_an_import_binds(language: str, text: str, names: list[str]) -> None:
    assert [name for one in syntax.imports(language, text) for name in one.names] == names


@pytest.mark.parametrize(
    ("language", "line", "said", "unsaid"),
    [
        ("python", "x = a.b(c)  # d", {"x", "a", "c"}, {"b", "d"}),
        ("python", "y = f'{a} b' + \"c\"", {"y", "a"}, {"b", "c"}),
        ("javascript", "f(...a, b?.c);", {"f", "a", "b"}, {"c"}),
        ("go", "var x = a.B{C: d}", {"x", "a", "d"}, {"B"}),
        ("rust", "static A: B = c::D;", {"A", "B", "c"}, {"D"}),
        ("cpp", "int a = b->c + d::e;", {"a", "b", "d"}, {"c", "e"}),
        ("php", "<?php $a = $b->c;", {"$a", "$b"}, {"$c", "c"}),
    ],
)
def test_names_that_a_line_says(language: str, line: str, said: set[str], unsaid: set[str]) -> None:
    found = {name for names in syntax.references_of(language, line).said.values() for name in names}
    if language == "php":
        found = {f"${name.lstrip('$')}" for name in found}
    assert said <= found
    assert not unsaid & found


def test_lines_of_an_outline() -> None:
    text = SNIPPETS["python"].text
    by_name = {one.name: one for one in syntax.outlines("python", text)}
    assert by_name["total"].signature == (10, 11)
    assert by_name["total"].header == (10, 11, 12)
    assert by_name["total"].rows == (10, 11, 12), "too long to be shown whole"
    assert by_name["filtered"].rows == (23, 24, 25)


def test_a_class_is_shown_with_what_makes_its_objects() -> None:
    body = "\n".join(f"    x{n} = {n}" for n in range(10))
    text = f'class A(B):\n    """Doc."""\n{body}\n    def __init__(\n        self, a\n    ):\n        self.a = a\n'
    (found,) = (one for one in syntax.outlines("python", text) if one.name == "A")
    assert syntax.excerpt(text.split("\n"), found.rows) == (
        'class A(B):\n    """Doc."""\n    \u2026\n    def __init__(\n        self, a\n    ):'
    )


@pytest.mark.parametrize("language", ["markdown", "yaml", "generic", "swift"])
def test_without_a_grammar_no_names_are_known(language: str) -> None:
    assert syntax.imports(language, "import a\n") == ()
    assert syntax.references_of(language, "f()\n").calls == ()
    assert syntax.outlines(language, "def f():\n  pass\n") == ()


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", "(" * 60_000),
        ("python", "f(" * 30_000),
        ("javascript", "a.b(" * 30_000),
        ("javascript", "import {" + "a as b," * 30_000 + "} from 'x';"),
        ("rust", "use a::{" * 20_000),
        ("go", "package a\nimport (" + '"a/b"\n' * 20_000 + ")"),
        ("cpp", "a<" * 40_000),
        ("java", "class A { " * 20_000),
    ],
)
def test_hostile_texts_end_in_time(language: str, text: str) -> None:
    began = time.perf_counter()
    syntax.outlines(language, text)
    syntax.imports(language, text)
    syntax.references_of(language, text)
    assert time.perf_counter() - began < 20
