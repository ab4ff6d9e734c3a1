"""Words without which a rule cannot match, so that it need not run on most files.

ast-grep compiles a rule and walks the whole tree each time, which takes far longer than to search for
a word.
"""

from __future__ import annotations

import re
from typing import Any

Needs = tuple[frozenset[str], ...]
"""Sets of words; a text must have all words of one of them. Empty where nothing is needed."""

_NAME = re.compile(r"(?<![\w$])[A-Za-z_]\w{2,}")  # of a pattern, other than a metavariable
_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{[^}]*\}|.", re.DOTALL)  # of a regex
_SHORTEST = 3  # characters of a word
_RELATIONS = ("inside", "has", "follows", "precedes")
_MOST = 48  # sets; more cost more than they save
_OPTIONAL = frozenset("?*{")  # what a quantifier begins with that allows none
_CASELESS = re.compile(r"\(\?[a-z]*i[a-z]*\)")
_GROUP = re.compile(r"\?(?::|P?<\w+>|(?P<flags>[a-zA-Z-]+)(?P<colon>:?))")


def of(rule: Any, utils: Any = None) -> Needs:
    """Return what a rule of ast-grep needs, as far as its patterns, regexes and relations tell.

    Args:
        rule: The rule.
        utils: The rules that it may name.
    """
    needs: Needs = ()
    if not isinstance(rule, dict):
        return needs
    pattern, regex, named = rule.get("pattern"), rule.get("regex"), rule.get("matches")
    if isinstance(pattern, str):
        needs = _both(needs, _words(_NAME.findall(pattern)))
    if isinstance(regex, str):
        needs = _both(needs, _of_regex(regex))
    if isinstance(utils, dict) and named in utils:
        others = {name: one for name, one in utils.items() if name != named}  # a rule may name itself
        needs = _both(needs, of(utils[named], others))
    for key in _RELATIONS:
        needs = _both(needs, of(rule.get(key), utils))
    for one in rule.get("all") or ():
        needs = _both(needs, of(one, utils))
    return _both(needs, _either([of(one, utils) for one in rule.get("any") or ()]))


def _words(words: list[str]) -> Needs:
    return (frozenset(words),) if words else ()


def _either(alternatives: list[Needs]) -> Needs:
    every = tuple(dict.fromkeys(one for needs in alternatives for one in needs)) if all(alternatives) else ()
    return every if len(every) <= _MOST else ()


def _both(first: Needs, second: Needs) -> Needs:
    if not first or not second or len(first) * len(second) > _MOST:
        return first or second
    return tuple(dict.fromkeys(one | other for one in first for other in second))


def _of_regex(regex: str) -> Needs:
    return () if _CASELESS.search(regex) else _alternatives(_PART.findall(regex))


def _alternatives(parts: list[str]) -> Needs:
    """Return what the parts of a regex need, which may be alternatives."""
    depth, found = 0, [[]]  # type: int, list[list[str]]
    for part in parts:
        depth += (part == "(") - (part == ")")
        if part == "|" and not depth:
            found.append([])
        else:
            found[-1].append(part)
    return _either([_sequence(one) for one in found])


def _sequence(parts: list[str]) -> Needs:
    """Return what parts of a regex need that follow one another."""
    needs: Needs = ()
    runs, at = [""], 0
    while at < len(parts):
        part = parts[at]
        at += 1
        if part == "(":
            end = _end_of_group(parts, at)
            if parts[end + 1 : end + 2] and parts[end + 1][0] in _OPTIONAL:
                inner: Needs = ()
            else:
                inner = _group(parts[at:end])
            needs = _both(needs, inner)
            runs.append("")
            at = end + 1
        elif part[0] in _OPTIONAL:  # what stands before is optional
            runs[-1] = runs[-1][:-1]
            runs.append("")
        elif part.isalnum() or part == "_":
            runs[-1] += part
        elif part[0] == "\\" and not part[-1].isalnum():  # an escaped sign
            runs[-1] += part[-1]
        else:
            runs.append("")
    return _both(_words([run for run in runs if len(run) >= _SHORTEST]), needs)


def _end_of_group(parts: list[str], at: int) -> int:
    depth = 1
    for index in range(at, len(parts)):
        depth += (parts[index] == "(") - (parts[index] == ")")
        if not depth:
            return index
    return len(parts)


def _group(parts: list[str]) -> Needs:
    text = "".join(parts)
    opened = _GROUP.match(text)
    if opened is None:
        return _alternatives(parts)
    return () if opened["flags"] else _alternatives(_PART.findall(text[opened.end() :]))
