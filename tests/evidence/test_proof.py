"""Proofs with the real analyzers."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING

import pytest

from reviewer.checking.suggestion import line_fix
from reviewer.evidence import Options, prove, recheck
from reviewer.evidence.proof import Proof
from reviewer.finding import Finding, Source, SourceKind, Suggestion
from reviewer.languages import detect

if TYPE_CHECKING:
    from collections.abc import Sequence


def _found(path: str, text: str, tool: str) -> Finding:
    """The first finding of a tool in a text."""
    again = recheck(path, text, (Source(SourceKind.TOOL, tool),))
    assert again
    return again[0]


def _prove(path: str, text: str, suggestion: Suggestion, tool: str = "ruff") -> Proof:
    finding = _found(path, text, tool)
    check = partial(recheck, path, sources=finding.sources)
    return prove(finding, suggestion, text, detect(path, text).name, check)


def _replace(text: str, start: int, end: int, replacement: str) -> Suggestion:
    return Suggestion(start, end, replacement, "\n".join(text.split("\n")[start - 1 : end]))


_MUTABLE = "def collect(into=[]):\n    into.append(1)\n    return into\n\n\ndef other():\n    return 2\n"
_LATE = "def buttons(names):\n    return [lambda: print(name) for name in names]\n"


@pytest.mark.parametrize(
    ("text", "start", "end", "replacement", "said"),
    [
        pytest.param(
            _MUTABLE,
            1,
            2,
            "def collect(into=None):\n    into = [] if into is None else into\n    into.append(1)",
            "ruff no longer reports B006; parses; only these lines change",
            id="a default",
        ),
        pytest.param(
            _MUTABLE,
            1,
            1,
            "def collect(into=(),):",
            "ruff no longer reports B006; parses; only these lines change",
            id="a comma at the end",
        ),
        pytest.param(
            _LATE,
            2,
            2,
            "    return [lambda name=name: print(name) for name in names]",
            "ruff no longer reports B023; parses; only these lines change",
            id="a late binding",
        ),
    ],
)
def test_a_fix_is_proven(text: str, start: int, end: int, replacement: str, said: str) -> None:
    assert _prove("a.py", text, _replace(text, start, end, replacement)) == Proof(proven=True, said=said)


@pytest.mark.parametrize(
    ("start", "end", "replacement", "said"),
    [
        pytest.param(1, 1, "def collect(into={}):", "ruff B006 is still reported", id="the same fault"),
        pytest.param(1, 1, "def collect(into=[]):  # x", "ruff B006 is still reported", id="a comment"),
        pytest.param(
            1, 1, "def collect(into=[]):  # noqa: B006", "it adds a comment that silences a checker", id="silenced"
        ),
        pytest.param(1, 1, "def collect(into=EMPTY):", "it causes ruff F821", id="a new fault"),
        pytest.param(1, 1, "def collect(into=None:", "the file does not parse with it", id="a syntax error"),
        pytest.param(1, 1, "def collect(into=[]):", "it changes nothing", id="no change"),
        pytest.param(
            1, 2, "def collect(into=None):\n    pass", "it hides the fault instead of mending it", id="emptied"
        ),
        pytest.param(
            1,
            1,
            "def collect(into=None, make=lambda: (1, 2)):",
            "it changes how a function is called",
            id="a parameter",
        ),
        pytest.param(1, 1, "def gather(into=None):", "it adds, removes or renames a function", id="another name"),
        pytest.param(
            1,
            7,
            "def collect(into=None):\n    return into\n\n\ndef other():\n    return 3",
            "it changes code outside of the function",
            id="another function",
        ),
    ],
)
def test_a_fix_is_refused(start: int, end: int, replacement: str, said: str) -> None:
    assert _prove("a.py", _MUTABLE, _replace(_MUTABLE, start, end, replacement)) == Proof(proven=False, said=said)


def test_lines_that_are_repeated_around_the_fix_are_no_change() -> None:
    replacement = "def collect(into=None):\n" + _MUTABLE.split("\n", 1)[1].rstrip("\n")
    assert _prove("a.py", _MUTABLE, _replace(_MUTABLE, 1, 7, replacement)).proven


def test_a_suggestion_for_another_text_does_not_apply() -> None:
    stale = Suggestion(1, 1, "def collect(into=None):", "def collect(x, into=[]):")
    assert _prove("a.py", _MUTABLE, stale) == Proof(proven=False, said="it does not apply to the reviewed text")


def test_an_analyzers_own_fix_is_proven_like_any_other() -> None:
    finding = _found("s.sh", "#!/bin/sh\ncd build\nmake\n", "shellcheck")
    assert finding.suggestion is not None
    proof = _prove("s.sh", "#!/bin/sh\ncd build\nmake\n", finding.suggestion, "shellcheck")
    assert proof == Proof(proven=True, said="shellcheck no longer reports SC2164; parses; only these lines change")


def test_deleting_the_statement_is_no_fix_unless_the_analyzer_says_so() -> None:
    text = "def f(a):\n    exec(a)\n    return a\n"
    finding = _found("a.py", text, "ruff")
    assert finding.source is not None
    assert finding.source.rule == "S102"
    deletion = Suggestion(2, 2, "", "    exec(a)")
    check = partial(recheck, "a.py", sources=finding.sources)
    assert prove(finding, deletion, text, "python", check) == Proof(proven=False, said="it only deletes code")
    own = dataclasses.replace(finding, suggestion=deletion)
    assert prove(own, deletion, text, "python", check).proven


def test_one_of_two_faults_mended_is_proven_and_the_other_stays() -> None:
    text = "def f(a=[]):\n    return a\n\n\ndef g(b=[]):\n    return b\n"
    fix = _replace(text, 1, 1, "def f(a=None):")
    assert _prove("a.py", text, fix).proven


def test_a_source_that_cannot_run_again_proves_nothing() -> None:
    finding = Finding("a.py", 1, *_kind(), "m", line_text="x = 1", sources=(Source(SourceKind.TOOL, "CodeQL", "py/x"),))
    proof = prove(finding, line_fix("x = 1\n", 1, "x = 2"), "x = 1\n", "python", lambda text: None)
    assert proof == Proof(proven=False, said="its sources cannot check it")


def test_a_language_without_a_grammar_proves_nothing() -> None:
    finding = Finding("a.sql", 1, *_kind(), "m", sources=(Source(SourceKind.TOOL, "x", "y"),))
    calls: list[str] = []

    def check(text: str) -> Sequence[Finding]:
        calls.append(text)
        return ()

    proof = prove(finding, line_fix("select 1\n", 1, "select 2"), "select 1\n", "sql", check)
    assert proof == Proof(proven=False, said="nothing here parses sql")
    assert calls == []


def test_a_fix_that_takes_other_lines_along_is_not_proven() -> None:
    text = "services:\n  web:\n    privileged: true\n    image: a\n"
    (finding,) = recheck("compose.yml", text, (Source(SourceKind.RULE, "built-in"),)) or ()
    check = partial(recheck, "compose.yml", sources=finding.sources)
    assert prove(finding, _replace(text, 3, 3, "    privileged: false"), text, "yaml", check).proven
    proof = prove(finding, _replace(text, 3, 3, "    x:\n    - privileged: true\n  db:"), text, "yaml", check)
    assert proof == Proof(proven=False, said="with it, other lines belong to another part of the file")


def test_a_fault_that_the_sources_do_not_find_is_not_proven() -> None:
    finding = Finding("a.py", 1, *_kind(), "m", sources=(Source(SourceKind.TOOL, "ruff", "B006"),))
    check = partial(recheck, "a.py", sources=finding.sources, options=Options())
    proof = prove(finding, line_fix("x = 1\n", 1, "x = 2"), "x = 1\n", "python", check)
    assert proof == Proof(proven=False, said="its sources do not find the fault in this text")


def _kind() -> tuple[object, object]:
    from reviewer.finding import Category, Severity

    return Severity.WARNING, Category.BUG


_COROUTINE = "async def load():\n    return 1\n\n\n{}def run():\n    if load():\n        return 2\n"


@pytest.mark.parametrize(("keyword", "proven"), [("async ", True), ("", False)])
def test_await_is_refused_outside_of_an_asynchronous_function(keyword: str, proven: bool) -> None:
    text = _COROUTINE.format(keyword)
    found = recheck("run.py", text, (Source(SourceKind.RULE, "built-in"),))
    assert found
    check = partial(recheck, "run.py", sources=found[0].sources)
    proof = prove(found[0], _replace(text, 6, 6, "    if await load():"), text, "python", check)
    assert proof.proven is proven
    assert proven or proof.said == "it awaits in a function that is not asynchronous"


_EQUAL = (
    "class Place {\n    final int row;\n\n    @Override\n    public boolean equals(Object other) {\n"
    "        return other instanceof Place that && row == that.row;\n    }\n}\n"
)


@pytest.mark.parametrize(("name", "proven"), [("hashCode", True), ("toString", False)])
def test_a_fix_may_add_the_function_that_the_rule_misses(name: str, proven: bool) -> None:
    source = Source(SourceKind.RULE, "built-in", "java-equals-without-hash-code")
    (finding,) = recheck("Place.java", _EQUAL, (source,)) or ()
    kept = _EQUAL.split("\n")[5]
    suggestion = _replace(
        _EQUAL, 6, 6, f"{kept}\n    }}\n\n    @Override\n    public int {name}() {{\n        return row;"
    )
    check = partial(recheck, "Place.java", sources=finding.sources)
    assert prove(finding, suggestion, _EQUAL, "java", check).proven == proven
