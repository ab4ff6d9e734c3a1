"""Words without which a rule cannot match, so that it need not run on most files.

ast-grep compiles a rule and walks the whole tree each time, which takes far longer than to search for
a word.
"""

from __future__ import annotations

import re
from typing import Any

Needs = tuple[frozenset[str], ...]
"""Sets of words in lower case; a text must have all words of one of them, in any case. Empty: nothing is needed."""

_NAME = re.compile(r"(?<![\w$])[A-Za-z_]\w{2,}")  # of a pattern, other than a metavariable
_GROUP = re.compile(r"\?(?:(?P<flags>[a-z-]+)\)|p?<[^>]*>|[a-z-]*:)")  # how a group of a regex begins
_PART = re.compile(
    r"\\(?:[xu](?:[0-9a-f]{2,4}|\{[^}]*\})|p\{[^}]*\}|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|\{[^}]*\}|.", re.DOTALL
)  # of a regex in lower case
_SHORTEST = 3  # characters of a word
_RELATIONS = ("inside", "has", "follows", "precedes")
_LONGEST_NAME = 40  # characters of a group's name
_MOST = 40  # sets; more cost more than they save


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
        needs = _both(needs, _words(_NAME.findall(pattern.lower())))
    if isinstance(regex, str):
        needs = _both(needs, _literals(regex))
    if isinstance(utils, dict) and isinstance(named, str) and named in utils:
        others = {name: one for name, one in utils.items() if name != named}  # a rule may name itself
        needs = _both(needs, of(utils[named], others))
    for key in _RELATIONS:
        needs = _both(needs, of(rule.get(key), utils))
    for one in rule.get("all") or ():
        needs = _both(needs, of(one, utils))
    return _both(needs, _either([of(one, utils) for one in rule.get("any") or ()]))


def _words(words: list[str]) -> Needs:
    long = frozenset(word for word in words if len(word) >= _SHORTEST)
    return (long,) if long else ()


def _either(alternatives: list[Needs]) -> Needs:
    every = tuple(dict.fromkeys(one for needs in alternatives for one in needs)) if all(alternatives) else ()
    return every if len(every) <= _MOST else ()


def _both(first: Needs, second: Needs) -> Needs:
    if not first or not second or len(first) * len(second) > _MOST:
        return first or second
    return tuple(dict.fromkeys(one | other for one in first for other in second))


def _literals(regex: str) -> Needs:
    """Return what every match of a regex contains, in any case."""
    return _Regex(regex.lower()).needs()


class _Regex:
    """Reads the texts that a regex (in lower case) cannot do without; what it does not understand needs nothing."""

    def __init__(self, regex: str) -> None:
        self._parts = _PART.findall(regex)
        self._at = 0
        self._verbose = False  # blanks and comments mean nothing

    def needs(self) -> Needs:
        """What one of the alternatives needs, up to the end of the group."""
        alternatives = [self._sequence()]
        while self._at < len(self._parts) and self._parts[self._at] == "|":
            self._at += 1
            alternatives.append(self._sequence())
        self._at += 1  # the group's end
        return () if self._verbose else _either(alternatives)

    def _sequence(self) -> Needs:
        needs: Needs = ()
        run = ""
        while self._at < len(self._parts) and self._parts[self._at] not in {"|", ")"}:
            part = self._parts[self._at]
            self._at += 1
            if part == "(":
                needs, run = _both(needs, _words([run])), ""
                needs = _both(needs, self._group())
            elif (sign := _sign(part)) and not self._optional():
                run += sign
                if self._next() == "+" or self._next().startswith("{"):
                    needs, run = _both(needs, _words([run])), ""
            else:
                needs, run = _both(needs, _words([run])), ""
        return _both(needs, _words([run]))

    def _group(self) -> Needs:
        began = _GROUP.match("".join(self._parts[self._at : self._at + _LONGEST_NAME]))
        self._at += began.end() if began and not began["flags"] else 0
        self._verbose = self._verbose or bool(began and "x" in (began["flags"] or ""))
        inner = self.needs()
        return () if (began and began["flags"]) or self._optional() else inner

    def _next(self) -> str:
        return self._parts[self._at] if self._at < len(self._parts) else ""

    def _optional(self) -> bool:
        """Whether what was read may be left out."""
        return self._next() in {"?", "*"} or self._next().startswith(("{0", "{,"))


def _sign(part: str) -> str:
    """The character that a part of a regex stands for; empty where it stands for several or none."""
    if part[0] == "\\":
        return "" if len(part) > len("\\.") or part[-1].isalnum() else part[-1]
    return part if len(part) == 1 and part not in ".^$*+?" else ""
