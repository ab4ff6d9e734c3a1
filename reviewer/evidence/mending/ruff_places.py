"""Mechanical fixes for reports of ruff that come without one.

Each follows from the place that ruff names and from its own advice. Like every fix, they are proven before they are
shown. What needs the syntax tree or an import is in ``python``; what needs knowledge of the program is left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit

if TYPE_CHECKING:
    from collections.abc import Callable

    from reviewer.evidence.diagnostic import Diagnostic
    from reviewer.evidence.reviewed import ReviewedFile

NAME = "ruff"

_LAMBDA = re.compile(r"\blambda\b([^:]*):")
_DEF = re.compile(r"\s*(?:async\s+)?def\s+\w+\((?P<parameters>[^()]*)\)")
_STRIP = re.compile(r"\.([lr])strip\($")
_TRACE = re.compile(r"(?:import i?pdb|breakpoint\(\)|i?pdb\.set_trace\(\))(?:\s*;\s*(?:i?pdb\.set_trace\(\)))?;?")


def edits(one: Diagnostic, file: ReviewedFile) -> tuple[Edit, ...]:
    """Return the fix of a report by ruff; empty where there is no mechanical one."""
    line = file.line_text(one.line)
    if one.source.name != NAME or one.end_line not in (0, one.line) or not 0 < one.column <= one.end_column:
        return ()
    start, end = one.column - 1, one.end_column - 1
    found, text = line[start:end], None
    rule = one.source.rule
    if rule in _LOOKING_AROUND:
        return _LOOKING_AROUND[rule](file, one.line, start, end)
    if rule in _SUBSTITUTED:
        pattern, template = _SUBSTITUTED[rule]
        match = pattern.fullmatch(found)
        text = None if match is None else match.expand(template)
    elif rule in _IN_FILE:
        text = _IN_FILE[rule](found, file.text)
    return () if text is None else (Edit((one.line, start + 1), (one.line, end + 1), text),)


# What replaces the named text, whatever stands around it.
_SUBSTITUTED = {
    "B002": (re.compile(r"([+-])\1(\w+)"), r"\2 \1= 1"),
    "B032": (re.compile(r"([\w.]+(?:\[[^\]]*\])?): (.+)"), r"\1 = \2"),
    "B034": (re.compile(r"(re\.\w+\(.*), (re\.[A-Z]+(?:\s*\|\s*re\.[A-Z]+)*)\)"), r"\1, flags=\2)"),
    "DTZ002": (re.compile(r"(.*)\.today\(\)"), r"\1.now().astimezone()"),
    "DTZ005": (re.compile(r"(.*\.now\(\))"), r"\1.astimezone()"),
    "DTZ006": (re.compile(r"(.*\.fromtimestamp\(.*\))"), r"\1.astimezone()"),
    "F631": (re.compile(r"assert\s*\((.+), ([\"'][^\"']*[\"'])\)"), r"assert \1, \2"),
    "PLW1508": (re.compile(r"(\d+)"), r'"\1"'),
    "PLW1509": (re.compile(r"preexec_fn=os\.setsid"), "start_new_session=True"),
    "S323": (re.compile(r"ssl\._create_unverified_context\(\)"), "ssl.create_default_context()"),
    "S501": (re.compile(r"verify=False"), "verify=True"),
}


def _safe_loader(found: str, _text: str) -> str | None:
    if found == "yaml.load":
        return "yaml.safe_load"
    return "yaml.SafeLoader" if re.fullmatch(r"yaml\.(?:Unsafe|Full|C)?Loader", found) else None


_IN_FILE: dict[str, Callable[[str, str], str | None]] = {
    "S506": _safe_loader,
}


def _bound(file: ReviewedFile, number: int, start: int, end: int) -> tuple[Edit, ...]:
    """Bind a loop's variable when the function is made: its parameter gets the value as its default."""
    line = file.line_text(number)
    name = line[start:end]
    inner = [one for one in _LAMBDA.finditer(line) if one.end() <= start]
    if inner:
        return _with_parameter(number, inner[-1].start(1), inner[-1][1], name, spaced=True)
    depth = len(line) - len(line.lstrip())
    for above in range(number - 1, max(number - 20, 0), -1):
        found = _DEF.match(file.line_text(above))
        if found and len(found[0]) - len(found[0].lstrip()) < depth:
            return _with_parameter(above, found.start("parameters"), found["parameters"], name, spaced=False)
    return ()


def _with_parameter(number: int, start: int, parameters: str, name: str, *, spaced: bool) -> tuple[Edit, ...]:
    if "*" in parameters or "/" in parameters:
        return ()
    at = start + len(parameters.rstrip())
    text = f", {name}={name}" if parameters.strip() else f"{' ' if spaced else ''}{name}={name}"
    return (Edit((number, at + 1), (number, at + 1), text),)


def _argument(argument: str) -> Callable[[ReviewedFile, int, int, int], tuple[Edit, ...]]:
    """Add an argument to the call of the named function, where the call ends on its line."""

    def add(file: ReviewedFile, number: int, start: int, end: int) -> tuple[Edit, ...]:  # noqa: ARG001 - one signature for all
        line = file.line_text(number)
        close = _closing(line, end)
        if close is None:
            return ()
        given = line[end + 1 : close].strip()
        text = argument if not given else f" {argument}" if given.endswith(",") else f", {argument}"
        return (Edit((number, close + 1), (number, close + 1), text),)

    return add


def _closing(line: str, opened: int) -> int | None:
    """Find the parenthesis that closes the one at an index; None where there is none, or quotes contain some."""
    depth = 0
    for index, character in enumerate(line[opened:], opened):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return (
                index if index > opened and not re.search(r"[\"'][^\"']*[()][^\"']*[\"']", line[opened:index]) else None
            )
    return None


def _whole_text(file: ReviewedFile, number: int, start: int, end: int) -> tuple[Edit, ...]:
    """Remove a text at an end instead of its characters; ruff names the argument or the call."""
    line = file.line_text(number)
    named = re.match(r"([lr])strip\(", line[start:end])
    side = named or _STRIP.search(line[:start])
    if side is None:
        return ()
    at = start if named else start - len("lstrip(")
    method = "removeprefix" if side[1] == "l" else "removesuffix"
    return (Edit((number, at + 1), (number, at + 1 + len("lstrip")), method),)


def _without_line(file: ReviewedFile, number: int, start: int, end: int) -> tuple[Edit, ...]:  # noqa: ARG001 - one signature for all
    last = number == len(file.lines)
    if last or not _TRACE.fullmatch(file.line_text(number).strip()):
        return ()
    return (Edit((number, 1), (number + 1, 1), ""),)


_LOOKING_AROUND: dict[str, Callable[[ReviewedFile, int, int, int], tuple[Edit, ...]]] = {
    "B005": _whole_text,
    "B023": _bound,
    "PLE1310": _whole_text,
    "S202": _argument('filter="data"'),
    "T100": _without_line,
}
