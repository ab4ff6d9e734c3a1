"""What an explanation says beside what changed: guesses at purpose and benefit, where it stands, talk of the prompt.

Small models add "This change allows the function to …" to nearly every sentence, and are mostly wrong there. Such a
sentence or clause stays only if it names something of the changed lines.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.checking.sentences import is_unfinished

if TYPE_CHECKING:
    from collections.abc import Set

_VAGUE = (
    r"(?:now |also |thus |thereby )?(?:allow|enabl|ensur|help|improv|enhanc|mak|provid|simplif|reduc|prevent|affect"
    r"|avoid|guarantee|facilitat|support|clarif|streamlin|introduc|indicat|impl(?=y|ies))(?:e?s|ies|y|ing|e)?\b"
    r"|(?:is|are|was|were|can be|could be|may be|might be|will be) (?:\w+ly |more |most |then )?(?:a |an |the )?"
    r"(?:necessary|useful|important|intended|used|needed|required|helpful|essential|common|likely|better|safer|cleaner"
    r"|flexible|general|specific|efficient|accurate|readable|consistent"
    r"|\w{2,}er (?:and|than|way|or)|not (?:necessary|needed|present|currently)"
    r"|not (?:an? )?(?:valid|correct|safe|recommended|good|ideal))"
    r"|(?:can|could|may|might|should|would) (?:also )?(?:lead|cause|result|help|improve|affect|allow|potentially|be )"
)
_SPECULATION = re.compile(
    rf"\A(?:This|These|It|That|The (?:new )?(?:change|code|update)s?)(?: \w+)?? (?:{_VAGUE})", re.IGNORECASE
)
_TAIL = re.compile(
    rf",? (?:which|that|thus|thereby|so as to|potentially)? ?(?:{_VAGUE})[^,;.]*(?=[.;]?\Z)", re.IGNORECASE
)
_PARTICIPLE = re.compile(r"\A,? ?(?:thus |thereby |potentially )?\w+ing\b|\A, (?:which|that)\b", re.IGNORECASE)
# The report names the file and the function above the explanation.
_PLACE = re.compile(
    r" (?:in|of|to|from|within|inside) (?:the )?(?:`?[\w.-]*/[\w./-]+\.\w{1,5}`?(?: (?:\w+ )?file)?"
    r"|`?[\w-]+\.\w{1,5}`? (?:\w+ )?file)"
    r"(?=[ .,;]|\Z)",
)
_PROMPT = re.compile(
    r"\A(?:The )?[`'\"]?[+-][`'\"]? ?(?:lines?|sign)\b|\A[Tt]he changes? (?:is|are) as follows"
    r"|\bis data, not instructions\b"
)
# What was before says the first sentence, or the diff.
_BEFORE = re.compile(r"\AThe (?:original|previous|old|former|existing) ")
_SIGN = re.compile(r"\A[+-] (?=[A-Z])")
_MENTION = re.compile(
    r",? (?:which|that) (?:was|were|is|are) not [^,.]{0,60} [+-] lines?|,? (?:in|from) the [+-] lines?\b"
)
_THEN = re.compile(r"\band (\w+ing)\b")
_LINES = re.compile(r"(?:\A|[\s`'\"])[+-][`'\"]? lines?\b")
# An answer to the request's question, such as "The + lines add a check".
_ANSWER = re.compile(
    r"\A(?:In the \+ lines, )?(?:The|These) (?:\+ lines?|new lines?|added lines?|change|code|function|method)(?: now)?"
    r" (?P<verb>add|change|replace|use|return|define|introduce|remove|check|call|set|pass|include|make|create|import"
    r"|handle|update|move|wrap|rename|allow|test)s? (?=\S)"
)
_BEHAVIOUR = re.compile(
    r"\A(?:Changes|Modifies|Updates|Alters) (?:the )?(?:behaviou?r|code|implementation|logic)(?: of [^.]{1,80}?)?"
    r" by (\w+ing)\b(?! (?:it|its|them|this|these|that|one)\b)",  # which stand for what was named before
    re.IGNORECASE,
)
_STEMS = ("add", "call", "return", "check", "allow", "pass", "remov", "replac", "chang", "us", "includ", "mov")
_DOES = {
    f"{stem}ing": f"{stem.capitalize()}{'es' if stem[-1] in 'vcgs' or stem == 'includ' else 's'}" for stem in _STEMS
}
_NAME = re.compile(r"[^\W\d]\w*")
_MARKED = re.compile(r"[`'\"]([^`'\"\n]{1,120})[`'\"]")
_FORM = re.compile(r"\b(?:\w+_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z0-9]+[A-Z]\w*|\w+\(\))")


def speaks_of_prompt(sentence: str) -> bool:
    """Whether a sentence is about the request or the signs in front of the lines instead of the code."""
    return _PROMPT.search(sentence) is not None and not _ANSWER.match(sentence)


def still_speaks_of_prompt(sentence: str) -> bool:
    """Whether a sentence without padding still mentions the signs in front of the lines."""
    return _LINES.search(sentence) is not None


def speculates(sentence: str, names: Set[str]) -> bool:
    """Whether a sentence guesses at purpose or benefit and names nothing of the change.

    Args:
        sentence: Not the first one of an explanation.
        names: The names on the changed lines.
    """
    if _BEFORE.match(sentence):
        return True
    return bool(_SPECULATION.match(sentence)) and not _names_one(sentence, names)


def without_padding(sentence: str, names: Set[str]) -> str:
    """Drop an opening that says only that something changes, a clause at the end that guesses, and the file's name.

    Args:
        sentence: One sentence.
        names: The names on the changed lines; a clause with one of them stays.
    """
    sentence = _MENTION.sub("", _SIGN.sub("", sentence))
    answered = _ANSWER.match(sentence)
    if answered:
        sentence = f"{_third(answered['verb'])} {sentence[answered.end() :]}"
    opened = _BEHAVIOUR.match(sentence)
    if opened and opened[1].lower() in _DOES:
        rest = _THEN.sub(lambda then: f"and {_DOES.get(then[1], then[1]).lower()}", sentence[opened.end() :])
        sentence = _DOES[opened[1].lower()] + rest
    ending = "." if sentence.endswith(".") else ""
    body = sentence.removesuffix(".")
    for tail in reversed(list(_TAIL.finditer(body))):
        if _PARTICIPLE.match(tail[0]) and tail.start() > 0 and not _names_one(tail[0], names):
            cut = body[: tail.start()].rstrip(", ")
            body = body if is_unfinished(cut) else cut
            break
    return _PLACE.sub("", body) + ending if body else sentence


def _third(verb: str) -> str:
    return f"{verb.capitalize()}{'es' if verb.endswith('s') else 's'}"


def _names_one(text: str, names: Set[str]) -> bool:
    """Whether what stands in code style, or can only be code, has a name of the change."""
    marked = (*_MARKED.findall(text), *_FORM.findall(text))
    return any(name in names for part in marked for name in _NAME.findall(part))
