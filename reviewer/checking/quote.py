"""Does a finding quote the line that it names?

The line's label is decoded from the unit's own labels and so is always one that exists, whether or not the model had
that line in mind. What it copies beside the label tells: a quote that is no part of the line shows that the two do not
belong together.
"""

from __future__ import annotations

import re

# A shorter part says nothing: `)` stands in every second line.
_LEAST = 6
_SPACE = re.compile(r"\s+")
# What the prompt prints in front of a line, and what Markdown puts around one.
_LABEL = re.compile(r"^\s*(?:\d{1,5}\s+)?[+\- ]")


def agrees(quote: str, line: str) -> bool:
    """Whether ``quote`` is the line's text or a part of it, white space aside.

    Args:
        quote: As the model wrote it; of several lines the first one that is not blank counts.
        line: The line that the finding names.
    """
    wanted = _bare(line)
    return any(_is_part(_bare(form), wanted) for form in _readings(quote))


def _readings(quote: str) -> tuple[str, ...]:
    """What may be meant: the text itself, without Markdown's ticks, without the label and sign of the prompt."""
    first = next((line for line in quote.split("\n") if line.strip()), "").strip()
    ticked = first.strip("`")
    return (first, ticked, _LABEL.sub("", ticked, count=1))


def _is_part(part: str, whole: str) -> bool:
    """Whether ``part`` stands in ``whole`` and is long enough to mean it; nothing at all quotes a blank line only."""
    if len(part) < min(_LEAST, len(whole)):
        return False
    return part in whole if whole else not part


def _bare(text: str) -> str:
    return _SPACE.sub("", text)
