"""Reads SARIF 2.1.0, written by any tool (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html).

Results that the tool itself sets aside are left out: suppressed ones, those of another ``kind`` than ``fail``, and
those that its baseline already had.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from reviewer.errors import UsageError
from reviewer.evidence.diagnostic import Diagnostic, Edit, one_line
from reviewer.evidence.shapes import WrongShapeError, items, number, record, text
from reviewer.finding import Category, Severity, Source, SourceKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 64 * 1024 * 1024
MAX_RESULTS = 50_000
"""Further results of one file are not read."""

_LEVELS = {"error": Severity.ERROR, "warning": Severity.WARNING, "note": Severity.INFO}
_SEVERE = 7.0  # GitHub's "security-severity" of high and critical
_TAGS = {
    "security": Category.SECURITY,
    "performance": Category.PERFORMANCE,
    "concurrency": Category.CONCURRENCY,
    "resource": Category.RESOURCE,
    "compatibility": Category.COMPATIBILITY,
}
_PLACEHOLDER = re.compile(r"\{(\d{1,3})\}")


def load(path: Path) -> tuple[Diagnostic, ...]:
    """Read a SARIF file.

    Raises:
        UsageError: It cannot be read, is too large, or is not SARIF.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path} is larger than {MAX_BYTES // 2**20} MiB")
        return tuple(read(path.read_bytes()))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not a SARIF file") from error


def read(data: bytes, name: str = "") -> Iterator[Diagnostic]:
    """Read a log.

    Args:
        data: UTF-8, with or without a byte order mark.
        name: Name of the source; by default the tool's own.

    Raises:
        WrongShapeError: It is not SARIF.
        ValueError: It is not JSON.
    """
    log = record(json.loads(data.decode("utf-8-sig", "replace")))
    if "runs" not in log:
        raise WrongShapeError
    left = MAX_RESULTS
    for run in items(log["runs"]):
        rules = _Rules(record(run))
        for result in items(record(run).get("results")):
            if not left:
                return
            left -= 1
            yield from _result(record(result), rules, name)


def documented(diagnostic: Diagnostic, url: str) -> Diagnostic:
    """Return a copy whose source has an address."""
    return dataclasses.replace(diagnostic, source=dataclasses.replace(diagnostic.source, url=url))


class _Rules:
    """The rules that one run describes: the driver's, then the extensions'."""

    def __init__(self, run: dict[str, Any]) -> None:
        tool = record(run.get("tool"))
        driver = record(tool.get("driver"))
        self.tool = text(driver.get("name")) or "SARIF"
        self._driver = [record(rule) for rule in items(driver.get("rules"))]
        self._extensions = [
            [record(rule) for rule in items(record(extension).get("rules"))]
            for extension in items(tool.get("extensions"))
        ]
        everything = [*self._driver, *(rule for rules in self._extensions for rule in rules)]
        self._by_id = {text(rule.get("id")): rule for rule in reversed(everything)}

    def of(self, result: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the rule's id and description of a result; both may be empty."""
        reference = record(result.get("rule"))
        name = text(result.get("ruleId")) or text(reference.get("id"))
        rule = self._indexed(result, reference) or self._by_id.get(name, {})
        # "CA1000/1" is a sub-rule of CA1000.
        rule = rule or self._by_id.get(name.rpartition("/")[0], {})
        return name or text(rule.get("id")), rule

    def _indexed(self, result: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any]:
        component = record(reference.get("toolComponent")).get("index")
        rules = self._driver
        if isinstance(component, int) and 0 <= component < len(self._extensions):
            rules = self._extensions[component]
        index = result.get("ruleIndex", reference.get("index", -1))
        return rules[index] if isinstance(index, int) and 0 <= index < len(rules) else {}


def _result(result: dict[str, Any], rules: _Rules, name: str) -> Iterator[Diagnostic]:
    if _set_aside(result):
        return
    rule_id, rule = rules.of(result)
    severity = _severity(result, rule)
    place = record(record(next(iter(items(result.get("locations"))), None)).get("physicalLocation"))
    region = record(place.get("region"))
    path, line = text(record(place.get("artifactLocation")).get("uri")), number(region.get("startLine"))
    if severity is None or not path or not line:
        return
    snippet = text(record(region.get("snippet")).get("text"))
    # A snippet is the region's text: the whole line only where the region has no columns.
    whole = "startColumn" not in region and "endColumn" not in region and snippet
    yield Diagnostic(
        path,
        line,
        one_line(_message(result, rule)),
        Source(SourceKind.TOOL, name or rules.tool, rule_id, _web(text(rule.get("helpUri")))),
        severity,
        _category(result, rule),
        column=number(region.get("startColumn")),
        end_line=number(region.get("endLine")),
        end_column=number(region.get("endColumn")),
        edits=_fix(result, path),
        expected=snippet.partition("\n")[0].rstrip("\r") if whole else None,
    )


def _set_aside(result: dict[str, Any]) -> bool:
    suppressed = any(text(record(one).get("status")) in ("", "accepted") for one in items(result.get("suppressions")))
    known = text(result.get("baselineState")) in ("unchanged", "absent")
    return suppressed or known or text(result.get("kind")) not in ("", "fail")


def _severity(result: dict[str, Any], rule: dict[str, Any]) -> Severity | None:
    default = text(record(rule.get("defaultConfiguration")).get("level"))
    level = text(result.get("level")) or default or "warning"
    if level == "none":
        return None
    score = record(rule.get("properties")).get("security-severity")
    try:
        severe = isinstance(score, str | int | float) and float(score) >= _SEVERE
    except ValueError:
        severe = False
    return Severity.ERROR if severe else _LEVELS.get(level, Severity.WARNING)


def _category(result: dict[str, Any], rule: dict[str, Any]) -> Category:
    for properties in (record(result.get("properties")), record(rule.get("properties"))):
        tags = properties.get("tags")
        for tag in tags if isinstance(tags, list) else []:
            if text(tag).lower() in _TAGS:
                return _TAGS[tag.lower()]
    return Category.BUG


def _message(result: dict[str, Any], rule: dict[str, Any]) -> str:
    message = record(result.get("message"))
    wording = text(message.get("text"))
    if not wording:
        strings = record(rule.get("messageStrings"))
        wording = text(record(strings.get(text(message.get("id")))).get("text"))
    arguments = [text(argument) for argument in items(message.get("arguments"))]

    def argument(match: re.Match[str]) -> str:
        return arguments[int(match[1])] if int(match[1]) < len(arguments) else match[0]

    return _PLACEHOLDER.sub(argument, wording) or text(record(rule.get("shortDescription")).get("text"))


def _fix(result: dict[str, Any], path: str) -> tuple[Edit, ...]:
    """The first fix, where it changes only the result's file and gives lines and columns."""
    fix = record(next(iter(items(result.get("fixes"))), None))
    changes = [record(change) for change in items(fix.get("artifactChanges"))]
    if len(changes) != 1 or text(record(changes[0].get("artifactLocation")).get("uri")) != path:
        return ()
    edits = []
    for value in items(changes[0].get("replacements")):
        region = record(record(value).get("deletedRegion"))
        line, column = number(region.get("startLine")), number(region.get("startColumn")) or 1
        end = (number(region.get("endLine")) or line, number(region.get("endColumn")))
        if not line or not end[1]:
            return ()
        inserted = record(record(value).get("insertedContent")).get("text")
        edits.append(Edit((line, column), end, text(inserted, limit=None)))
    return tuple(edits)


def _web(url: str) -> str:
    return url if url.startswith(("https://", "http://")) else ""
