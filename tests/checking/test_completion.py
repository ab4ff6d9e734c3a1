"""Completions are shown only if they fill the gap and change nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reviewer.checking.claims import completion
from reviewer.languages import LANGUAGES
from reviewer.unfinished import find
from reviewer.unfinished.gaps import Gap

if TYPE_CHECKING:
    from reviewer.finding import Mark

PY = "import os\n\n\nclass A:\n    def f(self, a):\n        pass\n\n    def g(self):\n        return 1\n"
PY_LINE = "def f(a): pass\n\n\ndef g():\n    return 1\n"
PY_TODO = "def f(a):\n    b = g(a)\n    # TODO: implement retries\n    return b\n"
PY_END = "def f(a):\n    g(a)\n    # ... rest of the code\n\n\nx = 1\n"
PY_DECORATED = "@cache\ndef f(a): pass\n"
RUST = "impl A {\n    pub fn f(&self, a: u8) -> u8 {\n        todo!()\n    }\n\n    fn g() { h(); }\n}\n"
RUST_LINE = "pub fn f(a: u8) -> u8 { todo!() }\n"
JS_CLASS = "class A { f(a) { throw new Error('not implemented'); } g() { return 1; } }\n"
JS_EXPORT = "export const f = (a) => { throw new Error('not implemented'); };\n"
JS = "function f(a) {\n  // TODO: implement\n}\n\nfunction g() {\n  return 1;\n}\n"
JAVA = 'class A {\n    private int f(int a) {\n        throw new Error("TODO");\n    }\n\n    int x = 1;\n}\n'
GO = 'package a\n\nfunc (s *S) F(a int) int {\n\tpanic("not implemented")\n}\n'
CPP = "A::A(int a) : a_(a) {\n  // TODO: implement\n}\n"
RUBY = "class A\n  def f(a)\n    raise NotImplementedError\n  end\nend\n"
SWIFT = 'class A {\n    public func f(a: Int) -> Int {\n        fatalError("not implemented")\n    }\n}\n'
SWIFT_LINE = 'public func f(a: Int) -> Int { fatalError("not implemented") }\n'
MODULE = "import os\n\n# TODO: implement parse\n\n\ndef g():\n    return 1\n"

KEPT = [
    ("python", PY, "return a"),
    ("python", PY, "def inner():\n    return a\n\nreturn inner()"),
    ("python", PY, "return a  # the same"),
    ("python", PY, "if a:\n    return 1\n# none\n"),
    ("python", PY_LINE, "def f(a):\n    return a"),
    ("python", PY_LINE, "def f(a): return a"),
    ("python", PY_DECORATED, "def f(a):\n    return a"),
    ("python", PY_TODO, "for _ in range(3):\n    b = g(a)"),
    ("python", PY_END, "h(a)\nreturn a"),
    ("python", MODULE, "def parse(text):\n    return text.split()"),
    ("rust", RUST, "a + 1"),
    ("rust", RUST_LINE, "pub fn f(a: u8) -> u8 { a + 1 }"),
    ("rust", RUST_LINE, "pub fn f(a: u8) -> u8 {\n    a + 1\n}"),
    ("javascript", JS_CLASS, "class A { f(a) { return a; } g() { return 1; } }"),
    ("javascript", JS_EXPORT, "export const f = (a) => {\n  return a;\n};"),
    ("javascript", JS, "const h = () => a;\nreturn h();"),
    ("java", JAVA, "return a;"),
    ("go", GO, "return a + 1"),
    ("cpp", CPP, "if (a) { start(); }"),
    ("ruby", RUBY, "a.map { |x| x }"),
    ("swift", SWIFT, "if a > 1 {\n    return 1\n}\nreturn a"),
    ("swift", SWIFT_LINE, "public func f(a: Int) -> Int { return a }"),
]
REFUSED = [
    ("python", PY_LINE, "def f(b):\n    return b"),
    ("python", PY_LINE, "def f(a) -> int:\n    return a"),
    ("python", PY_LINE, "def f(a):\n    return a\n\n\nx = 1"),
    ("python", PY_LINE, "def f(a):\n    return a\n\n\ndef h():\n    return 2"),
    ("python", PY_LINE, "async def f(a):\n    return a"),
    ("python", PY_LINE, "return a"),
    ("python", PY_DECORATED, "@other\ndef f(a):\n    return a"),
    ("rust", RUST, "a + 1\n}\n\npub fn h(&self) {"),
    ("rust", RUST_LINE, "fn f(a: u8) -> u8 { a + 1 }"),
    ("rust", RUST_LINE, "pub fn f(b: u8) -> u8 { b + 1 }"),
    ("rust", RUST_LINE, "pub async fn f(a: u8) -> u8 { a + 1 }"),
    ("javascript", JS_CLASS, "class A { f(a) { return a; } g() { return 2; } }"),
    ("javascript", JS_CLASS, "class A { f(a) { return a; } }"),
    ("javascript", JS_CLASS, "class A { f(a) { return a; } g() { return 1; } h() { return 3; } }"),
    ("javascript", JS_CLASS, "class A extends B { f(a) { return a; } g() { return 1; } }"),
    ("javascript", JS_EXPORT, "const f = (a) => { return a; };"),
    ("javascript", JS_EXPORT, "export const f = (b) => { return b; };"),
    ("javascript", JS_EXPORT, "export let f = (a) => { return a; };"),
    ("javascript", JS, "return a;\n}\nstart();\nif (x) {"),
    ("java", JAVA, "return a;\n}\n\nint y = 2;\n\n{\nstart();"),
    ("java", JAVA, "return a;\n}\n\npublic int h() {\nreturn 2;"),
    ("go", GO, "return a\n}\n\nfunc init() {\n\tstart()"),
    ("cpp", CPP, "start();\n}\nvoid other() {\n  stop();"),
    ("ruby", RUBY, "a\nend\n\ndef g\n  2"),
    ("swift", SWIFT, "return a\n    }\n\n    func g() {\n        start()"),
    ("swift", SWIFT_LINE, "func f(a: Int) -> Int { return a }"),
    ("swift", SWIFT_LINE, "public func f(b: Int) -> Int { return b }"),
]


def marks(language: str, text: str, code: str) -> frozenset[Mark]:
    (found,) = find(language, text, range(1, text.count("\n") + 1), path="src/a")
    lines = text.split("\n")
    placeholder = "\n".join(lines[found.start - 1 : found.end])
    before, after = "\n".join(lines[: found.start - 1]), "\n".join(lines[found.end :])
    finding = completion(Gap("src/a", LANGUAGES[language], found, before, after, placeholder, ""), code, text)
    assert finding.shown
    assert finding.suggestion is not None
    return finding.suggestion.marks


@pytest.mark.parametrize(("language", "text", "code"), KEPT)
def test_a_body_is_shown(language: str, text: str, code: str) -> None:
    assert marks(language, text, code) == frozenset()


@pytest.mark.parametrize(("language", "text", "code"), REFUSED)
def test_what_changes_more_than_the_body_is_refused(language: str, text: str, code: str) -> None:
    assert marks(language, text, code)
