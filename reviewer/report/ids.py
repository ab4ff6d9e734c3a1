"""Ids of findings: the first digits of the fingerprint, so that a finding has the same id in the next review.

An id has five digits, or more where another finding of the review begins with the same ones. Findings with the same
fingerprint, such as the same rule on two lines ``except:``, get further digits after a dash. As with git's commits,
commands accept every unambiguous prefix of at least four digits.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reviewer.finding import Finding

_DIGITS = 5
_TWIN_DIGITS = 2
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_PREFIX = re.compile(r"[0-9a-f]{4,16}(?:-[0-9a-f]{0,8})?")


def assign(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return one id for each finding; no two are equal."""
    names = full_names(findings)
    heads = [name.partition("-")[0] for name in names]
    crowded = Counter(heads)
    short = dict(zip(crowded, shortened(list(crowded)), strict=True))
    twins = {head: [name for name in names if name.startswith(head)] for head in crowded if crowded[head] > 1}
    for head, together in twins.items():
        tails = [name.partition("-")[2] for name in together]
        short |= {
            name: f"{short[head]}-{tail}" for name, tail in zip(together, shortened(tails, _TWIN_DIGITS), strict=True)
        }
    return tuple(short.get(name) or short[head] for name, head in zip(names, heads, strict=True))


def full_names(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return what ids are prefixes of: the fingerprint, a dash, and digits that tell findings with the same one apart.

    Those digits are a hash of the exact line and its scope. Equal lines in one scope are counted.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    names = []
    for finding in findings:
        key = (finding.fingerprint, finding.scope, finding.line_text.strip())
        seen[key] += 1
        text = "\0".join((*key, str(seen[key]))).encode("utf-8", "surrogateescape")
        names.append(f"{finding.fingerprint}-{hashlib.sha256(text).hexdigest()[:8]}")
    return tuple(names)


def matches(asked: str, name: str) -> bool:
    """Whether ``asked``, as a user writes it, is a prefix of a full name or of a fingerprint."""
    asked = asked.strip("[]").lower()
    head, _, tail = asked.partition("-")
    fingerprint, _, rest = name.partition("-")
    return bool(_PREFIX.fullmatch(asked)) and fingerprint.startswith(head) and rest.startswith(tail)


def fingerprint(text: str) -> str:
    """Check a stored fingerprint.

    Raises:
        ValueError: It is not one.
    """
    if not _FINGERPRINT.fullmatch(text):
        raise ValueError(f"not a fingerprint: {text!r:.60}")
    return text


def shortened(texts: Sequence[str], least: int = _DIGITS) -> list[str]:
    """Return the shortest prefix of each that no other one has, of at least ``least`` digits."""
    if not texts:
        return []
    ordered = sorted(texts)
    common = [0, *itertools.starmap(_common, itertools.pairwise(ordered)), 0]
    needed = {text: 1 + max(pair) for text, pair in zip(ordered, itertools.pairwise(common), strict=True)}
    return [text[: max(least, needed[text])] for text in texts]


def _common(one: str, other: str) -> int:
    """How many first characters two texts share."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
