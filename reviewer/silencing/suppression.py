"""What people asked not to hear of again: ignore comments in the code, a baseline, dismissals.

Nothing is dropped: such a finding is marked, keeps who silenced it and why, and counts for no verdict. Comments are
read from the reviewed text alone, so one that is not staged silences nothing that is.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reviewer.finding import Silence, SilencedBy
from reviewer.languages import LANGUAGES
from reviewer.silencing import ignores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reviewer.finding import Finding, UnitReview
    from reviewer.silencing.ignores import Ignore


def apply(
    units: Sequence[UnitReview], read: Callable[[str], str | None], known: Mapping[str, Silence]
) -> tuple[tuple[UnitReview, ...], tuple[str, ...]]:
    """Mark what is silenced.

    Args:
        units: What came back for each unit.
        read: Gives the new side's text of a path; None where there is none, as for a patch.
        known: What is silenced by its fingerprint: the baseline, dismissals.

    Returns:
        The units, and remarks on comments that do not do what their authors think.
    """
    comments = {path: _comments(path, units, read) for path in dict.fromkeys(unit.path for unit in units)}
    marked = tuple(
        dataclasses.replace(unit, findings=tuple(_marked(one, comments[unit.path], known) for one in unit.findings))
        for unit in units
    )
    remarks = tuple(
        f"{path}:{one.line}: {one.problem}" for path, found in comments.items() for one in found if one.problem
    )
    return marked, remarks


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
