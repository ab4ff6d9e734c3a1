from __future__ import annotations

import dataclasses
import json
from typing import Any

import jsonschema
import pytest

from reviewer.errors import ExitCode
from reviewer.finding import Category, Mark, Severity, SilencedBy, SuggestionKind, UnitStatus
from reviewer.report import RenderOptions, json_reader
from reviewer.report.json_report import SCHEMA_VERSION, render, schema
from tests.report.samples import FINDINGS, HOSTILE, MARKED, SAMPLES

SCHEMA = json.loads(schema())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def report(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render(*SAMPLES[name]))
    return document


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", SAMPLES)
def test_reports_follow_the_schema(name: str) -> None:
    VALIDATOR.validate(report(name))


def _closed(node: object) -> object:
    """The schema without room for properties that it does not list."""
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    return closed | ({"additionalProperties": False} if node.get("type") == "object" else {})


@pytest.mark.parametrize("name", SAMPLES)
def test_the_schema_lists_every_property(name: str) -> None:
    jsonschema.Draft202012Validator(_closed(SCHEMA)).validate(report(name))


@pytest.mark.parametrize("path", ["findings", "units", "schema_version", "verdict"])
def test_the_schema_can_fail(path: str) -> None:
    broken = report("findings")
    del broken[path]
    assert not VALIDATOR.is_valid(broken)


@pytest.mark.parametrize(
    ("values", "enum"),
    [
        (Severity, SCHEMA["$defs"]["severity"]["enum"]),
        (Mark, SCHEMA["$defs"]["marks"]["items"]["enum"]),
        (Category, SCHEMA["$defs"]["finding"]["properties"]["category"]["enum"]),
        (SilencedBy, SCHEMA["$defs"]["finding"]["properties"]["silenced"]["anyOf"][0]["properties"]["by"]["enum"]),
        (SuggestionKind, SCHEMA["$defs"]["suggestion"]["properties"]["kind"]["enum"]),
        (UnitStatus, SCHEMA["$defs"]["unit"]["properties"]["status"]["enum"]),
    ],
)
def test_the_schema_knows_every_value(values: Any, enum: list[str]) -> None:
    assert [one.value for one in values] == enum


def test_version() -> None:
    assert report("clean")["schema_version"] == SCHEMA_VERSION


def test_ids_are_those_of_the_other_formats_and_only_of_shown_findings() -> None:
    assert [(one["path"], one["line"], one["id"]) for one in report("findings")["findings"]] == [
        ("lib/parse.py", 6, "46cb5"),
        ("lib/parse.py", 10, "27c00"),
        ("stats.py", 12, "1f01c"),
    ]
    marked = report("marked")["findings"]
    assert [(one["shown"], one["id"], one["marks"]) for one in marked] == [
        (False, None, ["suppressed"]),
        (False, None, ["echo"]),
        (False, None, ["suppressed"]),
        (False, None, ["duplicate", "ungrounded"]),
        (True, "1f01c", []),
    ]
    assert report("marked")["counts"]["not_shown"] == 4


def test_findings_know_their_unit_and_keep_their_fingerprint() -> None:
    document = report("hostile")
    for one, finding in zip(document["findings"], HOSTILE.findings, strict=True):
        assert document["units"][one["unit"]]["path"] == one["path"]
        assert one["fingerprint"] == finding.fingerprint


def test_a_masked_suggestion_says_so() -> None:
    assert [one["suggestion"]["masked"] for one in report("hostile")["findings"]] == [True]
    assert report("findings")["findings"][2]["suggestion"]["masked"] is False


def test_data_is_not_dressed_up() -> None:
    """Programs get the characters themselves; as ASCII escapes they act on no terminal."""
    assert report("hostile")["findings"][0]["path"] == HOSTILE.units[0].path
    assert render(HOSTILE, RenderOptions()).isascii()


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        (RenderOptions(), ("passed", 0)),
        (RenderOptions(fail_on=Severity.ERROR), ("findings", 1)),
        (RenderOptions(fail_on=Severity.ERROR, advisory=True), ("findings", 0)),
        (RenderOptions(verdict=ExitCode.INCOMPLETE), ("incomplete", 5)),
        (RenderOptions(verdict=ExitCode.ENGINE), ("failed", 3)),
    ],
)
def test_verdict(options: RenderOptions, verdict: tuple[str, int]) -> None:
    found = json.loads(render(FINDINGS, options))["verdict"]
    assert (found["outcome"], found["exit_code"]) == verdict


def test_usage_counts_what_it_cost() -> None:
    usage = json.loads(render(MARKED, RenderOptions(seconds=2.5)))["usage"]
    cost = dataclasses.asdict(MARKED.usage)
    cost.pop("retried")  # for evaluations; not part of the published format
    assert (cost.pop("memory"), cost.pop("memory_limit")) == (0, 0)  # absent where unknown
    assert usage == {**cost, "seconds": 2.5}


def test_usage_has_the_memory_of_a_local_engine() -> None:
    cost = dataclasses.replace(MARKED.usage, memory=5_000_000_000, memory_limit=6_000_000_000)
    document = json.loads(render(dataclasses.replace(MARKED, usage=cost), RenderOptions()))
    VALIDATOR.validate(document)
    assert document["usage"]["memory_bytes"] == 5_000_000_000
    assert json_reader.read(document).usage == cost
