"""Whether a fix mends a fault, as far as that can be shown without running the code."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer import syntax
from reviewer.checking import suggestion as suggestions
from reviewer.evidence import parsing
from reviewer.evidence.escapes import only_deletes, silences
from reviewer.evidence.unmended import unmended
from reviewer.finding import Mark, SourceKind

if TYPE_CHECKING:
    from reviewer.finding import Finding, Source, Suggestion

Recheck = Callable[[str], Iterable["Finding"] | None]
"""Runs the finding's own sources on a whole text; None where they cannot run."""

_AROUND = 3  # lines before and after the fault that a fix outside of any function may change
_WORD = re.compile(r"\w+")
_IMPORT = re.compile(r"(?:from [\w.]+ )?import \w[\w., ]*")
_AWAIT, _ASYNC = re.compile(r"\bawait\b"), re.compile(r"\basync\b")
# Rules that a new function mends.
_MISSED = {"java-equals-without-hash-code": ("hashCode",), "PLW1641": ("__hash__",)}
_REFUSALS = {
    Mark.DOES_NOT_APPLY: "it does not apply to the reviewed text",
    Mark.NO_CHANGE: "it changes nothing",
    Mark.DOES_NOT_PARSE: "the file does not parse with it",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """The verdict about one fix.

    Attributes:
        said: What exactly was shown, such as ``"ruff no longer reports B006; parses; only these lines change"``, or why
            the fix is refused.
    """

    proven: bool
    said: str


def prove(finding: Finding, suggestion: Suggestion, text: str, language: str, recheck: Recheck) -> Proof:
    """Tell whether a suggestion mends a finding.

    It is proven where it applies, parses, stays within the function around the finding and keeps every function's
    signature, is none of the known ways to silence a rule, and the finding's own sources report one fault fewer and
    nothing new.

    Args:
        finding: The fault, with its sources.
        suggestion: The replacement.
        text: The whole reviewed text of the file.
        language: The name of its language.
        recheck: Runs the finding's sources; called with ``text`` and with the fixed text.
    """
    after = suggestions.apply(text, suggestion)
    checked = suggestions.check(suggestion, text, language)
    for mark in checked.marks & _REFUSALS.keys():
        return Proof(proven=False, said=_REFUSALS[mark])
    errors = None if after is None else parsing.new_errors(finding.path, language, text, after)
    if after is None or errors is None:
        return Proof(proven=False, said=f"nothing here parses {language}")
    if errors > 0:
        return Proof(proven=False, said=_REFUSALS[Mark.DOES_NOT_PARSE])
    reason = _outside(finding, suggestion, text, language) or _other_signature(finding, text, after, language)
    if parsing.moves(language, text, after):
        reason = reason or "with it, other lines belong to another part of the file"
    reason = reason or _awaits_outside(suggestion, after, language)
    reason = reason or silences(finding.sources, language, suggestion.original, suggestion.replacement)
    reason = reason or unmended(suggestion, text, after, language)
    # A rule's own fix may well be a deletion, of a debugger's breakpoint for instance, or concern a parameter.
    if suggestion != finding.suggestion:
        if only_deletes(suggestion.original, suggestion.replacement, language):
            reason = reason or "it only deletes code"
        if _called_otherwise(text, after, language):
            reason = reason or "it changes how a function is called"
    if reason:
        return Proof(proven=False, said=reason)
    return _verdict(finding, recheck(text), recheck(after))


def _verdict(finding: Finding, before: Iterable[Finding] | None, after: Iterable[Finding] | None) -> Proof:
    if before is None or after is None:
        return Proof(proven=False, said="its sources cannot check it")
    old, new = _counts(before), _counts(after)
    checkable = [source for source in finding.sources if _key(source) in old]
    if not checkable:
        return Proof(proven=False, said="its sources do not find the fault in this text")
    for source in checkable:
        if new[_key(source)] >= old[_key(source)]:
            return Proof(proven=False, said=f"{_named(source)} is still reported")
    added = new - old
    if added:
        name, rule = min(added)
        return Proof(proven=False, said=f"it causes {name} {rule}".rstrip())
    mended = "; ".join(_no_longer(source) for source in checkable)
    return Proof(proven=True, said=f"{mended}; parses; only these lines change")


def _counts(findings: Iterable[Finding]) -> Counter[tuple[str, str]]:
    return Counter(_key(source) for finding in findings for source in finding.sources)


def _key(source: Source) -> tuple[str, str]:
    return source.name, source.rule


def _named(source: Source) -> str:
    return f"{source.name} {source.rule}".rstrip()


def _no_longer(source: Source) -> str:
    if source.kind is SourceKind.RULE:
        return f"rule {source.rule} no longer matches"
    return f"{source.name} no longer reports {source.rule or 'it'}"


def _outside(finding: Finding, suggestion: Suggestion, text: str, language: str) -> str | None:
    """Return a refusal where lines change that do not belong to the function or the statement of the finding."""
    first, last = _changed(suggestion if language != "python" else _without_new_imports(suggestion))
    scope = syntax.enclosing(language, text, finding.line)
    # A class is no bound: most of it has nothing to do with one of its lines.
    if scope is not None and scope.kind != "class":
        fits = scope.start <= first and last <= scope.end
        return None if fits else "it changes code outside of the function"
    fits = finding.line - _AROUND <= first and last <= finding.line + _AROUND
    return None if fits else "it changes code far from the fault"


def _without_new_imports(suggestion: Suggestion) -> Suggestion:
    """Leave out the imports at the start that only add names: they belong to the fix, wherever they stand."""
    old, new = suggestion.original.split("\n"), suggestion.replacement.split("\n")
    for tag, first, last, begin, end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        before, after = old[first:last], new[begin:end]
        more = set(_WORD.findall(" ".join(before))) <= set(_WORD.findall(" ".join(after)))
        if not more or not after or not all(_IMPORT.fullmatch(line) for line in (*before, *after)) or last >= len(old):
            break
        rest = dataclasses.replace(
            suggestion, start=suggestion.start + last, original="\n".join(old[last:]), replacement="\n".join(new[end:])
        )
        return _without_new_imports(rest)
    return suggestion


def _changed(suggestion: Suggestion) -> tuple[int, int]:
    """The lines that really differ, 1-based; a suggestion may repeat lines around them."""
    old, new = suggestion.original.split("\n"), suggestion.replacement.split("\n")
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    room = min(len(old), len(new)) - same
    backwards = zip(reversed(old), reversed(new), strict=False)
    tail = min(room, sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], backwards)))
    first = suggestion.start + same
    # What is added after the last line belongs to it.
    return min(first, suggestion.end), min(max(first, suggestion.end - tail), suggestion.end)


def _awaits_outside(suggestion: Suggestion, after: str, language: str) -> str | None:
    """Return a refusal where ``await`` is added to a function that is not asynchronous; no parser refuses it."""
    if len(_AWAIT.findall(suggestion.replacement)) <= len(_AWAIT.findall(suggestion.original)):
        return None
    scope = syntax.enclosing(language, after, suggestion.start)
    if scope is None and language != "python":
        return None  # a module of JavaScript may await
    lines = after.split("\n")
    above = lines[(scope.start if scope is not None else suggestion.start) - 1 : suggestion.start - 1]
    # An asynchronous callback within the fix makes nothing around it asynchronous.
    before = _AWAIT.split(suggestion.replacement, maxsplit=1)[0]
    return None if _ASYNC.search("\n".join([*above, before])) else "it awaits in a function that is not asynchronous"


def _other_signature(finding: Finding, text: str, after: str, language: str) -> str | None:
    """Return a refusal where a function is gone, renamed or new, unless it is the one that the rule misses."""
    before = Counter(function.name for function in syntax.functions(language, text))
    now = Counter(function.name for function in syntax.functions(language, after))
    missed = {name for source in finding.sources for name in _MISSED.get(source.rule, ())}
    added = {name.rpartition(".")[2] for name in now - before}
    if before == now or (missed and not before - now and added <= missed):
        return None
    return "it adds, removes or renames a function"


def _called_otherwise(text: str, after: str, language: str) -> bool:
    """Whether a function takes another number of parameters, so that calls elsewhere no longer fit."""
    before, now = ({(one.name, _parameters(one)) for one in syntax.functions(language, side)} for side in (text, after))
    names = {name for name, _ in before}
    return any(one not in before for one in now if one[0] in names)


def _parameters(function: syntax.Function) -> int:
    """The number of parameters in the signature; 0 where it has no list in parentheses."""
    name = re.escape(function.name.rpartition(".")[2])
    found = re.search(rf"\b{name}\s*(?:<[^()]*>|\[[^()]*\])?\s*\(", function.signature)
    if found is None:
        return 0
    depth, count = 1, 0
    for at, char in enumerate(function.signature[found.end() :], found.end()):
        depth += (char in "([{<") - (char in ")]}" or (char == ">" and function.signature[at - 1] not in "-="))
        if depth == 0:
            inner = function.signature[found.end() : at].rstrip()
            return 0 if not inner else count + (not inner.endswith(","))
        count += char == "," and depth == 1
    return count + 1
