"""Does the change hold what an explanation calls added, removed or replaced?

"Adds a check" needs an added line with a condition, "adds a function `f`" a line that defines ``f`` and not one that
calls it, "replaces `a` with `b`" the one on the old side and the other on the new one. Only what can be told from the
lines alone is checked, so that a right sentence stays: each noun of the table stands for many ways to write it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from reviewer.checking.sentences import LONGEST
from reviewer.diff import LineKind
from reviewer.languages import LANGUAGES
from reviewer.selection.evident import is_comment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reviewer.diff import SourceLine

_VERBS = {
    "added": r"adds|adding|introduces|introducing",
    "removed": r"removes|removing|deletes|deleting|drops|dropping",
}
# What is added or removed: the words after the verb, up to the first that begin another phrase.
_PHRASE = {
    side: re.compile(
        rf"\b(?:{verbs}) (?P<phrase>(?:(?!\b(?:to|for|that|which|who|when|if|so|from|in|into|on|by|with|around|before"
        r"|after|where|because|using|at|of|as)\b|[.,;:(]\s).){1,200})",
        re.IGNORECASE,
    )
    for side, verbs in _VERBS.items()
}
# Code drops and introduces much when it runs: privileges, tables, delays.
_OPENING = {"added": re.compile(r"\AAdd(?:s|ing)\b"), "removed": re.compile(r"\A(?:Remov|Delet)(?:es|ing)\b")}

_CONDITION = (
    r"\b(?:if|elif|elsif|unless|assert\w*|guard|when|match|switch|case|while|until|require\w*|ensure\w*|expect\w*"
    r"|check\w*|verif\w*|valid\w*|test|where|filter|cfg|ifn?def|not|and|or|in|any|all|some|every|contains)\b"
    r"|(?:check|valid|assert|verify|is|has|needs|expect|require)_?[A-Z]|_(?:check|valid|if)|\b(?:is|has|needs)_\w"
    r"|[<>!=]=|&&|\|\||\?|\[\s|\s[<>]\s|=~|!~|\b(?:NOT|CHECK)\b"
)
_HANDLING = (
    r"\b(?:try|catch|rescue|finally|ensure|recover|defer|trap|raise|throws?|panic|abort|die|goto|exit|except\w*)\b"
    r"|(?i:err|fail|exception|fatal|reject|warn)|\?[;,.)\s]|\?$|\|\|"
)
_BLOCK = r"(?:block|clause|statement)s?"
# A noun, and what one of the lines must then have. The nouns are tried in this order.
_NOUNS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(rf"\b(?:{noun})\b", re.IGNORECASE), re.compile(needed))
    for noun, needed in (
        (r"(?:error|exception)[- ]handl(?:ing|er)", _HANDLING),
        (rf"try(?:[-/ ](?:catch|except))?(?: {_BLOCK})?|(?:catch|except|rescue) {_BLOCK}", _HANDLING),
        (r"checks?|conditions?|guards?|validations?|assertions?|conditional(?: \w+)?", _CONDITION),
        (rf"if[- ](?:{_BLOCK}|condition)", _CONDITION),
        (
            r"log(?:ging)?(?: (?:statement|message|line|entry|call|output))?s?",
            r"(?i:log|print|warn|debug|info|trace|echo|puts|emit|report|note|console|event|span)",
        ),
        (
            r"timeouts?|time limits?|deadlines?",
            r"(?i:time|deadline|wait|second|duration|after|expir|ttl|\d_?m?s\b|sleep)",
        ),
        (r"lock|mutex|synchroni[sz]ation", r"(?i:lock|mutex|synchron|atomic|semaphore|once|guard|monitor)"),
        (r"(?:for |while )?loop", r"(?i:\b(?:for|while|loop|until|do|repeat)\b|each|iter|\bmap|times|range)"),
        (r"cach(?:e|ing)", r"(?i:cach|memo|lru|store|once|lazy|pool)"),
        (r"retr(?:y|ies)(?: (?:logic|mechanism))?", r"(?i:retr|attempt|again|backoff|tries)"),
        (
            r"(?:import|include)(?: statement)?s?",
            (
                r"(?i:\b(?:import|use|using|include|require\w*|from|load|source|extern|mod|package|with)\b)"
                r"|^\s*(?:[\w.]+ )?\"[\w./-]+\"$"
            ),  # Go lists them in parentheses
        ),
        (r"type (?:hint|annotation)s?|annotations?", r"[:<@\[]|->|\bas\b"),
        (r"return (?:statement|value|type)s?", r"(?i:return|yield)|[=-]>|->|:"),
        (r"(?<!test )(?<!edge )(?<!use )(?:branch|case|clause)", rf"{_CONDITION}|(?i:\b(?:else|default)\b)|[=-]>|\||:"),
        (
            r"tests?(?: (?:case|function|method|class|suite|module))?s?",
            r"(?i:test|assert|expect|spec|should|\bit\b|describe|check|verify|fact|theory|example|inlinedata|case)",
        ),
        (r"(?:code )?comments?|documentation|doc ?strings?", r"//|#|/\*|\*|--|<!--|;|\"\"\"|'{3}|%|\{-"),
        (r"enum", r"(?i:enum|\|)"),
        (r"interface|trait|protocol", r"(?i:interface|trait|protocol|abstract|type)"),
    )
)
_NEW_LINE = re.compile(r"\A(?:a|an|one)? ?(?:new |extra |additional |single )?line(?: of code)?\Z", re.IGNORECASE)

# A kind whose name the line must define, and the name in code style.
_KINDS = "function|method|variable|constant|class|struct|helper"
_DEFINED = re.compile(
    rf"(?P<kind>{_KINDS})s?(?: (?:called|named))? `(?P<name>[A-Za-z_]\w*)(?:\(.{{0,80}}?)?`"
    rf"|`(?P<before>[A-Za-z_]\w*)(?:\(\))?` (?P<after>{_KINDS})\b",
    re.IGNORECASE,
)
_BEFORE_USE = re.compile(
    r"(?:[.=!+/|?]|\s[<>]|::|->|\b(?:return|await|yield|if|in|not|and|or|throw|raise|elif|while|case|new))\s*\Z"
)
_BEFORE_ARGUMENT = re.compile(r"[(,\[]\s*\Z")
_AFTER_DEFINED = re.compile(r"\s*(?::=|=(?!=)|:(?!:))")

_MARKED = r"`(?P<{name}>[^`\n]{{1,120}})`"
_FROM, _TO = _MARKED.format(name="old"), _MARKED.format(name="new")
_WORDS, _SOME = r"(?: [\w-]{1,30}){0,4}? ", r"(?:(?:,| and|, and) `[^`\n]{1,120}`){0,3}(?: [\w-]{1,30}){0,4}?"
_REPLACED = tuple(
    re.compile(text, re.IGNORECASE)
    for text in (
        rf"\breplac(?:es|ed|ing){_WORDS}{_FROM}{_SOME} (?:with|by){_WORDS}{_TO}",
        rf"\bfrom{_WORDS}{_FROM}{_SOME} to{_WORDS}{_TO}",
        rf"\b(?:chang|switch|updat|renam)(?:es|ed|ing){_WORDS}{_FROM}{_SOME} (?:to|into){_WORDS}{_TO}",
        rf"{_TO}{_SOME} (?:instead of|rather than){_WORDS}{_FROM}",
    )
)
# Code that adds or removes when it runs.
_ACTS = {
    "added": re.compile(r"add|append|insert|push|extend|\+=", re.IGNORECASE),
    "removed": re.compile(r"remove|delet|drop|pop|clear|strip|filter|\brm\b|unlink", re.IGNORECASE),
}
_CODE = re.compile(r"`([^`\n]{1,120})`")
_OTHER = {"added": LineKind.REMOVED, "removed": LineKind.ADDED}
# Where a sentence goes over to the other side.
_TURN = re.compile(
    r"\b(?:replac|instead|in favou?r|rather|now\b|but\b|with\b|and (?:add|us|replac|call|return|chang|mov)\w+\b)"
)
_PROPERTY = re.compile(
    r"\A(?:Changes|Updates) the (?:\w+ )?(?:type|value|default|default value) of (?:the )?`([^`\n]{1,80})`"
)
_BEHAVIOUR = re.compile(r"\A(?:Changes|Modifies|Updates) the behaviou?r of (?:the )?`?(?P<name>[\w.:#]{1,80})")
_SIGNATURE = re.compile(r"\A(?:Changes|Modifies|Updates) the (?:\w+ )?signature\b", re.IGNORECASE)
# A line that is certainly no part of a signature.
_STATEMENT = re.compile(
    r"\s*(?:(?:const|let|var|val|auto|final)\s+)?[\w.,\s\[\]$*&]+?\s*:?=[^=>].*\(.*(?<!,)\Z"
    r"|\s*(?:return|if|elif|else|for|while|await|yield|throw|raise|assert\w*)\b|\s*[\w.]+\([^()]*\);\Z"
)
_SAME = re.compile(
    r"\bfrom (?P<tick>[`'\"]?)(?P<value>[^\s`'\"]{1,80})(?P=tick) to (?P=tick)(?P=value)(?P=tick)(?=[\s,;]|\.?\Z)"
)
_STRING = re.compile(r"\"[^\"]*\"|'[^']*'")
_AND = re.compile(r",? and (?:also )?")


@dataclass(frozen=True)
class _Sides:
    """The lines of a change without those that only moved or were indented anew."""

    lines: tuple[tuple[LineKind, str], ...]
    language: str
    path: str

    @cached_property
    def differing(self) -> dict[str, tuple[str, ...]]:
        """The lines that only the new side has, as ``"added"``, and those that only the old side has."""
        texts = {
            side: [text for kind, text in self.lines if kind is wanted and text.strip()]
            for side, wanted in (("added", LineKind.ADDED), ("removed", LineKind.REMOVED))
        }
        kept = Counter(map(str.strip, texts["added"])) & Counter(map(str.strip, texts["removed"]))
        return {side: tuple(_without(some, kept)) for side, some in texts.items()}

    def code(self, side: str) -> tuple[str, ...]:
        """The same without comments and the text of strings."""
        language = LANGUAGES.get(self.language)
        return tuple(
            _STRING.sub('""', text)
            for text in self.differing[side]
            if language is None or not is_comment(text.strip(), language)
        )


def unsupported(sentence: str, lines: Sequence[SourceLine], language: str, path: str = "") -> bool:
    """Whether a sentence calls something added, removed or replaced that the lines do not show so.

    Args:
        sentence: The explanation.
        lines: The unit's lines.
        language: The name of its language.
        path: Its file.
    """
    sides = _Sides(tuple((line.kind, line.text) for line in lines), language, path)
    sentence = sentence[:LONGEST]
    return (
        any(_is_absent(side, phrase, sides) for side in _VERBS for phrase in _phrases(side, sentence))
        or any(_opens_wrong(side, sentence, sides) for side in _VERBS)
        or any(_is_of_the_other_side(side, sentence, sides) for side in _VERBS)
        or _is_of_something_else(sentence, sides)
        or _swaps(sentence, sides)
        or _SAME.search(sentence) is not None
    )


def _phrases(side: str, sentence: str) -> Iterator[str]:
    for found in _PHRASE[side].finditer(sentence):
        yield from (part.strip() for part in _AND.split(found["phrase"]))


def _is_absent(side: str, phrase: str, sides: _Sides) -> bool:
    own = sides.code(side)
    other = sides.code("removed" if side == "added" else "added")
    if _NEW_LINE.match(phrase):
        return len(sides.differing[side]) <= len(sides.differing["removed" if side == "added" else "added"])
    prose = re.sub(r"`[^`]*`", "`", phrase)
    needed = next((needed for noun, needed in _NOUNS if noun.search(prose)), None)
    if needed is not None:
        where = own if needed.pattern in {_CONDITION, _HANDLING} else sides.differing[side]
        # Only the pattern for tests finds a "spec"; a test's file is enough for it.
        named = (sides.path,) if needed.search("spec") else ()
        if not any(needed.search(text) for text in (*where, *named)):
            return True
    for found in _DEFINED.finditer(phrase):
        name, kind = found["name"] or found["before"], (found["kind"] or found["after"]).lower()
        if not _defines(name, kind, own) or _defines(name, kind, other):
            return True
    return False


def _opens_wrong(side: str, sentence: str, sides: _Sides) -> bool:
    """Whether a sentence begins with "Adds" where nothing was added, or with "Removes" where nothing was removed."""
    return bool(_OPENING[side].match(sentence)) and not sides.differing[side] and bool(_one_sided(side, sides))


def _one_sided(side: str, sides: _Sides) -> bool:
    """Whether only the other side has lines, none of which does at run time what the verb says."""
    other = sides.differing["removed" if side == "added" else "added"]
    return bool(other) and not any(_ACTS[side].search(text) for text in other)


def _defines(name: str, kind: str, lines: Sequence[str]) -> bool:
    """Whether a line may define a name; one that certainly uses it does not."""
    return any(
        not _is_use(text, found, kind) for text in lines for found in re.finditer(rf"\b{re.escape(name)}\b", text)
    )


def _is_use(text: str, found: re.Match[str], kind: str) -> bool:
    before, after = text[: found.start()], text[found.end() :]
    if _AFTER_DEFINED.match(after) and not _BEFORE_USE.search(before):
        return False
    if _BEFORE_USE.search(before):
        return not (before.rstrip().endswith(".") and _AFTER_DEFINED.match(after))
    if kind in {"variable", "constant"}:
        return False
    if _BEFORE_ARGUMENT.search(before):
        return True
    # A call that stands alone; a definition has a body, a type or a keyword.
    return not before.strip() and bool(re.fullmatch(r"!?\(.*\)\s*[;,?]*\s*", after))


def _swaps(sentence: str, sides: _Sides) -> bool:
    """Whether "replaces `a` with `b`" has them the wrong way round, or names what stays."""
    old, new = (_spaced("\n".join(sides.differing[side])) for side in ("removed", "added"))
    everything = "\n".join(_spaced(text) for _, text in sides.lines)
    for pattern in _REPLACED:
        for found in pattern.finditer(sentence):
            gone, come = _spaced(found["old"]), _spaced(found["new"])
            # A default that is not written may change, too.
            if (gone in everything and gone not in old) or (come in everything and come not in new):
                return True
            shortened = come in gone and gone in old
            if not shortened and 0 < _times(come, old) >= _times(come, new):
                return True
    return False


def _times(part: str, text: str) -> int:
    """How often a piece of code stands in a text, not as a part of a longer word."""
    return len(re.findall(rf"(?<!\w){re.escape(part)}(?!\w)", text))


def _is_of_the_other_side(side: str, sentence: str, sides: _Sides) -> bool:
    """Whether what a sentence calls removed stands on added lines only, or the other way round."""
    if not _OPENING[side].match(sentence):
        return False
    about = _TURN.split(sentence, maxsplit=1)[0]
    own = _spaced("\n".join(text for kind, text in sides.lines if kind is not _OTHER[side]))
    other = _spaced("\n".join(text for kind, text in sides.lines if kind is _OTHER[side]))
    named = (_spaced(found) for found in _CODE.findall(about))
    return any(name in other and name not in own for name in named)


def _is_of_something_else(sentence: str, sides: _Sides) -> bool:
    """Whether what is said to change is not what the changed lines are about.

    The type, value or default of a name must stand on one of them; a name whose behaviour changes is not one that they
    begin to use; and a signature is no statement.
    """
    added, removed = sides.differing["added"], sides.differing["removed"]
    changed = "\n".join((*added, *removed))
    if any(found[1] not in changed for found in _PROPERTY.finditer(sentence)):
        return True
    if removed and (found := _BEHAVIOUR.match(sentence)):
        name = found["name"].rstrip(".:")
        elsewhere = (text for kind, text in sides.lines if kind is not LineKind.ADDED)
        if any(name in text for text in added) and not any(name in text for text in elsewhere):
            return not _defines(name.split(".")[-1].split(":")[-1], "method", added)
    code = [text for side in ("added", "removed") for text in sides.code(side)]
    return bool(code and _SIGNATURE.match(sentence)) and all(_STATEMENT.match(text) for text in code)


def _without(texts: Sequence[str], kept: Counter[str]) -> Iterator[str]:
    left = Counter(kept)
    for text in texts:
        if left[text.strip()] > 0:
            left[text.strip()] -= 1
        else:
            yield text


def _spaced(text: str) -> str:
    return " ".join(text.split())
