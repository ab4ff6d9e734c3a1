"""Syntax trees: errors, scopes and functions of every packaged grammar, and texts made to hurt."""

from __future__ import annotations

import time

import pytest

from reviewer.languages import LANGUAGES
from reviewer.syntax import MAX_BYTES, Function, Scope, enclosing, functions, new_errors

WITH_GRAMMAR = sorted(name for name, language in LANGUAGES.items() if language.grammar)

# language: (valid text, what breaks it when appended)
VALID = {
    "python": "class Stack:\n    def pop(self):\n        return 1\n",
    "javascript": "class Stack {\n  pop() {\n    return 1;\n  }\n}\n",
    "typescript": "class Stack {\n  pop(): number {\n    return <number>x;\n  }\n}\n",
    "tsx": "class Stack {\n  pop() {\n    return <b>1</b>;\n  }\n}\n",
    "go": "package a\n\nfunc (s *Stack[T]) pop() int {\n\treturn 1\n}\n",
    "rust": "impl<T> Stack<T> {\n    pub fn pop(&self) -> u8 {\n        1\n    }\n}\n",
    "java": "class Stack {\n  int pop() {\n    return 1;\n  }\n}\n",
    "kotlin": "class Stack {\n  fun pop(): Int {\n    return 1\n  }\n}\n",
    "c": "struct s { int a; };\n\nstatic int *pop(void) {\n  return 0;\n}\n",
    "cpp": "class Stack {\n  int pop() const {\n    return 1;\n  }\n};\n",
    "csharp": "class Stack {\n  int pop() {\n    return 1;\n  }\n}\n",
    "ruby": "class Stack\n  def pop\n    1\n  end\nend\n",
    "php": "<?php\nclass Stack {\n  function pop() {\n    return 1;\n  }\n}\n",
    "shell": "pop() {\n  echo 1\n}\n",
}
NAMES = dict.fromkeys(VALID, "Stack.pop") | {"c": "pop", "shell": "pop"}


def test_every_grammar_is_tried() -> None:
    assert sorted(VALID) == WITH_GRAMMAR


@pytest.mark.parametrize("language", WITH_GRAMMAR)
def test_new_errors_counts_what_a_change_breaks(language: str) -> None:
    text = VALID[language]
    assert new_errors(language, text, text) == 0
    assert (new_errors(language, text, text + "\n)]} = (((\n") or 0) > 0


@pytest.mark.parametrize("language", WITH_GRAMMAR)
def test_new_errors_ignores_what_was_broken_before(language: str) -> None:
    broken = VALID[language] + "\n)]} = (((\n"
    assert new_errors(language, broken, broken) == 0
    assert new_errors(language, broken, VALID[language]) == 0


def test_new_errors_accepts_the_language_itself() -> None:
    assert new_errors(LANGUAGES["go"], "package a\n", "package a\nfunc {\n") == 1


@pytest.mark.parametrize("language", ["markdown", "yaml", "sql", "dockerfile", "generic", "swift"])
def test_without_a_grammar_nothing_is_known(language: str) -> None:
    assert new_errors(language, "a", "((") is None
    assert enclosing(language, "def f():\n  pass\n", 2) is None
    assert functions(language, "def f():\n  pass\n") == ()


@pytest.mark.parametrize("language", WITH_GRAMMAR)
def test_function_and_scope_of_every_language(language: str) -> None:
    text = VALID[language]
    found = functions(language, text)
    assert [function.name for function in found] == [NAMES[language]]
    function = found[0]
    line = next(
        number
        for number, content in enumerate(text.split("\n"), 1)
        if "1" in content or "0;" in content or "x;" in content
    )
    scope = enclosing(language, text, line)
    assert scope is not None
    assert scope.name == NAMES[language]
    assert scope.kind == ("method" if "." in scope.name else "function")
    assert (scope.start, scope.end) == (function.start, function.end)
    assert scope.start <= scope.signature_end <= function.body_start <= line <= function.body_end <= scope.end
    assert function.body_text
    assert function.body_code == function.body_text
    assert "pop" in function.signature
    assert "{" not in function.signature


# language, text, name, body_text, body_code
BODIES = [
    ("python", "def f():\n    # TODO: later\n    pass  # nothing\n", "f", "# TODO: later\n    pass  # nothing", "pass"),
    ("python", 'def f():\n    """Says."""\n', "f", '"""Says."""', ""),
    ("python", 'def f():\n    r"""Says."""\n    return 1\n', "f", 'r"""Says."""\n    return 1', "return 1"),
    ("python", "def f():\n    '#' + x\n", "f", "'#' + x", "'#' + x"),
    ("python", "def f() -> dict[str, int]: return {1: 2}\n", "f", "return {1: 2}", "return {1: 2}"),
    ("python", "def f():\n    {1}\n", "f", "{1}", "{1}"),
    ("python", "async def f(): ...\n", "f", "...", "..."),
    ("javascript", "const f = () => {\n  // TODO\n};\n", "f", "// TODO", ""),
    ("javascript", "exports.f = function () {};\n", "exports.f", "", ""),
    ("javascript", "const o = { f: () => 1 };\n", "f", "1", "1"),
    ("go", "func f() {\n\t/* TODO */\n}\n", "f", "/* TODO */", ""),
    ("rust", "fn f() -> u8 {\n    todo!()\n}\n", "f", "todo!()", "todo!()"),
    ("kotlin", "fun f() = TODO()\n", "f", "TODO()", "TODO()"),
    ("csharp", "class A {\n int F() => 1; }\n", "A.F", "1", "1"),
    ("cpp", "int A::f() {\n  // none\n}\n", "A.f", "// none", ""),
    ("c", "int *(*f(int a))(void) {}\n", "f", "", ""),
    ("ruby", "def f(a)\n  # TODO\nend\n", "f", "# TODO", ""),
    ("ruby", "def f = 1\n", "f", "1", "1"),
    ("ruby", "def self.f; end\n", "f", "", ""),
    ("php", "<?php function f() { /* x */ }\n", "f", "/* x */", ""),
    ("java", "enum E { X; void f() {} }\n", "E.f", "", ""),
    ("shell", "f() {\n  # TODO\n  :\n}\n", "f", "# TODO\n  :", ":"),
]


@pytest.mark.parametrize(("language", "text", "name", "body_text", "body_code"), BODIES)
def test_bodies(language: str, text: str, name: str, body_text: str, body_code: str) -> None:
    (function,) = functions(language, text)
    assert (function.name, function.body_text, function.body_code) == (name, body_text, body_code)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("typescript", "interface I { f(): void }\nabstract class A { abstract g(): void }\nfunction h(): void;\n"),
        ("java", "interface I { void f(); }\n"),
        ("rust", "trait T { fn f(&self); }\n"),
        ("cpp", "class A { virtual void f() = 0; A() = default; };\n"),
        ("csharp", "interface I { void F(); }\n"),
        ("php", "<?php interface I { function f(); }\n"),
        ("kotlin", "interface I {\n  fun f()\n}\n"),
        ("c", "int f(void);\nstruct s *p;\n"),
        ("go", "package a\n\ntype I interface {\n\tF()\n}\n"),
    ],
)
def test_declarations_without_a_body_are_no_functions(language: str, text: str) -> None:
    assert functions(language, text) == ()


def test_a_python_method_in_full() -> None:
    text = (
        "class Shape(Protocol):\n"
        "    @cached\n    @abstractmethod\n"
        "    def area(\n        self,\n    ) -> int:\n        return 1\n"
    )
    assert functions("python", text) == (
        Function(
            name="Shape.area",
            start=2,
            end=7,
            body_start=7,
            body_end=7,
            body_text="return 1",
            body_code="return 1",
            indent="    ",
            signature="def area( self, ) -> int:",
            body_bytes=(96, 113),
            decorators=("@cached", "@abstractmethod"),
            owner="class Shape(Protocol):",
        ),
    )
    assert enclosing("python", text, 2) == Scope("method", "Shape.area", 2, 7, 6)
    assert enclosing("python", text, 1) == Scope("class", "Shape", 1, 7, 1)


def test_scopes_nest() -> None:
    text = "x = 1\n\ndef outer():\n    def inner():\n        return 1\n    return inner\n\ny = 2\n"
    names = {line: scope.name for line in range(1, 9) if (scope := enclosing("python", text, line))}
    assert names == {3: "outer", 4: "outer.inner", 5: "outer.inner", 6: "outer"}


def test_lines_end_at_line_feeds_alone() -> None:
    text = "a = '\x0c \u2028 \x85'\r\ndef f():\r\n    return 1\r\n"
    assert [(f.start, f.end, f.body_start) for f in functions("python", text)] == [(2, 3, 3)]


@pytest.mark.parametrize("odd", ["\udc80", "\ufeff", "é漢😀"])
def test_odd_characters_do_not_shift_what_follows(odd: str) -> None:
    text = f"a = '{odd}'\ndef f():\n    return '{odd}'\n"
    found = functions("python", text)
    assert [(f.name, f.start, f.body_text) for f in found] == [("f", 2, f"return '{odd}'")]


def test_a_large_text_is_left_alone() -> None:
    text = "x = 1\n" * (MAX_BYTES // 6 + 1)
    assert new_errors("python", text, text) is None
    assert functions("python", text) == ()


@pytest.mark.parametrize("language", ["python", "javascript", "cpp", "rust"])
@pytest.mark.parametrize(
    "text",
    ["(" * 50_000, "function f(){" * 4_000, "a<" * 30_000, "a?b:" * 20_000, "class A{" * 8_000, "def f():\n" * 3_000],
    ids=["open", "nested", "generic", "ternary", "classes", "many"],
)
def test_hostile_texts_end(language: str, text: str) -> None:
    began = time.monotonic()
    functions(language, text)
    new_errors(language, text, text + ")")
    # Three parses of at most two seconds of their own; the rest is room for a busy machine.
    assert time.monotonic() - began < 30


def test_deep_nesting_is_cut_and_not_followed() -> None:
    text = "".join(" " * depth + f"def f{depth}():\n" for depth in range(80)) + " " * 80 + "pass\n"
    names = [function.name for function in functions("python", text)]
    assert names[0] == "f0"
    assert 10 < len(names) < 80
