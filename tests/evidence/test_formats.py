"""Golden cases: what real tools write, and what is read of it."""

from __future__ import annotations

import json

import pytest

from reviewer.evidence.analyzers import KNOWN, Format, Spec, formats
from reviewer.evidence.analyzers.formats import UnreadableOutputError
from reviewer.evidence.diagnostic import Edit
from reviewer.finding import Category, Severity

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def _spec(kind: Format, **settings: object) -> Spec:
    return Spec("tool", ("tool", "{files}"), kind, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            'a.py:3:12: error: Incompatible return value type (got "int", expected "str")  [return-value]',
            ("a.py", 3, 12, ERROR, "return-value", 'Incompatible return value type (got "int", expected "str")'),
            id="mypy",
        ),
        pytest.param(
            "main.go:5:2: ineffectual assignment to err (ineffassign)",
            ("main.go", 5, 2, WARNING, "ineffassign", "ineffectual assignment to err"),
            id="golangci-lint 1",
        ),
        pytest.param(
            "./x.go:7:3: fmt.Printf format %d has arg s of wrong type string",
            ("./x.go", 7, 3, WARNING, "", "fmt.Printf format %d has arg s of wrong type string"),
            id="go vet",
        ),
        pytest.param(
            "src/main.rs:2:9: warning: unused variable: `x`",
            ("src/main.rs", 2, 9, WARNING, "", "unused variable: `x`"),
            id="clippy, short",
        ),
        pytest.param(
            "src/main.rs:2:9: error[E0382]: borrow of moved value: `x`",
            ("src/main.rs", 2, 9, ERROR, "E0382", "borrow of moved value: `x`"),
            id="rustc, short",
        ),
        pytest.param(
            "a.c:4:5: warning: unused variable 'x' [-Wunused-variable]",
            ("a.c", 4, 5, WARNING, "-Wunused-variable", "unused variable 'x'"),
            id="gcc",
        ),
        pytest.param(
            "a.c:1:10: fatal error: x.h: No such file or directory",
            ("a.c", 1, 10, ERROR, "", "x.h: No such file or directory"),
            id="gcc, fatal",
        ),
        pytest.param(
            "a.py:1:80: E501 line too long (85 > 79 characters)",
            ("a.py", 1, 80, WARNING, "E501", "line too long (85 > 79 characters)"),
            id="flake8",
        ),
        pytest.param(
            "s.sh:2:4: note: Double quote to prevent globbing. [SC2086]",
            ("s.sh", 2, 4, INFO, "SC2086", "Double quote to prevent globbing."),
            id="shellcheck, gcc",
        ),
        pytest.param(
            "Dockerfile:3 DL3008 warning: Pin versions in apt get install",
            ("Dockerfile", 3, 0, WARNING, "DL3008", "warning: Pin versions in apt get install"),
            id="hadolint",
        ),
        pytest.param(r"C:\w\a.cs:4:5: error: x", (r"C:\w\a.cs", 4, 5, ERROR, "", "x"), id="a drive letter"),
        pytest.param(
            "a b.rb:10: warning: mismatched indentations",
            ("a b.rb", 10, 0, WARNING, "", "mismatched indentations"),
            id="a blank in the name",
        ),
        pytest.param("Found 1 error in 1 file (checked 1 source file)", None, id="a summary"),
        pytest.param("    x = 1", None, id="code"),
        pytest.param("a.py:x: no", None, id="no line"),
        pytest.param("a.py:3:", None, id="no message"),
        pytest.param("a" * 5000 + ":1: x", None, id="too long"),
    ],
)
def test_lines(line: str, expected: tuple[object, ...] | None) -> None:
    found = formats.read(_spec(Format.LINES), f"{line}\r\n".encode())
    told = [(one.path, one.line, one.column, one.severity, one.source.rule, one.message) for one in found]
    assert told == ([] if expected is None else [expected])


def test_rdjson() -> None:
    document = {
        "source": {"name": "super lint", "url": "https://example.invalid"},
        "severity": "WARNING",
        "diagnostics": [
            {
                "message": "use x",
                "location": {
                    "path": "a.go",
                    "range": {"start": {"line": 14, "column": 15}, "end": {"line": 14, "column": 18}},
                },
                "severity": "ERROR",
                "code": {"value": "RULE1", "url": "https://example.invalid/RULE1"},
                "suggestions": [
                    {
                        "range": {"start": {"line": 14, "column": 15}, "end": {"line": 14, "column": 18}},
                        "text": "x",
                    }
                ],
            },
            {"message": "whole line", "location": {"path": "a.go", "range": {"start": {"line": 3}}}},
            {"message": "no place", "location": {"path": "a.go"}},
            {"message": "no file"},
        ],
    }
    first, second = formats.read(_spec(Format.RDJSON), json.dumps(document).encode())
    assert (first.path, first.line, first.column, first.end_column) == ("a.go", 14, 15, 18)
    assert (first.severity, first.source.rule, first.source.url) == (ERROR, "RULE1", "https://example.invalid/RULE1")
    assert first.edits == (Edit((14, 15), (14, 18), "x"),)
    assert (second.line, second.severity, second.edits) == (3, WARNING, ())


def test_rdjsonl() -> None:
    lines = [
        {"message": f"m{n}", "location": {"path": "a", "range": {"start": {"line": n}}}, "severity": "INFO"}
        for n in (1, 2)
    ]
    output = "\n\n".join(map(json.dumps, lines)).encode()
    assert [(one.line, one.severity) for one in formats.read(_spec(Format.RDJSONL), output)] == [(1, INFO), (2, INFO)]


def test_eslint() -> None:
    document = [
        {
            "filePath": "/w/a.js",
            "messages": [
                {"ruleId": "no-undef", "severity": 2, "message": "'x' is not defined.", "line": 1, "column": 5},
                {"ruleId": "react/no-danger", "severity": 1, "message": "m", "line": 2, "column": 1, "endLine": 2},
                {"ruleId": None, "fatal": True, "severity": 2, "message": "Parsing error", "line": 9, "column": 1},
            ],
        },
        {"filePath": "/w/b.js", "messages": []},
    ]
    found = formats.read(KNOWN["eslint"], json.dumps(document).encode())
    assert [(one.line, one.severity, one.source.rule, one.source.url) for one in found] == [
        (1, ERROR, "no-undef", "https://eslint.org/docs/latest/rules/no-undef"),
        (2, WARNING, "react/no-danger", ""),
        (9, ERROR, "", ""),
    ]


def test_shellcheck_counts_insertions_as_edits() -> None:
    fix = {"line": 2, "column": 6, "endLine": 2, "endColumn": 6, "replacement": " || exit"}
    comment = {"file": "s.sh", "line": 2, "endLine": 2, "column": 1, "endColumn": 6, "level": "warning", "code": 2164}
    noise = comment | {"code": 2034, "message": "unused"}
    document = {"comments": [comment | {"message": "cd may fail", "fix": {"replacements": [fix]}}, noise]}
    (one,) = formats.read(KNOWN["shellcheck"], json.dumps(document).encode())
    assert (one.source.rule, one.source.url) == ("SC2164", "https://www.shellcheck.net/wiki/SC2164")
    assert one.edits == (Edit((2, 6), (2, 6), " || exit"),)


def test_categories_follow_the_rules_prefix() -> None:
    place = {"row": 1, "column": 1}
    document = [
        {"filename": "a.py", "code": code, "message": "m", "location": place, "end_location": place, "fix": None}
        for code in ("S602", "S110", "ASYNC251", "T100", "B006", None)
    ]
    found = formats.read(KNOWN["ruff"], json.dumps(document).encode())
    assert [one.category for one in found] == [
        Category.SECURITY,
        Category.BUG,
        Category.CONCURRENCY,
        Category.UNFINISHED,
        Category.BUG,
        Category.BUG,
    ]
    assert [one.severity for one in found] == [WARNING] * 5 + [ERROR]


_KINDS = [kind for kind in Format if kind is not Format.LINES]


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("output", [b"not JSON", b'{"a": ', b"\x00\xff\xfe", b"3", b'"x"', b"[" * 100_000, b"[3]"])
def test_other_output_is_unreadable(kind: Format, output: bytes) -> None:
    with pytest.raises(UnreadableOutputError, match="its output is not"):
        formats.read(_spec(kind), output)


@pytest.mark.parametrize(
    "output",
    [
        b'[{"filename": 3, "location": {"row": "x", "column": -1}, "message": null, "fix": {"edits": [{}]}}]',
        b'[{"filename": "a", "location": {"row": 99999999999999999999, "column": true}, "code": ["x"]}]',
    ],
)
def test_values_of_another_type_count_as_missing(output: bytes) -> None:
    (one,) = formats.read(KNOWN["ruff"], output)
    assert one.line == 0  # which is no line, so the report is dropped with its place


def test_the_number_of_reports_is_bounded() -> None:
    output = b"a.py:1: x\n" * (formats.MAX_DIAGNOSTICS + 10)
    assert len(formats.read(_spec(Format.LINES), output)) == formats.MAX_DIAGNOSTICS
