"""The formats that other programs read: each is parsed as its readers parse it."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from reviewer.finding import Review, Skipped
from reviewer.report import FORMATS, RenderOptions
from tests.report.samples import SAMPLES

XML = ("checkstyle", "junit")
PROBLEM = re.compile(r"(?P<path>.+?):(?P<line>\d+):(?P<column>\d+): (?P<severity>error|warning|info): (?P<message>.+)")


def rendered(form: str, name: str) -> str:
    review, options = SAMPLES[name]
    return FORMATS[form](review, options)


def run(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(rendered("sarif", name))["runs"][0]
    return document


@pytest.mark.parametrize("name", SAMPLES)
def test_every_finding_is_in_every_format(name: str) -> None:
    review, _ = SAMPLES[name]
    shown, unread = len(review.shown), len(review.not_read) + sum(one.unread for one in review.skimmed)
    results = run(name)["results"]
    assert len([one for one in results if "suppressions" not in one]) == shown
    assert len(json.loads(rendered("rdjson", name))["diagnostics"]) == shown + unread
    assert len([line for line in rendered("rdjsonl", name).splitlines() if line]) == shown + unread
    assert len(json.loads(rendered("gitlab", name))) == shown + unread
    assert len(ET.fromstring(rendered("checkstyle", name)).findall("file/error")) == shown + unread
    junit = ET.fromstring(rendered("junit", name))
    assert len(junit.findall("testsuite/testcase/failure")) == shown == int(junit.get("failures", ""))
    assert len(junit.findall("testsuite/testcase/skipped")) == unread == int(junit.get("skipped", ""))
    assert len([line for line in rendered("lines", name).splitlines() if line]) == shown + unread
    assert len(re.findall(r"^\[[0-9a-f-]+\] ", rendered("agent", name), re.MULTILINE)) == shown


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "text"])
def test_source_and_proof_are_in_every_format(form: str) -> None:
    text = rendered(form, "proven")
    assert "B006" in text
    assert "roven" in text or '"proof": "ruff' in text


@pytest.mark.parametrize("name", SAMPLES)
def test_sarif_results_refer_to_their_rules(name: str) -> None:
    document = run(name)
    rules = document["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in document["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]
        assert re.fullmatch(r"[\w./%~-]+", place["artifactLocation"]["uri"], re.ASCII)
        assert re.fullmatch(r"[0-9a-f]{16}:1", result["partialFingerprints"]["primaryLocationLineHash"])


def test_sarif_shows_what_the_user_suppressed() -> None:
    found = [result["suppressions"][0] for result in run("marked")["results"] if "suppressions" in result]
    assert [(one["kind"], one["justification"]) for one in found] == [
        ("external", "baseline"),
        ("inSource", "token=ghp_…"),
    ]


def test_a_sarif_fix_makes_the_proven_text() -> None:
    (result,) = (one for one in run("proven")["results"] if one["ruleId"] == "ruff/B006")
    change = result["fixes"][0]["artifactChanges"][0]
    region = change["replacements"][0]["deletedRegion"]
    lines = ["", *["a\n"] * 20, "    item,\n", "    into=[],\n", "):\n"]
    line = lines[region["startLine"]]
    assert unquote(change["artifactLocation"]["uri"]) == "stats.py"
    assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == "    into=[],"
    assert change["replacements"][0]["insertedContent"]["text"] == "    into=None,"
    assert result["properties"]["proven"] is True


@pytest.mark.parametrize("form", ["sarif", "rdjson", "rdjsonl"])
def test_a_fix_with_a_masked_secret_is_not_offered_to_programs(form: str) -> None:
    assert SAMPLES["hostile"][0].shown[0].suggestion is not None
    assert '"insertedContent"' not in rendered(form, "hostile")
    assert '"suggestions"' not in rendered(form, "hostile")


@pytest.mark.parametrize("name", SAMPLES)
def test_gitlab_fingerprints_are_unique(name: str) -> None:
    issues = json.loads(rendered("gitlab", name))
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    assert {issue["severity"] for issue in issues} <= {"info", "minor", "major", "critical", "blocker"}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_line_matches_the_problem_matcher(name: str) -> None:
    for line in rendered("lines", name).splitlines():
        assert not line or PROBLEM.fullmatch(line), line


@pytest.mark.parametrize("form", ["lines", "agent", "text"])
@pytest.mark.parametrize("name", SAMPLES)
def test_no_line_is_a_workflow_command(form: str, name: str) -> None:
    for line in rendered(form, name).splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
        assert "##vso[" not in line


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_could_not_be_read_is_in_every_format(form: str) -> None:
    huge = Skipped("huge.sql", "longer than 20,000 lines", 90_000, unread=True)
    for review in (SAMPLES["unread"][0], Review("staged changes", (), (huge,))):
        text = FORMATS[form](review, RenderOptions())
        assert "huge.sql" in text
        assert "longer than 20,000 lines" in text
