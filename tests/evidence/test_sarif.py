from __future__ import annotations

import json
from typing import Any

import pytest

from reviewer.evidence import sarif
from reviewer.evidence.diagnostic import Diagnostic, Edit
from reviewer.finding import Category, Severity


def _result(**more: Any) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": "src/a.py"}, "region": {"startLine": 3}}
    return {"ruleId": "R1", "message": {"text": "m"}, "locations": [{"physicalLocation": place}]} | more


def _read(*results: dict[str, Any], rules: list[dict[str, Any]] | None = None, **run: Any) -> list[Diagnostic]:
    driver = {"name": "Tool", "rules": rules or []}
    log = {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": list(results)} | run]}
    return list(sarif.read(json.dumps(log).encode()))


def test_a_result_of_codeql() -> None:
    rule = {
        "id": "py/sql-injection",
        "shortDescription": {"text": "SQL query built from user-controlled sources"},
        "helpUri": "https://codeql.github.com/x",
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["security", "external/cwe/cwe-089"], "security-severity": "8.8"},
    }
    region = {"startLine": 7, "startColumn": 16, "endColumn": 40}
    place = {"artifactLocation": {"uri": "a%20b.py", "uriBaseId": "%SRCROOT%", "index": 0}, "region": region}
    result = {
        "ruleId": "py/sql-injection",
        "ruleIndex": 0,
        "message": {"text": "This query depends on a [user-provided value](1)."},
        "locations": [{"physicalLocation": place}],
    }
    (one,) = _read(result, rules=[rule])
    assert (one.path, one.line, one.column, one.end_column) == ("a%20b.py", 7, 16, 40)
    assert (one.severity, one.category) == (Severity.ERROR, Category.SECURITY)
    assert (one.source.name, one.source.rule, one.source.url) == (
        "Tool",
        "py/sql-injection",
        "https://codeql.github.com/x",
    )


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ({}, Severity.WARNING),
        ({"level": "error"}, Severity.ERROR),
        ({"level": "note"}, Severity.INFO),
        ({"level": "strange"}, Severity.WARNING),
    ],
)
def test_levels(more: dict[str, Any], severity: Severity) -> None:
    assert [one.severity for one in _read(_result(**more))] == [severity]


@pytest.mark.parametrize(
    "more",
    [
        {"level": "none"},
        {"kind": "pass"},
        {"kind": "notApplicable"},
        {"suppressions": [{"kind": "inSource"}]},
        {"suppressions": [{"kind": "external", "status": "accepted"}]},
        {"baselineState": "unchanged"},
        {"baselineState": "absent"},
        {"locations": []},
        {"locations": None},
        {"locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.py"}}}]},
        {"locations": [{"physicalLocation": {"region": {"startLine": 1}}}]},
    ],
)
def test_what_a_tool_sets_aside_or_does_not_place_is_left_out(more: dict[str, Any]) -> None:
    assert _read(_result(**more)) == []


def test_a_rejected_suppression_and_a_new_result_count() -> None:
    assert len(_read(_result(suppressions=[{"status": "rejected"}]), _result(baselineState="new"))) == 2


def test_messages_come_from_the_rule_with_arguments() -> None:
    rule = {"id": "R1", "messageStrings": {"default": {"text": "{0} is {1}, not {7}"}}}
    message = {"id": "default", "arguments": ["x", "y"]}
    assert [one.message for one in _read(_result(message=message), rules=[rule])] == ["x is y, not {7}"]


def test_rules_of_extensions_and_sub_rules_are_found() -> None:
    extension = {"name": "pack", "rules": [{"id": "E1", "helpUri": "https://e.invalid/E1"}]}
    driver = {"name": "Tool", "rules": [{"id": "CA1", "helpUri": "https://e.invalid/CA1"}]}
    by_index = {"ruleId": None, "rule": {"index": 0, "toolComponent": {"index": 0}}}
    found = _read(_result(**by_index), _result(ruleId="CA1/2"), tool={"driver": driver, "extensions": [extension]})
    assert [(one.source.rule, one.source.url) for one in found] == [
        ("E1", "https://e.invalid/E1"),
        ("CA1/2", "https://e.invalid/CA1"),
    ]


def test_an_address_that_is_not_of_the_web_is_dropped() -> None:
    rule = {"id": "R1", "helpUri": "javascript:alert(1)"}
    assert [one.source.url for one in _read(_result(), rules=[rule])] == [""]


def test_a_fix_becomes_edits() -> None:
    replacement = {
        "deletedRegion": {"startLine": 3, "startColumn": 5, "endColumn": 9},
        "insertedContent": {"text": "y"},
    }
    change = {"artifactLocation": {"uri": "src/a.py"}, "replacements": [replacement]}
    elsewhere = change | {"artifactLocation": {"uri": "b.py"}}
    (one, other) = _read(
        _result(fixes=[{"artifactChanges": [change]}]), _result(fixes=[{"artifactChanges": [change, elsewhere]}])
    )
    assert one.edits == (Edit((3, 5), (3, 9), "y"),)
    assert other.edits == ()


@pytest.mark.parametrize(
    "more",
    [
        {"ruleIndex": 10**9},
        {"ruleIndex": "x"},
        {"ruleId": 3},
        {"message": {}},
        {"properties": {"tags": [3, None]}},
        {"properties": {"tags": "security"}},
    ],
)
def test_odd_values_are_tolerated(more: dict[str, Any]) -> None:
    assert len(_read(_result(**more), rules=[{"id": "R1", "properties": {"security-severity": "high"}}])) == 1


def test_the_number_of_results_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "MAX_RESULTS", 3)
    assert len(_read(*[_result()] * 5)) == 3


def test_a_byte_order_mark_is_tolerated() -> None:
    assert list(sarif.read(b'\xef\xbb\xbf{"runs": []}')) == []
