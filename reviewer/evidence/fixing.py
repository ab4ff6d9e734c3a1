"""Which of the fixes for a finding is shown: the smallest that is proven, or none."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
from typing import TYPE_CHECKING

from reviewer.checking import suggestion as suggestions
from reviewer.evidence.collect import recheck
from reviewer.evidence.proof import prove
from reviewer.finding import Suggestion
from reviewer.prompting.fix import SENTENCE_CHARS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reviewer.evidence.collect import Options
    from reviewer.evidence.proof import Proof, Recheck
    from reviewer.evidence.reviewed import Side
    from reviewer.finding import Finding
    from reviewer.prompting.fix import Fix


_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`])")


def with_own_fix(finding: Finding, text: str, language: str, options: Options, side: Side) -> Finding:
    """Prove the fix that the rule or the analyzer brings itself; one that is not proven is left out."""
    if finding.suggestion is None:
        return finding
    rerun = _rerun(finding, options, side)
    return dataclasses.replace(finding, suggestion=_proven(finding, finding.suggestion, text, language, rerun))


def with_model_fix(
    finding: Finding, fixes: Sequence[Fix], text: str, language: str, *, options: Options, side: Side
) -> Finding:
    """Take the model's sentence where it holds, and its smallest proven fix.

    Args:
        finding: The fault, without a proven fix yet.
        fixes: The model's samples.
        text: The whole reviewed text of the file.
        language: The name of its language.
        options: As the finding was collected with.
        side: The reviewed content.
    """
    from reviewer.checking.sentences import whole  # its patterns take long to compile; most evidence needs none

    sentences = (_first_sentence(whole(fix.sentence, SENTENCE_CHARS)) for fix in fixes)
    context = next((sentence for sentence in sentences if _holds(sentence, finding, fixes[0].original)), "")
    tried = attempts(finding, fixes, text, language, options=options, side=side)
    proven = [_shown(fix, proof) for fix, proof in tried if proof.proven]
    best = min(proven, key=_size, default=finding.suggestion)
    return dataclasses.replace(finding, suggestion=best, context=context or finding.context)


def attempts(
    finding: Finding, fixes: Sequence[Fix], text: str, language: str, *, options: Options, side: Side
) -> tuple[tuple[Suggestion, Proof], ...]:
    """Try each distinct sample of a fix; the arguments are those of ``with_model_fix``."""
    rerun = _rerun(finding, options, side)
    candidates = _distinct(_suggested(fix, text) for fix in fixes)
    return tuple((fix, prove(finding, fix, text, language, rerun)) for fix in candidates)


def _rerun(finding: Finding, options: Options, side: Side) -> Recheck:
    @functools.cache
    def rerun(text: str) -> tuple[Finding, ...] | None:
        return recheck(finding.path, text, finding.sources, options, side)

    return rerun


def _proven(finding: Finding, fix: Suggestion, text: str, language: str, rerun: Recheck) -> Suggestion | None:
    proof = prove(finding, fix, text, language, rerun)
    return _shown(fix, proof) if proof.proven else None


def _shown(fix: Suggestion, proof: Proof) -> Suggestion:
    return dataclasses.replace(fix, proof=proof.said, marks=frozenset())


def _first_sentence(text: str) -> str:
    """Return the first sentence; what follows tends to announce the code."""
    return _SENTENCE_END.split(text, maxsplit=1)[0]


def _holds(sentence: str, finding: Finding, code: str) -> bool:
    """Tell whether a sentence speaks of the code and the finding, and says more than the finding's own message."""
    from reviewer.checking.grounding import Source, is_ungrounded
    from reviewer.checking.sentences import says_nothing

    if not sentence or sentence.lower().startswith(finding.message.lower()):
        return False
    about = "\n".join((finding.path, finding.scope, finding.message, code))
    numbers = frozenset(range(finding.line, finding.line + 1))
    source = Source(finding.path, about, numbers, "")
    return not says_nothing(sentence, source.code_lines) and not is_ungrounded(sentence, source)


def _suggested(fix: Fix, text: str) -> Suggestion:
    """Bring the model's lines to the file's indentation, and leave out the lines that stay the same at both ends."""
    code = suggestions.fitted(fix.code, fix.original, text) if fix.code.strip() else ""
    old, new = fix.original.split("\n"), code.split("\n")
    start, end = fix.start, fix.end
    while len(old) > 1 and len(new) > 1 and old[-1] == new[-1]:
        old.pop()
        new.pop()
        end -= 1
    while len(old) > 1 and len(new) > 1 and old[0] == new[0]:
        old.pop(0)
        new.pop(0)
        start += 1
    return Suggestion(start, end, "\n".join(new), "\n".join(old))


def _distinct(fixes: Iterable[Suggestion]) -> Iterator[Suggestion]:
    seen = set()
    for fix in fixes:
        if fix.replacement not in seen:
            seen.add(fix.replacement)
            yield fix


def _size(fix: Suggestion) -> int:
    """Count the characters that a fix changes."""
    blocks = difflib.SequenceMatcher(None, fix.original, fix.replacement, autojunk=False).get_matching_blocks()
    return len(fix.original) + len(fix.replacement) - 2 * sum(block.size for block in blocks)
