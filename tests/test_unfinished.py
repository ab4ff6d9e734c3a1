"""Unfinished code: found where code is plainly missing, and nowhere else."""

from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.languages import LANGUAGES
from reviewer.unfinished import Kind, find, is_placeholder

EMPTY, PASS, ELLIPSIS, NOT_IMPLEMENTED, TODO = (
    Kind.EMPTY,
    Kind.PASS,
    Kind.ELLIPSIS,
    Kind.NOT_IMPLEMENTED,
    Kind.TODO,
)


def source(text: str) -> str:
    return dedent(text).lstrip("\n")


def gaps(language: str, text: str, path: str = "") -> list[tuple[Kind, int, int, str]]:
    text = source(text)
    found = find(language, text, range(1, text.count("\n") + 2), path=path)
    return [(gap.kind, gap.start, gap.end, gap.name) for gap in found]


UNFINISHED = [
    # Python
    ("python", "def f():\n    pass\n", (PASS, 2, 2, "f")),
    ("python", "def f(): pass\n", (PASS, 1, 1, "f")),
    ("python", "def f():\n    ...\n", (ELLIPSIS, 2, 2, "f")),
    ("python", 'def f():\n    """Say it."""\n    pass\n', (PASS, 3, 3, "f")),
    ("python", 'def f():\n    """Say\n    it.\n    """\n\n    ...\n', (ELLIPSIS, 6, 6, "f")),
    ("python", 'def f() -> int:\n    """Count."""\n', (EMPTY, 1, 2, "f")),
    ("python", "def f():\n    raise NotImplementedError\n", (NOT_IMPLEMENTED, 2, 2, "f")),
    ("python", 'def f():\n    raise NotImplementedError("not yet implemented")\n', (NOT_IMPLEMENTED, 2, 2, "f")),
    ("python", "def f():\n    # TODO: cut here\n    pass\n", (TODO, 2, 3, "f")),
    ("python", "def f():\n    # FIXME\n    return None\n", (TODO, 2, 3, "f")),
    ("python", "def f():\n    pass  # TODO\n", (TODO, 2, 2, "f")),
    ("python", "class A:\n    def f(self):\n        pass\n", (PASS, 3, 3, "A.f")),
    ("python", "@cached\n@other(1)\ndef f(): pass\n", (PASS, 3, 3, "f")),
    ("python", "async def f(\n    a,\n):\n    pass\n", (PASS, 4, 4, "f")),
    (
        "python",
        "def f(a):\n    if a:\n        # TODO: implement retries\n        pass\n    return a\n",
        (TODO, 3, 4, "f"),
    ),
    ("python", "def f(a):\n    b = a  # TODO: implement\n    return b\n", (TODO, 2, 2, "f")),
    ("python", "def f(a):\n    if a:\n        return 1\n    # your code here\n", (TODO, 4, 4, "f")),
    ("python", "def f(a):\n    g(a)\n    # ... rest of the code\n", (TODO, 3, 3, "f")),
    (
        "python",
        'def f(a):\n    if a:\n        raise ValueError("not implemented yet")\n    return a\n',
        (NOT_IMPLEMENTED, 3, 3, "f"),
    ),
    ("python", "class A:\n    def f(self):\n        raise NotImplementedError\n", (NOT_IMPLEMENTED, 3, 3, "A.f")),
    ("python", "# TODO: implement the parser\n", (TODO, 1, 1, "")),
    # JavaScript and TypeScript
    ("javascript", "function f() {\n}\n", (EMPTY, 1, 2, "f")),
    ("javascript", "function f() {\n  // TODO\n}\n", (TODO, 2, 2, "f")),
    ("javascript", "function f() {\n  throw new Error('Not implemented');\n}\n", (NOT_IMPLEMENTED, 2, 2, "f")),
    ("javascript", "const f = () => {\n  throw new Error(`TODO: f`);\n};\n", (NOT_IMPLEMENTED, 2, 2, "f")),
    ("javascript", "class A {\n  f() {\n    // TODO: implement\n    return null;\n  }\n}\n", (TODO, 3, 4, "A.f")),
    ("javascript", "function f(a) {\n  /* TODO: implement */\n  return g(a);\n}\n", (TODO, 2, 2, "f")),
    (
        "typescript",
        "export function f(a: string): number {\n  throw new Error('not implemented');\n}\n",
        (NOT_IMPLEMENTED, 2, 2, "f"),
    ),
    ("typescript", "class A {\n  f(): void {}\n}\n", (EMPTY, 2, 2, "A.f")),
    ("tsx", "function F() {\n  // TODO: write this\n  return null;\n}\n", (TODO, 2, 3, "F")),
    # Go
    ("go", 'package p\n\nfunc f() int {\n\tpanic("not implemented")\n}\n', (NOT_IMPLEMENTED, 4, 4, "f")),
    ("go", 'package p\n\nfunc (s *S) F() { panic("TODO") }\n', (NOT_IMPLEMENTED, 3, 3, "S.F")),
    ("go", "package p\n\nfunc f() {\n}\n", (EMPTY, 3, 4, "f")),
    ("go", "package p\n\nfunc f() error {\n\t// TODO(me): all of it\n\treturn nil\n}\n", (TODO, 4, 5, "f")),
    (
        "go",
        'package p\n\nfunc f() (int, error) {\n\treturn 0, errors.New("not implemented")\n}\n',
        (NOT_IMPLEMENTED, 4, 4, "f"),
    ),
    (
        "go",
        'package p\n\nfunc f(a int) int {\n\tif a > 1 {\n\t\tpanic("implement me")\n\t}\n\treturn a\n}\n',
        (NOT_IMPLEMENTED, 5, 5, "f"),
    ),
    # Rust
    ("rust", "fn f() -> u8 {\n    todo!()\n}\n", (NOT_IMPLEMENTED, 2, 2, "f")),
    ("rust", 'fn f() -> u8 { unimplemented!("later") }\n', (NOT_IMPLEMENTED, 1, 1, "f")),
    (
        "rust",
        "fn f(a: Option<u8>) -> u8 {\n    match a {\n        Some(b) => b,\n        None => todo!(),\n    }\n}\n",
        (NOT_IMPLEMENTED, 4, 4, "f"),
    ),
    (
        "rust",
        "impl Shape for Square {\n    fn area(&self) -> f64 {\n        todo!()\n    }\n}\n",
        (NOT_IMPLEMENTED, 3, 3, "Square.area"),
    ),
    ("rust", "fn f() {\n    // TODO: implement\n}\n", (TODO, 2, 2, "f")),
    ("rust", "fn f<'a>(a: &'a str) -> &'a str {\n    let b = 'x';\n    todo!()\n}\n", (NOT_IMPLEMENTED, 3, 3, "f")),
    # Java
    (
        "java",
        'class A {\n  int f() {\n    throw new UnsupportedOperationException("not implemented");\n  }\n}\n',
        (NOT_IMPLEMENTED, 3, 3, "A.f"),
    ),
    (
        "java",
        "class A {\n  @Override\n  public int f() {\n    // TODO Auto-generated method stub\n    return 0;\n  }\n}\n",
        (TODO, 4, 5, "A.f"),
    ),
    ("java", "class A {\n  void f() {\n  }\n}\n", (EMPTY, 2, 3, "A.f")),
    (
        "java",
        "class A {\n  int f() { throw new UnsupportedOperationException(\"Unimplemented method 'f'\"); }\n}\n",
        (NOT_IMPLEMENTED, 2, 2, "A.f"),
    ),
    # Kotlin
    ("kotlin", "fun f(): Int = TODO()\n", (NOT_IMPLEMENTED, 1, 1, "f")),
    ("kotlin", 'fun f(): Int {\n    TODO("Not yet implemented")\n}\n', (NOT_IMPLEMENTED, 2, 2, "f")),
    (
        "kotlin",
        'class A : B {\n    override fun f() {\n        TODO("Not yet implemented")\n    }\n}\n',
        (NOT_IMPLEMENTED, 3, 3, "A.f"),
    ),
    ("kotlin", "fun f(a: Int) = when (a) {\n    1 -> 2\n    else -> TODO()\n}\n", (NOT_IMPLEMENTED, 3, 3, "f")),
    # C#
    (
        "csharp",
        "class A {\n  int F() {\n    throw new NotImplementedException();\n  }\n}\n",
        (NOT_IMPLEMENTED, 3, 3, "A.F"),
    ),
    ("csharp", "class A {\n  int F() => throw new NotImplementedException();\n}\n", (NOT_IMPLEMENTED, 2, 2, "A.F")),
    ("csharp", "class A {\n  void F()\n  {\n    // TODO\n  }\n}\n", (TODO, 4, 4, "A.F")),
    # C and C++
    ("c", "int f(void) {\n  /* TODO */\n  return 0;\n}\n", (TODO, 2, 3, "f")),
    ("c", "void f(void)\n{\n}\n", (EMPTY, 1, 3, "f")),
    ("c", 'int f(void) {\n  assert(0 && "not implemented");\n  return -1;\n}\n', (NOT_IMPLEMENTED, 2, 3, "f")),
    ("cpp", 'int A::f() {\n  throw std::logic_error("not implemented");\n}\n', (NOT_IMPLEMENTED, 2, 2, "A.f")),
    ("cpp", "int f() {\n  // TODO: implement me\n  return {};\n}\n", (TODO, 2, 3, "f")),
    # Ruby
    ("ruby", "def f\nend\n", (EMPTY, 1, 2, "f")),
    ("ruby", "def f\n  raise NotImplementedError\nend\n", (NOT_IMPLEMENTED, 2, 2, "f")),
    ("ruby", "def f(a)\n  # TODO: count\n  nil\nend\n", (TODO, 2, 3, "f")),
    ("ruby", "class A\n  def f; end\nend\n", (EMPTY, 2, 2, "A.f")),
    # PHP
    ("php", "<?php\nfunction f() {\n}\n", (EMPTY, 2, 3, "f")),
    (
        "php",
        "<?php\nclass A {\n  function f(): int {\n    throw new \\Exception('Not implemented');\n  }\n}\n",
        (NOT_IMPLEMENTED, 4, 4, "A.f"),
    ),
    ("php", "<?php\nfunction f() {\n  # TODO\n  return null;\n}\n", (TODO, 3, 4, "f")),
    # Shell
    ("shell", "f() {\n  :\n}\n", (PASS, 2, 2, "f")),
    ("shell", "f() {\n  # TODO: copy the files\n  return 0\n}\n", (TODO, 2, 3, "f")),
    ("shell", 'f() {\n  echo "not implemented" >&2\n  exit 1\n}\n', (NOT_IMPLEMENTED, 2, 3, "f")),
    # without a grammar
    ("swift", 'func f() -> Int {\n    fatalError("not implemented")\n}\n', (NOT_IMPLEMENTED, 2, 2, "f")),
    ("swift", "class A {\n    func f() {\n    }\n}\n", (EMPTY, 2, 3, "f")),
    ("sql", "-- TODO: implement the back-fill\n", (TODO, 1, 1, "")),
    ("terraform", 'resource "a" "b" {\n  # TODO: fill this in\n}\n', (TODO, 2, 2, "")),
]


@pytest.mark.parametrize(
    ("language", "text", "gap"), UNFINISHED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_unfinished(language: str, text: str, gap: tuple[Kind, int, int, str]) -> None:
    assert gaps(language, text) == [gap]


FINISHED = [
    # Python
    ("python", "from abc import abstractmethod\nclass A:\n    @abstractmethod\n    def f(self): ...\n"),
    (
        "python",
        (
            "import abc\nclass A:\n    @property\n"
            "    @abc.abstractmethod\n    def f(self):\n        raise NotImplementedError\n"
        ),
    ),
    ("python", "class A(Protocol):\n    def f(self) -> int: ...\n    def g(self) -> int:\n        pass\n"),
    ("python", "class A(typing.Protocol[T]):\n    def f(self) -> int: ...\n"),
    (
        "python",
        "@overload\ndef f(a: int) -> int: ...\n@typing.overload\ndef f(a: str) -> str: ...\ndef f(a):\n    return a\n",
    ),
    ("python", "class FooError(Exception): pass\nclass BarError(Exception):\n    pass\n"),
    ("python", 'class FooError(Exception):\n    """Foo."""\n\n    pass\n'),
    ("python", "def f():\n    try:\n        g()\n    except OSError:\n        pass\n"),
    ("python", "for _ in range(3):\n    pass\n"),
    ("python", "class A:\n    def __init__(self):\n        pass\n"),
    ("python", "def f():\n    pass  # nothing to undo\n"),
    ("python", "def noop(*args):\n    pass\n"),
    ("python", "class A:\n    def close(self):\n        pass\n"),
    ("python", "class AsyncBaseTransport:\n    def reset(self):\n        pass\n"),
    ("python", "class A:\n    def f(self):\n        pass\n\nclass B(A):\n    def f(self):\n        return 1\n"),
    ("python", 'def f(a):\n    raise NotImplementedError("this model has no embeddings")\n'),
    ("python", 'def f(a):\n    if a:\n        raise ValueError("gguf is not supported yet")\n    return a\n'),
    ("python", "class NullLogger:\n    def log(self, text):\n        pass\n"),
    (
        "python",
        'class A:\n    def f(self):\n        """Subclasses override this."""\n        raise NotImplementedError\n',
    ),
    ("python", "class A:\n    def f(self):\n        raise NotImplementedError('must be implemented by a subclass')\n"),
    ("python", "class BaseStore:\n    def f(self):\n        raise NotImplementedError\n"),
    (
        "python",
        (
            "class A:\n    def f(self):\n        raise NotImplementedError\n\n"
            "class B(A):\n    def f(self):\n        return 1\n"
        ),
    ),
    ("python", "# TODO: make this faster\ndef f(a):\n    return sorted(a)\n"),
    ("python", "def f(a):\n    # TODO: make this faster\n    return sorted(a)\n"),
    ("python", "@cli.group()\ndef engine() -> None:\n    pass\n"),
    ("python", '@click.group()\ndef engine():\n    """Run it."""\n'),
    (
        "python",
        'def f(a):\n    if a:\n        raise NotImplementedError("streams are not implemented")\n    return a\n',
    ),
    ("python", 'def f():\n    return "TODO: implement"\n'),
    ("python", "def f(a):\n    a[...] = 0\n"),
    ("python", "def f():\n    return None\n"),
    ("python", "Callback = Callable[..., None]\nnothing = lambda: None\n"),
    ("python", "@override\ndef f(self):\n    pass\n"),
    # JavaScript and TypeScript
    ("javascript", "const noop = () => {};\nrun(() => {});\n"),
    ("javascript", "button.onclick = () => {};\n"),
    ("javascript", "class A {\n  constructor() {}\n}\n"),
    ("javascript", "function f() {\n  // nothing to clean up\n}\n"),
    ("javascript", "const url = 'https://todo.example/implement';\n"),
    ("typescript", "interface A {\n  f(): void;\n}\nabstract class B {\n  abstract g(): void;\n}\n"),
    (
        "typescript",
        "function f(a: string): string;\nfunction f(a: number): number;\nfunction f(a: any) {\n  return a;\n}\n",
    ),
    ("typescript", "class A {\n  constructor(private readonly b: B) {}\n  override f(): void {}\n}\n"),
    # Go
    ("go", "package p\n\ntype S interface {\n\tF() int\n}\n"),
    ("go", "package p\n\nfunc (noopLogger) Info(string) {}\n"),
    ("go", "package p\n\nfunc (n *Node) isExpr() {}\n"),
    ("go", "package p\n\nfunc (r Redirect) Write(http.ResponseWriter) {}\n"),
    ("cpp", "struct A {\n  A_(int a) : a_(a), b_{a} {}\n};\nvoid f(int& /*out*/) {}\n"),
    ("java", "/**\n * class A {\n *   // your implementation here\n * }\n */\nclass A {}\n"),
    ("go", 'package p\n\nfunc f(a int) {\n\tif a < 0 {\n\t\tpanic("negative")\n\t}\n}\n'),
    # Rust
    ("rust", "trait A {\n    fn f(&self);\n    fn g(&self) {}\n}\n"),
    ("rust", "impl Drop for A {\n    fn drop(&mut self) {}\n}\n"),
    ("rust", "mod tests {\n    fn handler() {}\n}\nfn go(_folder: &str) {}\n"),
    ("rust", "/// Panics with `todo!()`.\n/// todo!()\nfn f() -> u8 {\n    1\n}\n"),
    # Java
    ("java", "interface A {\n  void f();\n  default void g() {}\n}\n"),
    ("java", "abstract class A {\n  abstract void f();\n  private A() {}\n}\n"),
    ("java", "class A {\n  @Override public void onNothing() {}\n}\n"),
    ("java", "class A {\n  public void remove() {\n    throw new UnsupportedOperationException();\n  }\n}\n"),
    ("java", "class A {\n  void f() {\n    // this page left blank\n  }\n}\n"),
    # Kotlin
    ("kotlin", "interface A {\n    fun f()\n    fun g() {}\n}\n"),
    ("kotlin", "open class A {\n    open fun f() {}\n    override fun g() {}\n}\n"),
    ("kotlin", "abstract class A {\n    abstract fun f(): Int\n}\n"),
    # C#
    (
        "csharp",
        (
            "interface A { int F(); }\nabstract class B {\n  public abstract int F();\n  "
            "public B() {}\n  protected virtual void G() {}\n}\n"
        ),
    ),
    # C and C++
    ("c", "int f(void);\n"),
    (
        "cpp",
        (
            "class A {\n public:\n  A() {}\n  A(int a) : a_(a) {}\n  "
            "virtual ~A() {}\n  A(const A&) = delete;\n  virtual int f() = 0;\n  void g() override {}\n};\n"
        ),
    ),
    # Ruby
    ("ruby", "#   class App\n#     # Your code goes here...\n#   end\nclass App; end\n"),
    ("ruby", "class PagesController\n  def index\n  end\nend\n"),
    ("ruby", "class A\n  def initialize\n  end\nend\n"),
    ("ruby", "class A\n  def f\n    raise NotImplementedError, 'must be implemented in a subclass'\n  end\nend\n"),
    ("ruby", "class A\n  def f\n    raise NotImplementedError\n  end\nend\n\nclass B < A\n  def f = 1\nend\n"),
    # PHP
    ("php", "<?php\nclass A {\n  public function __construct(private B $b) {}\n}\n"),
    ("php", "<?php\ninterface A {\n  public function f();\n}\n"),
    # Shell
    ("shell", "f() {\n  echo $#  # TODO: speed\n}\n"),
    ("shell", "noop() {\n  :\n}\n"),
    ("shell", "while :; do\n  :\ndone\n"),
    # without a grammar
    ("swift", "protocol A {\n    func f()\n}\n"),
    ("swift", 'init?(coder: NSCoder) {\n    fatalError("init(coder:) has not been implemented")\n}\n'),
    ("markdown", "TODO: implement\n<!-- TODO: implement -->\n"),
    ("generic", "TODO: implement\n# TODO: implement\n"),
]


@pytest.mark.parametrize(("language", "text"), FINISHED, ids=lambda value: value)
def test_finished(language: str, text: str) -> None:
    assert gaps(language, text) == []


TWO = source("""
    def old():
        pass


    def new():
        \"\"\"Do it.\"\"\"
        # TODO
        pass
""")


@pytest.mark.parametrize(
    ("added", "names"),
    [
        ([], []),
        ([1, 2], ["old"]),
        ([2], ["old"]),
        ([5, 6], []),
        ([8], ["new"]),
        ([7], ["new"]),
        ([2, 8], ["old", "new"]),
    ],
)
def test_only_added_lines_count(added: list[int], names: list[str]) -> None:
    assert [gap.name for gap in find("python", TWO, added)] == names


def test_a_line_past_the_end_is_no_line() -> None:
    assert find("python", "a = 1\n", [7]) == ()


@pytest.mark.parametrize(
    ("path", "count"),
    [("", 1), ("a.py", 1), ("a.pyi", 0), ("tests/fakes.py", 0), ("src/test_a.py", 0), ("latest/a.py", 1)],
)
def test_stubs_and_fakes_of_tests_are_left_alone(path: str, count: int) -> None:
    assert len(gaps("python", "def f():\n    pass\n", path)) == count


def test_fakes_of_tests_may_refuse() -> None:
    text = "class A : B {\n    override fun f(): Int = TODO()\n    val g: Int\n        get() = TODO()\n}\n"
    assert gaps("kotlin", text, "src/jvmTest/kotlin/ATest.kt") == []
    assert len(gaps("kotlin", text, "src/main/kotlin/A.kt")) >= 1


def test_an_empty_test_is_unfinished() -> None:
    assert gaps("python", "def test_f():\n    pass\n", "tests/test_a.py") == [(PASS, 2, 2, "test_f")]


def test_what_is_replaced_holds_the_signature_only_where_it_must() -> None:
    text = "def f(): pass\n\n\n@cached\ndef g():\n    pass\n"
    inline, block = find("python", text, range(1, 7))
    assert (inline.start, inline.end, inline.whole, inline.signature_start) == (1, 1, True, 1)
    assert (block.start, block.end, block.whole, block.signature_start) == (6, 6, False, 4)


def test_line_endings_of_windows() -> None:
    assert gaps("python", "def f():\r\n    # TODO\r\n    pass\r\n") == [(TODO, 2, 3, "f")]
    assert gaps("javascript", "function f() {\r\n  // TODO\r\n}\r\n") == [(TODO, 2, 2, "f")]


PIECES = st.sampled_from(
    [
        "def f",
        "(",
        ")",
        ":",
        "{",
        "}",
        "\n",
        "    ",
        "pass",
        "...",
        "# TODO",
        "// TODO: implement",
        '"',
        "func f() {",
        "/*",
    ]
)


@given(st.sampled_from(sorted(LANGUAGES)), st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join))
@settings(max_examples=200, deadline=None)
def test_gaps_of_any_text_lie_inside_it_and_apart(language: str, text: str) -> None:
    count = text.count("\n") + 1
    end = 0
    for gap in find(language, text, range(1, count + 1)):
        assert end < gap.start <= gap.end <= count
        end = gap.end


@pytest.mark.parametrize(
    ("language", "code", "expected"),
    [
        ("python", "pass", True),
        ("python", "    raise NotImplementedError()\n", True),
        ("python", "return 1", False),
        ("python", "return None", False),
        ("python", "", True),
        ("rust", "todo!()", True),
        ("rust", "let a = 1;\ntodo!()", False),
        ("csharp", "throw new NotImplementedException();", True),
        ("generic", "x", False),
    ],
)
def test_a_completion_may_be_a_placeholder_again(language: str, code: str, expected: bool) -> None:
    assert is_placeholder(language, code) is expected
