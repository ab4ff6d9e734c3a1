"""The hidden last line of our comments, by which a later review knows them.

A marker is an HTML comment. It is only looked for at the end of a comment, and only in comments of our own account:
the text above it quotes code, which may contain anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_KEY = r"[0-9a-f]{16}(?:-[1-9]\d{0,4})?"
_MARKER = re.compile(
    rf"\n<!-- vllm-reviewer: (?:finding (?P<key>{_KEY})(?P<gone> gone)?"
    rf"|summary of (?P<head>[0-9a-f]{{7,64}})(?: with (?P<noted>{_KEY}(?:,{_KEY})*))?) -->\Z"
)
_MAX_NOTED = 1000


@dataclass(frozen=True, slots=True)
class Marker:
    """What a comment says about itself.

    Attributes:
        key: The finding of a comment on a line; empty for the summary.
        gone: Whether the finding is no longer reported.
        head: The revision of a summary; empty for a comment on a line.
        noted: The findings that the summary holds because no comment on a line could.
    """

    key: str = ""
    gone: bool = False
    head: str = ""
    noted: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """The line itself."""
        if self.key:
            return f"<!-- vllm-reviewer: finding {self.key}{' gone' if self.gone else ''} -->"
        noted = ",".join(sorted(self.noted)[:_MAX_NOTED])
        return f"<!-- vllm-reviewer: summary of {self.head}{f' with {noted}' if noted else ''} -->"


def read(body: str) -> Marker | None:
    """Read the marker at the end of a comment of our own; None if it has none."""
    match = _MARKER.search(body.replace("\r\n", "\n").rstrip())
    if match is None:
        return None
    noted = frozenset((match["noted"] or "").split(",")) - {""}
    return Marker(key=match["key"] or "", gone=bool(match["gone"]), head=match["head"] or "", noted=noted)


def without(body: str) -> str:
    """Return a comment without its marker."""
    return _MARKER.sub("", body.replace("\r\n", "\n").rstrip()).rstrip()
