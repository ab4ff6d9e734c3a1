"""Does a sentence speak of what was read? The names, files and line numbers in it must stand in the unit.

A model that was shown an example, or that has read much code, writes of things that are not there. A sentence is
ungrounded when it names another file, a line outside the unit, or more unknown names than known ones (a name or two
from outside is normal in good advice: ``use contextlib.suppress``). An English sentence is ungrounded too when it has
nothing in common with the unit: no name however short, no operator or its name, no number, no stem of a word. Code is
written in English, so a sentence in another language need not share a word with it.
"""

from __future__ import annotations

import builtins
import re
from dataclasses import dataclass
from functools import cached_property

from reviewer.checking.sentences import LONGEST

_BACKTICKED = re.compile(r"`([^`\n]{1,120})`")
# Latin letters, so that a name directly beside another script is found.
_LETTER = "A-Za-z_\u00c0-\u024f"
_TOKEN = re.compile(rf"[{_LETTER}0-9.]+(?:\(\))?")
_LONGEST_NAME = 200
# What can only be code in prose: snake_case, camelCase, PascalCase with two humps, dotted.names, calls().
_CODE_NAME = re.compile(
    r"[A-Za-z][A-Za-z0-9]*_\w+|_\w+|[a-z]+[0-9]*[A-Z]\w*|(?:[A-Z][a-z0-9]+){2,}|[A-Za-z_]\w*(?:\.[A-Za-z_]\w+)+"
)
_WORD = re.compile(rf"[{_LETTER}][{_LETTER}0-9]*|[^\W\d{_LETTER}]+")
_NUMBER = re.compile(r"(?<![\w.])\d\w*(?:\.\d\w*)*")
_PATH_CHARS = re.compile(r"[\w./\\-]+")
_EXTENSIONS = (
    "py", "js", "jsx", "ts", "tsx", "go", "rs", "java", "kt", "c", "h", "cc", "cpp", "hpp", "cs", "rb", "php", "swift",
    "sh", "sql", "html", "css", "yaml", "yml", "tf", "md", "toml", "json",
)  # fmt: skip
_LINE_NUMBER = re.compile(r"\blines?\s(\d{1,7})(?: ?(?:-|to|and|\u2013) ?(\d{1,7}))?", re.IGNORECASE)
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
_ERRORS = ("Error", "Exception")
# snake_case and camelCase fall into words; words are compared by their stems.
_NAME_PART = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}")
_STEM = 4

_OPERATOR = re.compile(r"[-+*/%<>=!&|^~?@]{1,4}|\[\]|\(\)|\{\}")
# What operators are called, and the characters of which one must stand in the code.
_NAMED_OPERATORS = tuple(
    (re.compile(rf"\b(?:{words})", re.IGNORECASE), signs)
    for words, signs in (
        ("divi(?:de|sion|sor)|quotient", "/"), ("modulo|modulus|remainder", "%"), ("multipl", "*"),
        ("negat|invert", "-!~"), ("subtract|decrement", "-"), ("addition\\b|increment|concatenat", "+"),
        ("equal|assign", "="), ("shift", "<>"),
        ("compar|off[- ]by[- ]one|inequalit", "<>=!"), ("less than", "<"), ("(?:greater|more) than", ">"),
        ("bitwise", "&|^~"), ("index|subscript|slic", "["),
        ("pointer|dereferenc", "*&>"), ("ternary", "?"), ("exponent", "*^"),
    )
)  # fmt: skip
_CONTRACTION = re.compile(r"['\u2019](?:s|t|re|ve|ll|d|m)\b")
# The commonest words of English, and of other languages in Latin script where English has no such word.
_ENGLISH = frozenset(
    re.findall(
        r"\w+",
        """a an and are as at be been but by can could does for from has have if in into is it its may might must no
        not of on or should so than that the their then there these this to was were when which while will with
        without would""",
    )
)
# What a remark without such words is recognised by.
_ENGLISH_REMARK = _ENGLISH | frozenset(
    re.findall(
        r"\w+",
        """add avoid bad bug bugs check code consider error errors exception fails function handling incorrect input
        invalid issue leak memory missing never possible potential refactor remove security unsafe unused use value
        values variable wrong""",
    )
)
_OTHER_LATIN = (
    frozenset(
        re.findall(
            r"\w+",
            """aber auch auf aus bei beim das dem den der des durch ein eine einem einen einer es fehlt fehlen gleich
            ist kann kein keine leer leere leeren mit nach nicht nur oder ohne sein sich sind und vom von vor weil
            wenn werden wird wurde zu zum zur au aux avec ce ces cette dans de du elle est et il la le les lorsque
            mais ne ou par pas peut pour qui que sans si sont sur un une al cuando del el en es esta este la las lo
            los no para pero por puede se su una y alla anche che cui dal dalla dei della di gli il nel nella non
            quando sono uno viene ao da das do dos em esta na nas nos o os pela pelo quando sem ser um uma als dat
            deze een en het niet naar ook van voor wordt zonder bez jest nie przez się w z za jeśli och att av det
            ett för inte om som till utan är og ikke""",
        )
    )
    - _ENGLISH
)
_FOREIGN_LETTER = re.compile(r"[^\W\d_A-Za-z]")


@dataclass(frozen=True)
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

    @cached_property
    def words(self) -> frozenset[str]:
        """Every name of the unit."""
        return frozenset(_WORD.findall(self.text)) | frozenset(_WORD.findall(self.path))

    @cached_property
    def known(self) -> frozenset[str]:
        """Every name that was shown."""
        return self.words.union(_WORD.findall(self.around))

    @cached_property
    def stems(self) -> frozenset[str]:
        """The beginnings of all parts of the unit's names."""
        return frozenset(part[:_STEM].lower() for word in self.words for part in _NAME_PART.findall(word))

    @cached_property
    def code(self) -> str:
        """The unit's text without its path, whose slashes are not operators."""
        return self.text.removeprefix(self.path)

    def holds(self, part: str) -> bool:
        """Whether ``part`` was shown."""
        return part in self.text or part in self.around

    @cached_property
    def code_lines(self) -> tuple[str, ...]:
        """Every line that was shown."""
        return (*self.text.split("\n"), *self.around.split("\n"))


def is_ungrounded(sentence: str, source: Source) -> bool:
    """Whether ``sentence`` names what ``source`` does not hold, or has nothing in common with it."""
    return names_others(sentence, source) or not _is_related(sentence[:LONGEST], source)


def names_others(sentence: str, source: Source) -> bool:
    """Whether ``sentence`` names lines, files or code that ``source`` does not hold."""
    sentence = sentence[:LONGEST]
    return (
        _names_other_line(sentence, source.lines)
        or _names_other_file(sentence, source)
        or _names_other_code(sentence, source)
    )


def _names_other_line(sentence: str, lines: frozenset[int]) -> bool:
    numbers = (int(number) for match in _LINE_NUMBER.finditer(sentence) for number in match.groups() if number)
    return any(number not in lines for number in numbers)


def _names_other_file(sentence: str, source: Source) -> bool:
    for part in _PATH_CHARS.findall(sentence):
        name = part.replace("\\", "/").rpartition("/")[2].rstrip(".-")
        if name.rpartition(".")[2] not in _EXTENSIONS or not name.rpartition(".")[0]:
            continue
        if not source.holds(name) and not source.path.endswith(name):
            return True
    return False


def _names_other_code(sentence: str, source: Source) -> bool:
    known = unknown = 0
    for name in code_names(sentence):
        parts = _WORD.findall(name)
        if not parts or name in _PROSE or all(part in _COMMON_NAMES for part in parts):
            continue
        if any(part in source.known for part in parts) or (not name.isidentifier() and source.holds(name)):
            known += 1
        elif not parts[-1].endswith(_ERRORS):
            unknown += 1
    return unknown > known


def code_names(sentence: str) -> set[str]:
    """What a sentence calls code: between backticks, or by its form."""
    names = set(_BACKTICKED.findall(sentence))
    for token in _TOKEN.findall(_BACKTICKED.sub(" ", sentence)):
        name = token.removesuffix("()").strip(".")
        if len(name) <= _LONGEST_NAME and (_CODE_NAME.fullmatch(name) or (name and token.endswith("()"))):
            names.add(name)
    return names


_QUOTED = re.compile(r"(?<![\w`'\"])(?:'([^\s'`\"][^'`\"\n]{0,78})'|\"([^\s'`\"][^'`\"\n]{0,78})\")(?![\w`'\"])")


def code_styled(sentence: str) -> str:
    """Put quoted names between backticks, so that they are checked as code."""
    return _QUOTED.sub(lambda found: f"`{found[1] or found[2]}`", sentence[:LONGEST])


def names_unknown(sentence: str, source: Source) -> bool:
    """Whether something in code style is nowhere in what was shown: a model that explains has no other source.

    A standard name, an error's class and a word of which a part was shown (``PartialFoo`` beside ``foo``) may be there.
    """
    for name in set(_BACKTICKED.findall(sentence[:LONGEST])):
        parts = _WORD.findall(name)
        if not parts or name in _PROSE or all(part in _COMMON_NAMES for part in parts):
            continue
        if any(part in source.known for part in parts) or source.holds(name) or parts[-1].endswith(_ERRORS):
            continue
        stems = {part[:_STEM].lower() for word in parts for part in _NAME_PART.findall(word)}
        if not stems or not stems <= source.stems:
            return True
    return False


def _is_related(sentence: str, source: Source) -> bool:
    """Whether a sentence has something in common with the unit, or is in a language in which it need not."""
    sentence = _CONTRACTION.sub("", sentence)
    words = _WORD.findall(sentence)
    if not _is_english(words, source):
        return True
    marked = " ".join(_BACKTICKED.findall(sentence))
    names = {word for word in words if word.lower() not in _ENGLISH and word != "I"} | set(_WORD.findall(marked))
    if names & source.words or not any(len(word) >= _STEM for word in words):
        return True
    if {
        part[:_STEM].lower() for word in names if len(word) >= _STEM for part in _NAME_PART.findall(word)
    } & source.stems:
        return True
    if not set(_NUMBER.findall(_LINE_NUMBER.sub(" ", sentence))).isdisjoint(_NUMBER.findall(source.code)):
        return True
    signs = {sign for named, some in _NAMED_OPERATORS if named.search(sentence) for sign in some}
    written = [*_OPERATOR.findall(marked), *(word for word in sentence.split() if _OPERATOR.fullmatch(word))]
    return not signs.isdisjoint(source.code) or any(
        one in source.code for one in written if one not in {"-", "--", "?"}
    )


def _is_english(words: list[str], source: Source) -> bool:
    """Whether a sentence must share a word with code: it has words of English, and not more of another language."""
    prose = [word.lower() for word in words if word not in source.words]
    other = sum(word in _OTHER_LATIN or bool(_FOREIGN_LETTER.search(word)) for word in prose)
    return 0 < sum(word in _ENGLISH_REMARK for word in prose) >= other
