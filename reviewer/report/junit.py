"""JUnit's XML report: one test suite per file, one test case per finding, and one per unit without findings.

A finding fails its test case, what was not read is skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from reviewer.report import encoding, summary, view

if TYPE_CHECKING:
    from reviewer.finding import Review
    from reviewer.report import RenderOptions
    from reviewer.report.view import FindingView, UnitView


def render(review: Review, options: RenderOptions) -> str:
    """Render the review as test results."""
    seconds = f"{summary.seconds(review, options):.3f}"
    root = ET.Element("testsuites", name="vllm-reviewer", time=seconds)
    suites: dict[str, ET.Element] = {}
    for unit in view.units(review):
        if unit.path not in suites:
            suites[unit.path] = ET.SubElement(root, "testsuite", name=encoding.xml_text(unit.path))
        _unit(suites[unit.path], unit)
    for one in review.skimmed:
        if one.unread:
            _unread(root, view.safe_path(one.path), view.safe(one.reason))
    for element in (root, *root.iter("testsuite")):
        for name, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
            element.set(name, str(sum(1 for _ in element.iter(tag))))
        element.set("errors", "0")
    return encoding.xml_document(root)


def _unit(suite: ET.Element, unit: UnitView) -> None:
    for finding in unit.findings:
        _finding(suite, finding)
    if not unit.findings:
        case = _case(suite, unit.path, unit.line, f"lines {unit.start}-{unit.end}")
        if not unit.is_read:
            _skipped(case, unit.reason)


def _unread(root: ET.Element, path: str, reason: str) -> None:
    """A file that should have been read and was not sent."""
    suite = ET.SubElement(root, "testsuite", name=encoding.xml_text(path))
    _skipped(_case(suite, path, 1, "whole file"), reason)


def _skipped(case: ET.Element, reason: str) -> None:
    ET.SubElement(case, "skipped", message=encoding.xml_text(f"Not reviewed: {reason}"))


def _finding(suite: ET.Element, finding: FindingView) -> None:
    case = _case(suite, finding.path, finding.line, f"{finding.rule} line {finding.line} [{finding.id}]")
    message = encoding.xml_text(f"{finding.severity.value}: {finding.message}")
    failure = ET.SubElement(case, "failure", message=message, type=finding.severity.value)
    failure.text = encoding.xml_text(f"{finding.path}:{finding.line}\n{finding.text}")


def _case(suite: ET.Element, path: str, line: int, name: str) -> ET.Element:
    attributes = {"classname": path, "name": name, "file": path, "line": str(line)}
    return ET.SubElement(suite, "testcase", {key: encoding.xml_text(value) for key, value in attributes.items()})
