"""Does a sentence speak of what was read? Names, files and line numbers in it must stand in the unit.

A model that was shown an example, or that has read much code, writes of things that are not there. A sentence is held
to be ungrounded when it names another file, a line outside the unit, or more unknown names than known ones (a name or
two from outside is normal in good advice: ``use contextlib.suppress``), and when it shares no word at all with the
unit.
"""

from __future__ import annotations

import builtins
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_BACKTICKED = re.compile(r"`([^`\n]{1,120})`")
# What can only be code in prose: snake_case, camelCase, PascalCase with two humps, dotted.names, calls().
_CODE_WORD = re.compile(
    r"\b(?:[A-Za-z]\w*_\w+|_\w+|[a-z]+\d*[A-Z]\w*|(?:[A-Z][a-z0-9]+){2,}|[A-Za-z_]\w*(?:\.[A-Za-z_]\w+)+)\b"
    r"|\b[A-Za-z_]\w*(?=\(\))"
)
_WORD = re.compile(r"[^\W\d]\w*")
_PATH = re.compile(
    r"[\w./\\-]+\.(?:py|js|jsx|ts|tsx|go|rs|java|kt|c|h|cc|cpp|hpp|cs|rb|php|swift|sh|sql|html|css|ya?ml|tf|md|toml|json)\b"
)
_LINE_NUMBER = re.compile(r"\blines?\s+(\d{1,7})(?:\s*(?:-|to|and|\u2013)\s*(\d{1,7}))?", re.IGNORECASE)
# Names of languages and products look like code and are not.
_PROSE = frozenset(
    {"JavaScript", "TypeScript", "GitHub", "GitLab", "PostgreSQL", "MySQL", "SQLite", "GraphQL", "DevOps", "NoSQL"}
    | {"OpenSSL", "FastAPI", "PyTorch", "NumPy", "JSON", "YAML", "HTML", "e.g", "i.e", "vs"}
)
_COMMON_NAMES = frozenset(dir(builtins)) | frozenset(
    {"null", "nil", "undefined", "None", "self", "this", "true", "false", "err", "error", "void", "async", "await"}
    | {"const", "static", "lambda", "NaN", "Infinity", "NullPointerException", "IllegalArgumentException"}
    | {"ArgumentNullException", "RangeError", "ReferenceError"}
)
# snake_case and camelCase fall into words; words are compared by their stems.
_NAME_PART = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}")
_STEM = 4
_ECHO_SHARE = 0.75
_CIRCLES = 3
_ECHO_MIN_WORDS = 4


@dataclass(frozen=True, slots=True)
class Source:
    """What a sentence may speak of.

    Attributes:
        path: The unit's file.
        text: All text of the unit itself, its path and scope included.
        lines: Every line number shown, of both sides.
        around: What was shown beside the unit. A sentence may name what stands there, but has to be about the unit.
    """

    path: str
    text: str
    lines: frozenset[int]
    around: str = ""

    @property
    def words(self) -> frozenset[str]:
        """Every name of the unit."""
        return frozenset(_WORD.findall(self.text)) | frozenset(_WORD.findall(self.path))

    @property
    def known(self) -> frozenset[str]:
        """Every name that was shown."""
        return self.words.union(_WORD.findall(self.around))


def is_ungrounded(sentence: str, source: Source) -> bool:
    """Whether ``sentence`` names lines, files or code that ``source`` does not hold, or shares no word with it."""
    return names_others(sentence, source) or not _shares_a_word(sentence, source)


def names_others(sentence: str, source: Source) -> bool:
    """Whether ``sentence`` names lines, files or code that ``source`` does not hold."""
    return (
        _names_other_line(sentence, source.lines)
        or _names_other_file(sentence, source)
        or _names_other_code(sentence, source)
    )


def is_echo(sentence: str, examples: Iterable[str]) -> bool:
    """Whether ``sentence`` mostly repeats one of the prompt's own sentences."""
    words = _content_words(sentence)
    if len(words) < _ECHO_MIN_WORDS:
        return False
    return any(len(words & _content_words(example)) / len(words) >= _ECHO_SHARE for example in examples)


def says_nothing(sentence: str, source: Source) -> bool:
    """Whether ``sentence`` has no words of its own: it is empty, runs in circles, or copies a line of the code."""
    normal = "".join(sentence.split()).strip("`.\"'")
    words = _WORD.findall(sentence.lower())
    if len(words) < 2 or _runs_in_circles(words):  # noqa: PLR2004 - one word is no statement
        return True
    return any(normal in "".join(line.split()) for line in (*source.text.split("\n"), *source.around.split("\n")))


def _runs_in_circles(words: list[str]) -> bool:
    """Whether the same three words come up again and again, as a model's do that has lost its thread."""
    triples = Counter(zip(words, words[1:], words[2:], strict=False))
    return max(triples.values(), default=0) >= _CIRCLES


def _names_other_line(sentence: str, lines: frozenset[int]) -> bool:
    numbers = (int(number) for match in _LINE_NUMBER.finditer(sentence) for number in match.groups() if number)
    return any(number not in lines for number in numbers)


def _names_other_file(sentence: str, source: Source) -> bool:
    for match in _PATH.finditer(sentence):
        name = match.group().replace("\\", "/").rsplit("/", 1)[-1]
        if name not in source.text and name not in source.around and not source.path.endswith(name):
            return True
    return False


def _names_other_code(sentence: str, source: Source) -> bool:
    known = unknown = 0
    words = source.known
    for name in _code_names(sentence):
        parts = _WORD.findall(name)
        if not parts or name in _PROSE or all(part in _COMMON_NAMES for part in parts):
            continue
        if any(part in words for part in parts):
            known += 1
        elif not parts[-1].endswith(("Error", "Exception")):
            unknown += 1
    return unknown > known


def _shares_a_word(sentence: str, source: Source) -> bool:
    """Whether any word of weight also stands in the source, as a whole or as the stem of a name's part."""
    stems = {part[:_STEM].lower() for word in source.words for part in _NAME_PART.findall(word)}
    words = [word for word in _WORD.findall(sentence) if len(word) >= _STEM]
    return not words or any(part[:_STEM].lower() in stems for word in words for part in _NAME_PART.findall(word))


def _code_names(sentence: str) -> set[str]:
    names = {match.group(1) for match in _BACKTICKED.finditer(sentence)}
    names.update(match.group() for match in _CODE_WORD.finditer(_BACKTICKED.sub(" ", sentence)))
    return names


def _content_words(sentence: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(sentence) if len(word) > 3)  # noqa: PLR2004 - stop words are short
