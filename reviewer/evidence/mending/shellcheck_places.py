"""Mechanical fixes for reports of shellcheck that come without one.

Each follows from the place that shellcheck names and from its own advice. Like every fix, they are proven before they
are shown. What may change the meaning of right code, such as quoting a list of options, is left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit

if TYPE_CHECKING:
    from collections.abc import Callable

    from reviewer.evidence.diagnostic import Diagnostic
    from reviewer.evidence.reviewed import ReviewedFile

NAME = "shellcheck"
_COMPARISONS = {">": "-gt", "<": "-lt", ">=": "-ge", "<=": "-le", "\\>": "-gt", "\\<": "-lt"}
_LISTED = re.compile(r"\$\(ls\s+(?!-)(?=\S*\*)([^\s$()\"']+)\)")
_ALL = re.compile(r"\$[*@]|\$\{[*@]\}")
_ARRAY = re.compile(r"\$\{(\w+)\[[@*]\]\}")
_STATUS = re.compile(r"-(\d{1,2})")
_SUBSTITUTION = re.compile(r'"(\$\(.*\))"')
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})(?=\"?/)")
_PLAIN = re.compile(r"[^'\"$`\\\s]+")


def edits(one: Diagnostic, file: ReviewedFile) -> tuple[Edit, ...]:
    """Return the fix of a report by shellcheck; empty where there is no mechanical one."""
    line = file.line_text(one.line)
    if one.source.name != NAME or one.end_line not in (0, one.line) or not 0 < one.column <= one.end_column:
        return ()
    start, end = one.column - 1, one.end_column - 1
    if one.source.rule == "SC2064":
        return _late(one.line, line, start)
    if one.source.rule == "SC2166":
        return _split_test(one.line, line, start, end)
    replace = _PLACES.get(one.source.rule)
    text = replace(line[start:end]) if replace is not None else None
    return () if text is None else (Edit((one.line, start + 1), (one.line, end + 1), text),)


def _quoted(text: str) -> str | None:
    return f"'{text}'" if _PLAIN.fullmatch(text) else None


def _every(text: str) -> str | None:
    array = _ARRAY.fullmatch(text)
    if array is not None:
        return f'"${{{array[1]}[@]}}"'
    return '"$@"' if _ALL.fullmatch(text) else None


def _joined(text: str) -> str | None:
    array = _ARRAY.fullmatch(text)
    return f"${{{array[1]}[*]}}" if array is not None else "$*" if _ALL.fullmatch(text) else None


def _status(text: str) -> str | None:
    found = _STATUS.fullmatch(text)
    return str(256 - int(found[1])) if found is not None and int(found[1]) else None


def _guarded(text: str) -> str | None:
    """Make the removal fail where the variable is empty."""
    made = _VARIABLE.sub(lambda found: f"${{{found[1] or found[2]}:?}}", text)
    return None if made == text else made


def _group(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    def replace(text: str) -> str | None:
        found = pattern.fullmatch(text)
        return None if found is None else found[1]

    return replace


_PLACES: dict[str, Callable[[str], str | None]] = {
    "SC2045": _group(_LISTED),
    "SC2048": _every,
    "SC2060": _quoted,
    "SC2061": _quoted,
    "SC2066": _group(_SUBSTITUTION),
    "SC2068": _every,
    "SC2070": lambda text: f'"{text}"' if text.startswith("$") and '"' not in text else None,
    "SC2071": _COMPARISONS.get,
    "SC2080": lambda text: f"10#{text}" if text.isdigit() else None,
    "SC2115": _guarded,
    "SC2124": _joined,
    "SC2145": _joined,
    "SC2152": _status,
    "SC2184": _quoted,
    "SC2242": _status,
}


def _late(number: int, line: str, place: int) -> tuple[Edit, ...]:
    """Put a trap's command into single quotes, so that it is expanded when the trap runs."""
    opened, closed = line.rfind('"', 0, place), line.find('"', place)
    if opened < 0 or closed < 0 or re.search(r"['\\`]", line[opened:closed]):
        return ()
    return tuple(Edit((number, at + 1), (number, at + 2), "'") for at in (opened, closed))


def _split_test(number: int, line: str, start: int, end: int) -> tuple[Edit, ...]:
    """Make two tests of one; with several operators, their precedence would change."""
    operators = re.findall(r"\s(-[ao])\s", line)
    text = {"-a": "] && [", "-o": "] || ["}.get(line[start:end])
    if text is None or len(operators) != 1 or "\\(" in line or "[[" in line or "[ " not in line:
        return ()
    return (Edit((number, start + 1), (number, end + 1), text),)
