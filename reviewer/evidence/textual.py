"""Evidence in the text of any language: deceptive Unicode, conflict markers, private keys."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Diagnostic
from reviewer.finding import Category, Severity, Source, SourceKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.evidence.reviewed import ReviewedFile

NAME = "built-in"

# Bidirectional controls (CVE-2021-42574, "Trojan Source"): embeddings, overrides, isolates.
_OPENING, _CLOSING = "\u202a\u202b\u202d\u202e\u2066\u2067\u2068", "\u202c\u2069"
_OVERRIDES = "\u202d\u202e"
_BIDIRECTIONAL = re.compile(f"[{_OPENING}{_CLOSING}]")
# Characters without a glyph: zero-width spaces, invisible operators, Hangul fillers, tags, supplementary variation
# selectors. Joiners count only beside ASCII, because scripts and emoji need them; tags after a black flag make up the
# flags of regions; a soft hyphen is legitimate in prose, so it does not count.
_INVISIBLE = re.compile(
    "[\u115f\u1160\u180e\u200b\u2060-\u2064\u3164\ufeff\uffa0]"
    "|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+"
    "|[\U000e0100-\U000e01ef]{2,}"
    "|(?<=[\x00-\x7f])[\u200c\u200d](?=[\x00-\x7f])"
)
_PROSE = ("markdown", "generic", "html")
_CONFLICT = re.compile(r"(<{7}|\|{7}|={7}|>{7})(?: .*)?\Z")
_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_BODY = re.compile(r"[A-Za-z0-9+/=]{40,}")
_KEY_LINES = 6  # a PGP key has headers before its body


def scan(file: ReviewedFile) -> Iterator[Diagnostic]:
    """Report what is found anywhere in a file."""
    if not file.text.isascii():
        yield from _unicode(file)
    if "\r" in file.text and "\n" in file.text:
        yield from _returns(file)
    if "<<<<<<<" in file.text or ">>>>>>>" in file.text:
        yield from _conflicts(file)
    if "PRIVATE KEY" in file.text:
        yield from _keys(file)


def _returns(file: ReviewedFile) -> Iterator[Diagnostic]:
    """Report code behind a carriage return: for Python, for instance, it is a line of its own, outside the comment."""
    if file.language.name in _PROSE:
        return
    for number, line in enumerate(file.lines, 1):
        if line.rstrip("\r").find("\r") >= 0:
            yield _diagnostic(
                file,
                number,
                "carriage-return",
                "Line contains U+000D CARRIAGE RETURN, so what follows may be compiled as a line of its own.",
                Severity.ERROR,
                Category.SECURITY,
            )


def _unicode(file: ReviewedFile) -> Iterator[Diagnostic]:
    prose = file.language.name in _PROSE
    for number, line in enumerate(file.lines, 1):
        if line.isascii():
            continue
        controls = _BIDIRECTIONAL.findall(line)
        if controls and (not prose or _deceptive(controls)):
            yield _diagnostic(
                file,
                number,
                "bidirectional-control",
                f"Line contains {_named(controls[0])}, so it is displayed in another order than it is compiled.",
                Severity.ERROR,
                Category.SECURITY,
            )
        # A byte order mark at the very start is none of these.
        hidden = _INVISIBLE.search(line, 1 if number == 1 and line.startswith("\ufeff") else 0)
        if hidden:
            yield _diagnostic(
                file,
                number,
                "invisible-character",
                f"Line contains {_named(hidden[0][0])}, which is invisible.",
                Severity.WARNING,
                Category.SECURITY,
            )


def _deceptive(controls: list[str]) -> bool:
    """Whether prose uses controls as no translation does: overrides, or ones that stay open."""
    opened = sum(control in _OPENING for control in controls)
    return any(control in _OVERRIDES for control in controls) or opened != len(controls) - opened


def _named(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'unnamed')}"


def _conflicts(file: ReviewedFile) -> Iterator[Diagnostic]:
    """Report each group of conflict markers once: a single marker may be a heading or an example."""
    marks = [(number, line[0]) for number, line in enumerate(file.lines, 1) if _CONFLICT.match(line)]
    group: list[tuple[int, str]] = []
    for number, mark in [*marks, (0, "<")]:
        if mark == "<":
            if {"=", ">"} <= {kind for _, kind in group}:
                yield _conflict(file, group)
            group = []
        if mark == "<" or group:
            group.append((number, mark))


def _conflict(file: ReviewedFile, group: list[tuple[int, str]]) -> Diagnostic:
    line = next((number for number, _ in group if number in file.changed), group[0][0])
    return _diagnostic(file, line, "conflict-marker", "Unresolved merge conflict.", Severity.ERROR, Category.BUG)


def _keys(file: ReviewedFile) -> Iterator[Diagnostic]:
    for number, line in enumerate(file.lines, 1):
        begin = _KEY.search(line)
        if begin is None:
            continue
        body = "\n".join((line[begin.end() :], *file.lines[number : number + _KEY_LINES]))
        if _KEY_BODY.search(body):
            yield _diagnostic(
                file,
                number,
                "private-key",
                "A private key is stored in the repository.",
                Severity.ERROR,
                Category.SECURITY,
            )


def _diagnostic(  # noqa: PLR0917
    file: ReviewedFile, line: int, rule: str, message: str, severity: Severity, category: Category
) -> Diagnostic:
    aliases = ("betterleaks:private-key",) if rule == "private-key" else ()
    return Diagnostic(
        file.path,
        line,
        message,
        Source(SourceKind.RULE, NAME, rule),
        severity,
        category,
        aliases=aliases,
        column=1,
        end_line=line,
        end_column=len(file.line_text(line)) + 1,
        secret=rule == "private-key" and bool(_KEY_BODY.search(file.line_text(line))),
    )
