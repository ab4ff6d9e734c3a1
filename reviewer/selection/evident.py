"""Whether a diff says by itself what it changes, so that an explanation would only repeat it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from reviewer.diff import LineKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.diff import SourceLine
    from reviewer.languages import Language
    from reviewer.selection.units import ReviewUnit

_PROSE = frozenset((".adoc", ".asciidoc", ".markdown", ".md", ".mdx", ".rst", ".txt"))
# Versions, dates and hashes; a bare number is a value whose change has consequences.
_VERSION = re.compile(
    r"\bv?\d+(?:\.\d+){2,}(?:[-+.]?[0-9A-Za-z]+)*\b|\b\d{4}-\d\d-\d\d\b|\b[0-9a-f]{12,64}\b|\bv\d+(?:\.\d+)*\b"
)
# A number with one point is a version only where something says so.
_SHORT_VERSION = re.compile(r"\b\d+\.\d+(?:[-+.]?[0-9A-Za-z]+)*\b")
_OF_VERSION = re.compile(
    r"version|release|python|ruby|node|java|swift|golang|\bgo\b|rust|image|\bFROM\b|\btag\b|@v?\d|[\^~]\d"
    r"|^[\"']?[\w.\[\]-]+[=<>~!]=",
    re.IGNORECASE,
)
# An import for its effects alone, as `import "x"`, may change behaviour.
_IMPORT = re.compile(
    r"import [\w.*{}, ]+(?: as \w+)?;?|import (?:static |type |typeof )?[\w.*{}$, ]+(?: from ['\"][^'\"]+['\"])?;?"
    r"|from [\w.]+ import [\w*, ()]+|(?:global )?using (?:static )?[\w.]+(?: = [\w.<>]+)?;|use [\w\\]*\\[\w\\{}, ]+;"
    r"|(?:pub(?:\([\w: ]+\))? )?use \w*::[\w:{}, *]+;|#\s*include [<\"][^>\"]+[>\"]|@testable import \w+"
)
_PLACE = re.compile(r"(?:namespace|package|module) [\w.\\:]+ ?[;{]?|<\?php|declare\(strict_types=1\);")
# Where indentation is part of the code, and where line ends are not.
_INDENTED = frozenset({"dockerfile", "generic", "markdown", "python", "yaml"})
_FREE = frozenset({"c", "cpp", "csharp", "css", "java", "php", "rust"})


def says_itself(unit: ReviewUnit) -> bool:
    """Return whether the changed lines are evident.

    All of them are prose, comments, imports or blank, or the two sides differ in nothing but version numbers or, where
    it means nothing, white space.
    """
    if PurePosixPath(unit.path).suffix.lower() in _PROSE:
        return True
    removed = [line.text.strip() for line in unit.lines if line.kind is LineKind.REMOVED]
    added = [line.text.strip() for line in unit.lines if line.kind is LineKind.ADDED]
    code = [text for text in (*removed, *added) if text and not is_comment(text, unit.language)]
    if all(_IMPORT.fullmatch(text) for text in code):
        return True
    if removed and [_without_comment(text, unit.language) for text in removed] == [
        _without_comment(text, unit.language) for text in added
    ]:
        return removed != added
    if removed and _same_but_for_space(unit):
        return True
    return removed != added and _without_versions(removed) == _without_versions(added)


def without_preamble(unit: ReviewUnit) -> Sequence[SourceLine]:
    """Return a unit's lines without the comments, imports and package that a new file begins with.

    A small model would explain the licence. A unit of nothing else keeps them.
    """
    if any(line.kind is not LineKind.ADDED for line in unit.lines) or unit.start != 1:
        return unit.lines
    for at, line in enumerate(unit.lines):
        text = line.text.strip()
        if text and not (is_comment(text, unit.language) or _IMPORT.fullmatch(text) or _PLACE.fullmatch(text)):
            return unit.lines[at:]
    return unit.lines


def is_comment(text: str, language: Language) -> bool:
    """Whether a line is nothing but a comment, as far as the line alone shows it."""
    if language.line_comment and text.startswith(language.line_comment):
        return not text.startswith("#!")
    if language.block_comment is None:
        return False
    begin, end = language.block_comment
    if text.startswith(begin):
        return end not in text or text.endswith(end)
    # The middle of a block in the common style, which begins each line with a star.
    return begin == "/*" and (text in {"*", end} or text.startswith("* "))


def _without_comment(text: str, language: Language) -> str:
    """A line without the comment at its end; as it is where a string may hold the comment's sign."""
    if re.search("[\"'`]", text):
        return text
    if language.block_comment == ("/*", "*/"):
        text = re.sub(r"\s*/\*[^*]*\*/$", "", text)
    sign = language.line_comment
    return text if not sign else re.sub(rf"\s+{re.escape(sign)}\s.*$", "", text)


def _same_but_for_space(unit: ReviewUnit) -> bool:
    old, new = (
        [line.text.strip() for line in unit.lines if line.kind is not other and line.text.strip()]
        for other in (LineKind.ADDED, LineKind.REMOVED)
    )
    if old == new:
        return unit.language.name not in _INDENTED
    # White space within a string is part of it.
    return unit.language.name in _FREE and not re.search("[\"'`]", "".join(old)) and _dense(old) == _dense(new)


def _dense(lines: list[str]) -> str:
    return "".join("".join(lines).split())


def _without_versions(lines: list[str]) -> list[str]:
    plain = (_VERSION.sub("#", line) for line in lines)
    return [_SHORT_VERSION.sub("#", line) if _OF_VERSION.search(line) else line for line in plain]
