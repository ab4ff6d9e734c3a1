"""Replacements that silence a rule rather than mend the fault. A list, because no analyzer can tell the difference."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from reviewer.languages import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewer.finding import Source

_COMMENTS = (
    r"\bnoqa\b|\btype:\s*ignore|\bpyright:\s*ignore|\bpylint:\s*disable|\bnosec\b|\bmypy:\s*ignore|\bruff:\s*(?:noqa|ignore|disable)"
    r"|\bpragma:\s*no\s*cover|\bshellcheck\s+disable|\b(?:es|ts|js|oxc|oxlint|biome|ox)lint-(?:disable|ignore)|\bbiome-ignore"
    r"|@ts-(?:ignore|expect-error|nocheck)|\bnolint\b|\bNOLINT\w*"
    r"|\brubocop:disable|\bphpcs:(?:ignore|disable)|@phpstan-ignore|@psalm-suppress"
    r"|\bswiftlint:disable|\bktlint-disable|\bhadolint\s+ignore|\bnosemgrep\b"
    r"|\b(?:git|better)leaks:allow|\bNOSONAR\b|\b(?:tfsec|trivy|kics):ignore|\bcheckov:skip|\breviewer:\s*ignore"
)
_ANNOTATIONS = (
    r"#!?\[(?:allow|expect)\(|@SuppressWarnings\b|@Suppress\(|#pragma\s+warning\s+disable"
    r"|#pragma\s+(?:GCC|clang)\s+diagnostic|@Generated\b"
)
_SILENCING = re.compile(f"(?i){_COMMENTS}|{_ANNOTATIONS}")
# What may hide a line from an analyzer; a directive of shellcheck may also change the shell or the source.
_HIDING = re.compile(rf"(?i){_COMMENTS}|\bflake8:\s*noqa|\bshellcheck\s+[a-z-]+(?==)")

# A promise whose failure nobody handles; one that is only printed is among them.
_UNHANDLED = (
    r"\bcatch\s*(?:\([^)]*\))?\s*\{\s*\}|\beval\(|\.catch\(\s*\(?\s*\w*\s*\)?\s*=>\s*(?:\{\s*\}|console\.(?:log|debug)\()"
    r"|\.catch\(\s*console\.(?:log|debug)\b"
)
# What hides a fault at run time, by language.
_CODE: dict[str, str] = {
    "python": r"\bstrict\s*=\s*False\b|\bcheck\s*=\s*False\b|\bverify\s*=\s*False\b|\bshell\s*=\s*True\b"
    r"|\busedforsecurity\s*=\s*False\b|\bsuppress\(\s*(?:Base)?Exception\b|^\s*pass\s*$|^\s*\.\.\.\s*$|\bNotImplementedError\b"
    r"|\bcast\(|\b(?:eval|exec)\(",
    "shell": r"\|\|\s*(?:true|:)(?:\s|$)|^\s*set\s+\+e|\b2>\s*/dev/null",
    "javascript": _UNHANDLED,
    "typescript": rf"\bas\s+(?:any|unknown)\b|:\s*any\b|{_UNHANDLED}",
    "go": r"^\s*_\s*=\s|,\s*_\s*:?=\s",
    "rust": r"\bunsafe\b|\b(?:todo|unimplemented)!|\blet\s+_\s*=",
    "java": r"\bcatch\s*\([^)]*\)\s*\{\s*\}",
    "kotlin": r"!!|\bcatch\s*\([^)]*\)\s*\{\s*\}",
    "csharp": r"\bcatch\s*(?:\([^)]*\))?\s*\{\s*\}|\bNotImplementedException\b",
    "ruby": r"\brescue\s+(?:nil|Exception)\b",
    "php": r"@\$?\w+\(|\bcatch\s*\([^)]*\)\s*\{\s*\}",
    "swift": r"\btry[!?]|\bas!",
    "c": r"\(void\)\s*\w",
    "cpp": r"\(void\)\s*\w|\bcatch\s*\(\s*\.\.\.\s*\)\s*\{\s*\}|\breinterpret_cast\b|\bconst_cast\b",
}
_SHARED = {"tsx": "typescript"}

_WHOLE_FOLDER = re.compile(r"\brm\s[^\n;|&]*\$\{\w+:\?[^}]*\}\"?(?=[\s;|&)]|$)", re.MULTILINE)

# Another function that the rule does not know, and that does something else.
_SIDESTEPS = {
    ("ruff", "S306"): re.compile(r"\bmkdtemp\b"),
    ("ruff", "S602"): re.compile(r"\bos\.(?:system|popen)\b|\bgetoutput\b"),
    ("ruff", "S605"): re.compile(r"\bshell\s*=\s*True\b"),
    ("ruff", "S307"): re.compile(r"\b(?:exec|compile)\("),
    ("ruff", "S506"): re.compile(r"\b(?:unsafe_load|UnsafeLoader|full_load|FullLoader)\b"),
    # The folder itself goes, not what lies in it.
    ("shellcheck", "SC2115"): _WHOLE_FOLDER,
    ("built-in", "sh-remove-below-unset-variable"): _WHOLE_FOLDER,
    ("ruff", "E722"): re.compile(r"\bexcept\s+BaseException\b"),
}


def silences(sources: tuple[Source, ...], language: str, original: str, replacement: str) -> str | None:
    """Return why a replacement silences a rule, as a clause; None where it does not."""
    if _more(_SILENCING, original, replacement):
        return "it adds a comment that silences a checker"
    pattern = _CODE.get(_SHARED.get(language, language))
    if pattern and _more(re.compile(pattern, re.MULTILINE), original, replacement):
        return "it hides the fault instead of mending it"
    for source in sources:
        sidestep = _SIDESTEPS.get((source.name, source.rule))
        if sidestep is not None and _more(sidestep, original, replacement):
            return "it does something else that the rule does not know"
    return None


def hides(line: str) -> bool:
    """Return whether a line has a comment that silences a checker."""
    return _HIDING.search(line) is not None


def exposed(text: str, allowed: Iterable[str]) -> str:
    """Disable the comments that silence a checker, except on lines that are allowed to have them.

    Args:
        text: A file's text.
        allowed: Such lines of an earlier version, each as often as it occurs there.

    Returns:
        The text with each such comment overwritten, so that lines and columns stay.
    """
    if not hides(text):
        return text
    left = Counter(line.strip() for line in allowed)
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if not hides(line):
            continue
        if left[line.strip()] > 0:
            left[line.strip()] -= 1
        else:
            lines[number] = _HIDING.sub(lambda match: "x" * len(match[0]), line)
    return "\n".join(lines)


def _more(pattern: re.Pattern[str], before: str, after: str) -> bool:
    """Whether there is a match after that was not there before; an existing one may stay."""
    old = Counter(match[0].strip() for match in pattern.finditer(before))
    new = Counter(match[0].strip() for match in pattern.finditer(after))
    return bool(new - old)


def only_deletes(original: str, replacement: str, language: str) -> bool:
    """Return whether a replacement has fewer lines of code and no new one; commented-out code counts as deleted."""
    old, new = _code_lines(original, language), _code_lines(replacement, language)
    return len(new) < len(old) and not Counter(new) - Counter(old)


def _code_lines(code: str, language: str) -> list[str]:
    comment = LANGUAGES[language].line_comment if language in LANGUAGES else None
    lines = ("".join(line.split()) for line in code.split("\n"))
    return [line for line in lines if line and not (comment and line.startswith(comment))]
