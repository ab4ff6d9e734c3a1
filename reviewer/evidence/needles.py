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
_MOST = 16  # sets; more cost more than they save


def of(rule: Any) -> Needs:
    """Return what a rule of ast-grep needs, as far as its patterns, regexes and relations tell."""
    needs: Needs = ()
    if not isinstance(rule, dict):
        return needs
    pattern, regex = rule.get("pattern"), rule.get("regex")
    if isinstance(pattern, str):
        needs = _both(needs, _words(_NAME.findall(pattern)))
    if isinstance(regex, str):
        needs = _both(needs, _words(_literals(regex)))
    for key in _RELATIONS:
        needs = _both(needs, of(rule.get(key)))
    for one in rule.get("all") or ():
        needs = _both(needs, of(one))
    return _both(needs, _either([of(one) for one in rule.get("any") or ()]))


def _words(words: list[str]) -> Needs:
    return (frozenset(words),) if words else ()


def _either(alternatives: list[Needs]) -> Needs:
    return tuple(one for needs in alternatives for one in needs) if all(alternatives) else ()


def _both(first: Needs, second: Needs) -> Needs:
    if not first or not second or len(first) * len(second) > _MOST:
        return first or second
    return tuple(dict.fromkeys(one | other for one in first for other in second))


def _literals(regex: str) -> list[str]:
    """Return the texts that every match of a regex contains, as far as they lie outside of its groups."""
    runs, depth = [""], 0
    for part in _PART.findall(regex) if "(?i" not in regex else ():
        if part in {"(", ")"}:
            depth += 1 if part == "(" else -1
            runs.append("")
        elif part == "|" and not depth:
            return []
        elif depth:
            continue
        elif part[0] in "?*{":  # what stands before is optional
            runs[-1] = runs[-1][:-1]
            runs.append("")
        elif part.isalnum() or part == "_":
            runs[-1] += part
        elif part[0] == "\\" and not part[-1].isalnum():  # an escaped sign
            runs[-1] += part[-1]
        else:
            runs.append("")
    return [run for run in runs if len(run) >= _SHORTEST]
