"""Checkstyle's XML report, which most CI servers and many review tools read."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from reviewer.report import encoding, view

if TYPE_CHECKING:
    from reviewer.finding import Review
    from reviewer.report import RenderOptions


def render(review: Review, _options: RenderOptions) -> str:
    """Render an ``error`` element per shown finding, and one for everything that was not read."""
    root = ET.Element("checkstyle", version="4.3")
    files: dict[str, ET.Element] = {}

    def add(path: str, **attributes: str) -> None:
        if path not in files:
            files[path] = ET.SubElement(root, "file", name=encoding.xml_text(path))
        ET.SubElement(files[path], "error", {name: encoding.xml_text(value) for name, value in attributes.items()})

    for finding in view.findings(review):
        add(
            finding.path,
            line=str(finding.line),
            severity=finding.severity.value,
            message=finding.text,
            source=f"vllm-reviewer.{finding.rule}",
        )
    for one in view.unread(review):
        message = f"Not reviewed: {one.reason}"
        add(one.path, line=str(one.start), severity="info", message=message, source="vllm-reviewer.not-reviewed")
    return encoding.xml_document(root)
