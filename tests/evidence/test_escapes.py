from __future__ import annotations

import pytest

from reviewer.evidence.escapes import exposed, hides, only_deletes, silences
from reviewer.finding import Source, SourceKind


@pytest.mark.parametrize(
    ("language", "original", "replacement"),
    [
        ("python", "def f(a=[]):", "def f(a=[]):  # noqa: B006"),
        ("python", "x: int = f()", "x: int = f()  # type: ignore[assignment]"),
        ("python", "eval(x)", "eval(x)  # nosec"),
        ("python", "f()", "f()  # pylint: disable=W0102"),
        ("python", "zip(a, b)", "zip(a, b, strict=False)"),
        ("python", "run(cmd)", "run(cmd, check=False)"),
        ("python", "get(url)", "get(url, verify=False)"),
        ("python", "md5(x)", "md5(x, usedforsecurity=False)"),
        ("python", "    return a / b", "    pass"),
        ("python", "    return a / b", "    ..."),
        ("python", "    return a / b", "    raise NotImplementedError"),
        ("python", "f()", "with suppress(Exception):\n    f()"),
        ("python", "x = y", "x = cast(int, y)"),
        ("shell", "cd $x", "# shellcheck disable=SC2164\ncd $x"),
        ("shell", "cd build", "cd build || true"),
        ("shell", "rm $x", "rm $x 2>/dev/null"),
        ("javascript", "a == b", "// eslint-disable-next-line eqeqeq\na == b"),
        ("javascript", "f()", "try { f() } catch (e) {}"),
        ("typescript", "const x = y", "// @ts-expect-error\nconst x = y"),
        ("tsx", "const x = y", "const x = y as any"),
        ("go", "f()", "f() //nolint:errcheck"),
        ("go", "f()", "_ = f()"),
        ("go", "x, err := f()", "x, _ := f()"),
        ("rust", "fn f() {", "#[allow(dead_code)]\nfn f() {"),
        ("rust", "a[i]", "unsafe { *a.get_unchecked(i) }"),
        ("java", "List x;", '@SuppressWarnings("unchecked")\nList x;'),
        ("kotlin", "x.y", "x!!.y"),
        ("csharp", "F();", "#pragma warning disable CA1\nF();"),
        ("ruby", "f", "f rescue nil"),
        ("ruby", "f", "f # rubocop:disable Style/X"),
        ("php", "f();", "@f();"),
        ("swift", "let x = y as? Z", "let x = y as! Z"),
        ("cpp", "f(x);", "f(x);  // NOLINT"),
        ("dockerfile", "RUN x", "# hadolint ignore=DL3008\nRUN x"),
        ("generic", "key = 1", "key = 1  # gitleaks:allow"),
    ],
)
def test_what_silences(language: str, original: str, replacement: str) -> None:
    assert silences((), language, original, replacement)


@pytest.mark.parametrize(
    ("language", "original", "replacement"),
    [
        ("python", "def f(a=[]):\n    return a", "def f(a=None):\n    if a is None:\n        a = []\n    return a"),
        ("python", "lambda: name", "lambda name=name: name"),
        ("python", "yaml.load(f)", "yaml.safe_load(f)"),
        ("python", "get(url)", "get(url, timeout=10)"),
        ("python", "f()  # noqa: X1\ng(a=[])", "f()  # noqa: X1\ng(a=None)"),
        ("python", "zip(a, b, strict=False)", "zip(a, c, strict=False)"),
        ("shell", "cd build", "cd build || exit"),
        ("shell", "rm -rf $x/*", 'rm -rf "${x:?}"/*'),
        ("javascript", "a == b", "a === b"),
        ("go", "x, _ := f()", "x, err := f()"),
        ("c", "f(x);", "if (x != NULL) f(x);"),
    ],
)
def test_what_mends(language: str, original: str, replacement: str) -> None:
    assert silences((), language, original, replacement) is None
    assert not only_deletes(original, replacement, language)


@pytest.mark.parametrize(
    ("rule", "replacement"),
    [("S306", "d = tempfile.mkdtemp()"), ("S602", "os.system(cmd)"), ("S506", "yaml.unsafe_load(f)")],
)
def test_another_function_that_the_rule_does_not_know(rule: str, replacement: str) -> None:
    source = Source(SourceKind.TOOL, "ruff", rule)
    assert silences((source,), "python", "x", replacement)
    assert silences((), "python", "x", replacement) is None


@pytest.mark.parametrize(
    ("original", "replacement", "expected"),
    [
        ("f()\ng()", "g()", True),
        ("f()", "", True),
        ("f()", "# f()", True),
        ("f()\ng()", "g()\nf()", False),
        ("f()\ng()", "h()", False),
        ("f()", "f()\ng()", False),
        ("# note\nf()", "f()", False),
    ],
)
def test_only_deletes(original: str, replacement: str, expected: bool) -> None:
    assert only_deletes(original, replacement, "python") is expected


def test_a_strangers_comment_does_not_hide_a_line_from_analyzers() -> None:
    text = "a = 1  # noqa: E722\nb = 2  # type: ignore\nc = 3\n# shellcheck shell=sh\nd = 4  # é NOSEC\n"
    shown = exposed(text, ())
    assert not any(map(hides, shown.split("\n")))
    assert [len(line) for line in shown.split("\n")] == [len(line) for line in text.split("\n")]
    assert shown.split("\n")[2] == "c = 3"


def test_comments_that_the_base_has_count_as_often_as_it_has_them() -> None:
    line = "x = eval(y)  # noqa: S307"
    assert exposed(f"{line}\n    {line}\n", [line]) == f"{line}\n    x = eval(y)  # xxxx: S307\n"
    assert exposed(f"{line}\n", [line]) == f"{line}\n"


def test_code_that_only_looks_like_a_comment_stays() -> None:
    assert (
        exposed('#[allow(dead_code)]\n@SuppressWarnings("x")\n', ()) == '#[allow(dead_code)]\n@SuppressWarnings("x")\n'
    )


@pytest.mark.parametrize(
    ("replacement", "refused"),
    [
        pytest.param('rm -rf "${1:?}"', True, id="the folder itself"),
        pytest.param("rm -rf ${1:?} && run", True, id="the folder itself, unquoted"),
        pytest.param('rm -rf "${1:?}/"*', False, id="what lies in it"),
        pytest.param('rm -rf "${1:?}"/*', False, id="what lies in it, other quotes"),
    ],
)
@pytest.mark.parametrize(("tool", "rule"), [("shellcheck", "SC2115"), ("built-in", "sh-remove-below-unset-variable")])
def test_removing_the_folder_is_no_fix_of_removing_what_lies_in_it(
    tool: str, rule: str, replacement: str, refused: bool
) -> None:
    sources = (Source(SourceKind.TOOL, tool, rule),)
    assert (silences(sources, "shell", 'rm -rf "$1/"*', replacement) is not None) is refused
