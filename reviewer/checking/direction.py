"""Does an explanation say of a change the opposite of what the diff shows?

A small model describes what it sees and gets the direction wrong: "removes the parameter" where only its default
changed. So what a sentence calls removed must stand in fewer places after the change, what it calls added in more, and
what it calls renamed must be gone. Only names and kinds of names are checked; "adds support for" is beyond a diff.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from reviewer.checking.sentences import LONGEST
from reviewer.diff import LineKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.diff import SourceLine

_NAME = re.compile(r"[^\W\d]\w*")
_KIND = (
    r"(?:parameter|argument|function|method|class|variable|field|attribute|property|constant|import|module|flag|option|key"
    r"|keyword|decorator|type|struct|interface|enum)s?"
)
# Between the verb and what it is about: at most three plain words.
_FILL = r"(?:the|an?|its|this|that|all|any|old|new|unused|optional|existing|default|extra|unnecessary|redundant)"
_OBJECT = (
    rf"(?:{_FILL} ){{0,3}}(?:(?:{_KIND} )?(?:called |named )?`(?P<marked>[^`\n]{{1,120}})`"
    rf"|(?P<kind>{_KIND})(?: (?P<bare>\w{{1,80}}))?|(?P<before>\w{{1,80}}) {_KIND}\b)"
)
_VERBS = {
    "removed": r"remov(?:es|ed|ing)|delet(?:es|ed|ing)|drops|dropped|eliminat(?:es|ed|ing)",
    "added": r"adds|added|adding|introduc(?:es|ed|ing)",
}
_ACTIVE = {change: re.compile(rf"\b(?:{verbs}) {_OBJECT}", re.IGNORECASE) for change, verbs in _VERBS.items()}
_PASSIVE = {
    change: re.compile(
        rf"(?:`(?P<marked>[^`\n]{{1,120}})`(?: {_KIND})?|\b(?P<kind>{_KIND})(?: (?P<bare>\w{{1,80}}))?)"
        rf" (?:is|was|are|were|has been|have been) (?:now )?(?:{verbs})\b",
        re.IGNORECASE,
    )
    for change, verbs in {"removed": "removed|deleted|dropped|eliminated", "added": "added|introduced"}.items()
}
_RENAMED = re.compile(
    rf"\b(?:renam(?:es|ed|ing)|chang(?:es|ed|ing) (?:the )?(?:{_KIND} )?name(?: of (?:the )?{_KIND})? from)"
    rf" (?:{_FILL} ){{0,2}}(?:{_KIND} )?(?:from )?(?P<old>`?\w{{1,80}}`?)(?: {_KIND})?"
    rf" (?:to|as|into) (?:{_FILL} )?(?P<new>`?\w{{1,80}}`?)",
    re.IGNORECASE,
)
# Code that removes or adds by itself: "removes the key from the cache" then speaks of what it does when it runs.
_AT_RUN_TIME = {
    "removed": re.compile(
        r"remove|delete|drop|pop\b|unlink|discard|clear|strip|\bdel\b|rm\b|filter|replace", re.IGNORECASE
    ),
    "added": re.compile(r"add|append|insert|push|extend|\+=|\.set\b|put\b|write|emit", re.IGNORECASE),
    "renamed": re.compile(r"rename|move|replace|\bmv\b", re.IGNORECASE),
}
_ELSEWHERE = re.compile(
    r"\s(?:from|to|into)\s(?!(?:the |its |this |an? )?(?:signature|function|method|class|module|file|import|parameter"
    r"|argument|call|constructor|definition|declaration|code)s?\b)"
)
# What follows a kind without being a name: "removes the parameter from the signature".
_NOT_A_NAME = frozenset(
    re.findall(
        r"\w+",
        """and are as at because by for from has if in into is it no of on or so that the then this to was when which
        while with without list lists call calls check checks value values names""",
    )
)


def contradicts(sentence: str, lines: Sequence[SourceLine]) -> bool:
    """Whether a sentence calls removed, added or renamed what the lines of a diff show otherwise."""
    sentence = sentence[:LONGEST]
    changed = "\n".join(line.text for line in lines if line.kind is not LineKind.CONTEXT)
    old, new = (_names(lines, but=other) for other in (LineKind.ADDED, LineKind.REMOVED))
    judged = {change for change, runs in _AT_RUN_TIME.items() if not runs.search(changed)}
    for change, before, after in (("removed", old, new), ("added", new, old)):
        for pattern in (_ACTIVE[change], _PASSIVE[change]) if change in judged else ():
            for match in pattern.finditer(sentence):
                about_code = (
                    match["kind"] or match.groupdict().get("before") or not _ELSEWHERE.match(sentence, match.end())
                )
                if about_code and _is_wrong(match, before, after):
                    return True
    return "renamed" in judged and any(
        _is_kept(match["old"], old, new) or _is_kept(match["new"], new, old) for match in _RENAMED.finditer(sentence)
    )


def _names(lines: Sequence[SourceLine], *, but: LineKind) -> Counter[str]:
    return Counter(name for line in lines if line.kind is not but for name in _NAME.findall(line.text))


def _is_wrong(match: re.Match[str], before: Counter[str], after: Counter[str]) -> bool:
    """Whether what is said to be on one side only is on the other as often."""
    found = match.groupdict()
    if found["marked"]:
        # An expression is judged by all its names: `f(x, y=1)` is removed when one of them is.
        names = _NAME.findall(found["marked"])
        return bool(names) and all(before[name] <= after[name] for name in names)
    name = found["bare"] or found.get("before")
    if name and name.lower() not in _NOT_A_NAME and (name in before or name in after):
        return before[name] <= after[name]
    # Without a name, "removes the parameter" still needs some name that there are fewer of.
    return bool(found["kind"]) and not before - after


def _is_kept(name: str, before: Counter[str], after: Counter[str]) -> bool:
    """Whether a name of the code stands in the later text as often as in the earlier one."""
    bare = name.strip("`")
    is_code = bare != name or bare in before or bare in after
    return is_code and before[bare] <= after[bare]
