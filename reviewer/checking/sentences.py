"""The sentences of a reply: without filler and cut ends, and whether they say anything.

A reply may be in any language, so words are counted by script: Chinese, Japanese, Thai and the like write no spaces.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 4000
"""Characters of a sentence that are checked: more than any reply may hold, so that a hostile one costs no time."""

# Han, kana, Hangul, Thai, Lao, Khmer, Myanmar: scripts without spaces, or whose words are a few characters long.
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_DENSE}]|[^\W\d{_DENSE}][^\W{_DENSE}]*")
_IS_DENSE = re.compile(rf"[{_DENSE}]")
_CHARS_PER_WORD = 2  # of a dense script
_CIRCLES = 3

# Sentence ends: Latin, CJK, Devanagari, Arabic, Urdu, Armenian, Ethiopic, Khmer, Burmese.
_END = ".!?\u2026\u3002\uff01\uff1f\uff0e\uff61\u0964\u0965\u061f\u06d4\u0589\u1362\u17d4\u104b"
_CLOSING = "`\"')]}*\u201d\u2019\u00bb\u203a\u300d\u300f\uff09\u3011"
_WHOLE = re.compile(rf"[{re.escape(_END)}][{re.escape(_CLOSING)}]*\Z")
# A Latin full stop ends a sentence only before a blank; the other scripts' marks do not need one.
_SENTENCE_END = re.compile(
    rf"(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bcf)(?:[.!?\u2026][{re.escape(_CLOSING)}]*(?=\s)"
    rf"|[{re.escape(_END[4:])}][{re.escape(_CLOSING)}]*)"
)
# A word or mark after which no English sentence ends.
_DANGLING = re.compile(
    r"(?:[,;:(\[{/=+\u3001\uff0c]|\b(?:a|an|and|are|as|at|because|but|by|can|could|for|from|if|in|into|is|its|may|might|of"
    r"|or|should|so|than|that|the|their|this|to|unless|until|was|were|when|where|whether|which|while|will|with|without"
    r"|would))\Z",
    re.IGNORECASE,
)
_MARGIN = 12  # characters: a reply is cut before the token that would exceed its bound

_SUBJECT = r"(?:(?:This|The) (?:code )?(?:change|commit|diff|patch|update|modification|addition|removal|fix)|It|This)"
_PRAISE = r"(?:important|necessary|significant|useful|needed|crucial|essential|beneficial|critical|vital|relevant)"
_FILLER = re.compile(
    rf"(?:\A|(?<=[.!?] ))(?:{_SUBJECT} (?:(?:is|was|seems) (?:very |quite |also )?{_PRAISE},?"
    r" (?:because|since|as|in that)|matters,? because)"
    rf"|(?:It is|It's|Please|Also)? ?{_PRAISE}? ?(?:[Nn]ote|to note|noting|to mention|mentioning) that"
    r"|(?:Overall|In summary|In conclusion|In short|To summarize|Basically|Essentially),) (?P<next>\w+|\S)"
)
_READER = r"(?:(?:[Tt]he |[Aa] )?(?:[Rr]eviewers?|[Rr]eaders?|[Dd]evelopers?|[Pp]rogrammers?)|[Yy]ou)"
_ADDRESSED = re.compile(
    rf"(?:\A|(?<=[.!?] )){_READER} (?:must|should|needs? to|has to|have to|may want to|can) (?:also )?"
    r"(?:know|note|be aware|understand|see|notice|keep in mind|consider|remember|be informed)(?: of the fact)? that"
    r" (?P<next>\w+|\S)"
)
_EMPTY_TALK = re.compile(
    rf"\A{_READER} (?:must|should|needs? to|has to|have to) (?:also )?(?:know|note|be aware|understand|check|verify"
    r"|ensure|review|consider|make sure|test|be careful|pay attention)\b"
    rf"|\A{_SUBJECT} (?:is|was|seems) (?:an? |very |quite |also |the )?{_PRAISE}"
    r"(?: (?:change|improvement|update|fix|step))?[.!]?\Z"
    rf"|\A{_SUBJECT} (?:is|was) (?:an? )?(?:very |quite )?{_PRAISE} (?:for|to|because|since|as|in order)\b"
    rf"|\A{_SUBJECT} (?:improves?|enhances?|increases?|makes?|helps?|ensures?|allows?) (?:the )?(?:overall )?"
    r"(?:code(?:base)?|the code|code)?(?:'s)? ?(?:to be )?(?:more )?"
    r"(?:quality|readab|maintainab|clarity|clear|consisten|organi[sz])"
)
# What may begin a sentence with a capital; any other word may be a name.
_CAPITALIZED = frozenset({"a", "an", "it", "its", "if", "in", "the", "that", "there", "these", "they", "this", "when"})

_FORMS = (
    r"\blines? (?:is |are )?too long\b",
    r"\bline length\b",
    r"\b(?:exceeds?|over|longer than) \d{1,9} (?:char|col)",
    r"\b(?:trailing|missing|extra|inconsistent|unnecessary) (?:white ?space|spaces?|blank lines?|indentation|comma)\b",
    r"\bnewline at (?:the )?end of (?:the )?file\b",
    r"\b(?:missing|lacks?|no|add(?:ing)?|have|needs?|without) (?:an? |any )?(?:docstrings?|documentation|comments?)\b",
    r"\b(?:missing|lacks?|no|add(?:ing)?|have|needs?|without) (?:an? |any )?type (?:hints?|annotations?)\b",
    r"\bimports? (?:order|should be (?:sorted|grouped|ordered))",
    r"\bunsorted imports?\b",
    r"\bunused (?:imports?|variables?|parameters?|arguments?)\b",
    r"\bnaming conventions?\b",
    r"\b(?:snake_case|camelCase|PascalCase|UPPER_CASE)\b",
    r"\bnames? .{0,30}?\b(?:is|are|should be|could be) (?:not |more |too |un)?(?:descriptive|clear|short|long)",
    r"\b(?:single|double) quotes\b",
    r"\bpep ?8\b",
    r"\b(?:style guide|code style|formatting)\b",
    r"\bmagic numbers?\b",
)
_FORM = re.compile("|".join(_FORMS), re.IGNORECASE)
_CONSEQUENCE = re.compile(
    r"\b(?:fail|crash|rais|throw|error|exception|wrong|incorrect|leak|overflow|null|none\b|undefined|nan\b|shadow|collid"
    r"|break|broken|never|lost|lose|loses|race|deadlock|hang|inject|unsafe|vulnerab|expos|slow|returns?\b|corrupt|overwrit"
    r"|invalid|unexpected|ignored)",
    re.IGNORECASE,
)
_RUN = 5  # words in a row
_COPIED_SHARE, _COPIED_MIN = 0.6, 4  # of such runs
_ECHO_SHARE = 0.75
_ECHO_MIN_WORDS = 4


def whole(text: str, most: int) -> str:
    """Leave out a last sentence that was cut; empty where no whole one is left.

    Args:
        text: As the model wrote it.
        most: The longest text that it could write. A shorter one is whole, unless it ends where no sentence does.
    """
    text = " ".join(text[: LONGEST + most].split())
    at_bound = len(text) >= most - _MARGIN
    if _WHOLE.search(text[-20:]) or not (at_bound or _DANGLING.search(text[-20:])):
        return text
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends else ""


def is_unfinished(text: str) -> bool:
    """Whether a text ends where no sentence does."""
    return _DANGLING.search(text[-20:]) is not None


def sentences(text: str) -> int:
    """Count the sentences of a text."""
    return len(split(text))


def split(text: str) -> tuple[str, ...]:
    """Cut a text after each sentence; a rest without an end is one, too."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text[:LONGEST])]
    parts = (text[start:end].strip() for start, end in zip([0, *ends], [*ends, len(text)], strict=True))
    return tuple(part for part in parts if part)


def without_filler(text: str) -> str:
    """Drop openings that say nothing, such as ``This change is important because``."""

    def begun(match: re.Match[str]) -> str:
        return match["next"].capitalize() if match["next"] in _CAPITALIZED else match["next"]

    return _ADDRESSED.sub(begun, _FILLER.sub(begun, text))


def telling(text: str) -> tuple[str, ...]:
    """Return the sentences of a text without those that praise or advise instead of saying what the code does."""
    return tuple(sentence for sentence in split(text) if not _EMPTY_TALK.search(sentence))


def says_nothing(sentence: str, lines: Iterable[str]) -> bool:
    """Whether a sentence has no words of its own: it is empty, runs in circles, or copies one of the code's lines."""
    sentence = sentence[:LONGEST]
    words = _WORD.findall(sentence.lower())
    dense = sum(1 for word in words if _IS_DENSE.match(word))
    if len(words) - dense + dense // _CHARS_PER_WORD < 2 or _runs_in_circles(words):  # noqa: PLR2004 - one word
        return True
    normal = "".join(sentence.split()).strip("`.\"'")
    return any(normal in "".join(line.split()) for line in lines)


def copies(sentence: str, text: str) -> bool:
    """Whether most of a sentence stands in a text word for word, wherever the text's lines end."""
    parts, known = _runs(sentence), _runs(text)
    return len(parts) >= _COPIED_MIN and len(parts & known) / len(parts) >= _COPIED_SHARE


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text[: 10 * LONGEST].lower())
    return frozenset(zip(*(words[start:] for start in range(_RUN)), strict=False))


def is_echo(sentence: str, examples: Iterable[str]) -> bool:
    """Whether a sentence mostly repeats one of the prompt's own sentences."""
    words = _content_words(sentence)
    if len(words) < _ECHO_MIN_WORDS:
        return False
    return any(len(words & _content_words(example)) / len(words) >= _ECHO_SHARE for example in examples)


def is_nit(message: str) -> bool:
    """Whether a message is about style alone, as a formatter's or linter's would be.

    "This name shadows the built-in, so the call fails" names a consequence and is a defect; "use snake_case" is not.
    """
    message = message[:LONGEST]
    return bool(_FORM.search(message)) and not _CONSEQUENCE.search(message)


def _runs_in_circles(words: list[str]) -> bool:
    """Whether the same three words (six characters of a dense script) come up again and again."""
    windows: Counter[tuple[str, ...]] = Counter()
    for start in range(len(words)):
        size = 3 * (_CHARS_PER_WORD if _IS_DENSE.match(words[start]) else 1)
        if start + size <= len(words):
            windows[tuple(words[start : start + size])] += 1
    return max(windows.values(), default=0) >= _CIRCLES


def _content_words(sentence: str) -> frozenset[str]:
    # Stop words are short.
    return frozenset(word for word in _WORD.findall(sentence[:LONGEST].lower()) if len(word) > 3)  # noqa: PLR2004
