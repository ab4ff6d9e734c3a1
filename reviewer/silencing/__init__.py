"""Marks the findings that ignore comments, the baseline or a dismissal silence.

Nothing is dropped: a silenced finding records who silenced it and why, and does not affect the verdict. Comments are
read from the reviewed text only, so an unstaged comment does not silence a staged line.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reviewer.diff import LineKind
from reviewer.errors import UsageError
from reviewer.finding import Silence, SilencedBy
from reviewer.languages import LANGUAGES
from reviewer.silencing import baseline, ignores
from reviewer.silencing.dismissal import Dismissals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from reviewer.config.repository import RepositoryFiles
    from reviewer.finding import Finding, UnitReview
    from reviewer.silencing.ignores import Ignore


_NOT_TRUSTED = "the change adds this ignore comment, so it suppresses nothing (trust_comments allows it)"


def known(files: RepositoryFiles) -> tuple[dict[str, Silence], tuple[str, ...]]:
    """Collect the findings that the repository's baseline and dismissals silence.

    Returns:
        The silences by fingerprint, and a remark where the dismissals cannot be read.

    Raises:
        ConfigError: The baseline is damaged.
    """
    found = {} if files.baseline is None else dict(baseline.silences(baseline.load(files.baseline)))
    if files.dismissals is None:
        return found, ()
    try:
        return found | dict(Dismissals(files.dismissals).silences()), ()
    except UsageError as problem:
        return found, (f"{problem.message}; dismissed findings are shown",)


def silence(
    units: Sequence[UnitReview],
    read: Callable[[str], str | None],
    known: Mapping[str, Silence],
    *,
    trust_comments: bool = True,
) -> tuple[tuple[UnitReview, ...], tuple[str, ...]]:
    """Mark what is silenced.

    Args:
        units: The reviewed units.
        read: Returns the new side's text of a path; None where it is not known, as for a patch.
        known: What is silenced, by fingerprint.
        trust_comments: Whether comments on lines that the change adds count.

    Returns:
        The units, and remarks about ignore comments that have no effect.
    """
    comments = {path: _comments(path, units, read) for path in dict.fromkeys(unit.path for unit in units)}
    if not trust_comments:
        comments = {path: tuple(_distrusted(path, found, units)) for path, found in comments.items()}
    marked = tuple(
        dataclasses.replace(unit, findings=tuple(_marked(one, comments[unit.path], known) for one in unit.findings))
        for unit in units
    )
    remarks = tuple(
        f"{path}:{one.line}: {one.problem}" for path, found in comments.items() for one in found if one.problem
    )
    return marked, remarks


def _distrusted(path: str, comments: Sequence[Ignore], units: Sequence[UnitReview]) -> Iterator[Ignore]:
    """Take the effect from the comments that the change adds, and say so."""
    added = {line.new for unit in units if unit.path == path for line in unit.lines if line.kind is LineKind.ADDED}
    for one in comments:
        new = one.line in added
        yield dataclasses.replace(one, first=1, last=0, problem=one.problem or _NOT_TRUSTED) if new else one


def _marked(finding: Finding, comments: Sequence[Ignore], known: Mapping[str, Silence]) -> Finding:
    comment = next((one for one in comments if one.covers(finding.line, finding.category)), None)
    if comment is not None:
        return finding.silenced(Silence(SilencedBy.COMMENT, comment.reason))
    silence = known.get(finding.fingerprint)
    return finding if silence is None else finding.silenced(silence)


def _comments(path: str, units: Sequence[UnitReview], read: Callable[[str], str | None]) -> tuple[Ignore, ...]:
    own = [unit for unit in units if unit.path == path]
    language = LANGUAGES[own[0].language]
    text = read(path)
    if text is not None:
        return ignores.in_text(language, text)
    seen = {line.new: line.text for unit in own for line in unit.lines if line.new is not None}
    return ignores.in_lines(language, dict(sorted(seen.items())))
