"""The placeholders of each language: statements that stand for code, and comments that ask for it.

Input is cut to a bounded length before it is matched, so that no line makes a pattern slow.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final

from reviewer.languages import LANGUAGES


class Kind(StrEnum):
    """What is there instead of code; the value is shown to people."""

    EMPTY = "empty body"
    PASS = "only pass"  # noqa: S105  # the statement
    ELLIPSIS = "only ..."
    NOT_IMPLEMENTED = "not implemented"
    TODO = "TODO"


# A string literal which says that the code is missing. SOON excludes a permanent "not implemented".
_SOON: Final = r"(?:not[\s_-]+yet[\s_-]+(?:been[\s_-]+)?implemented|not[\s_-]*implemented[\s_-]+yet|to[\s_-]?do\b|fixme\b|implement\s+(?:me|this|it)\b)"  # noqa: E501
_NEVER: Final = rf"(?:{_SOON}|not[\s_-]*(?:been[\s_-]+)?implemented|unimplemented|not\s+supported\s+yet)"
_SAYS: Final = rf"""\$?[frub]?["'`](?i:[^"'`\n]*?{_NEVER})"""
_SAYS_SOON: Final = rf"""\$?[frub]?["'`](?i:[^"'`\n]*?{_SOON})"""
_ERROR: Final = r"[\w.:\\]*(?:Error|Exception|error|exception)"

# Each is matched against a whole statement without its semicolon. NotImplementedError with another text is left out: it
# gives a reason for refusing.
_SAID: Final[dict[str, str]] = {
    "python": rf"raise\s+NotImplementedError\b(?:\s*\(\s*\))?|raise\s+{_ERROR}\(\s*{_SAYS}.*\)",
    "javascript": rf"throw\s+new\s+NotImplemented\w*\(.*\)|throw\s+(?:new\s+)?{_ERROR}\(\s*{_SAYS}.*\)"
    rf"|throw\s+{_SAYS}.*",
    "go": rf"panic\(\s*(?:errors\.New\(|fmt\.\w+\()?\s*{_SAYS}.*\)"
    rf"|return\s+(?:.*,\s*)?(?:errors\.New|fmt\.Errorf)\(\s*{_SAYS}.*\)",
    "rust": rf"(?:todo|unimplemented)!\s*[(\[{{].*[)\]}}]|panic!\s*\(\s*{_SAYS}.*\)",
    "java": rf"throw\s+new\s+(?:[\w.]*NotImplemented\w*\(.*\)|{_ERROR}\(\s*{_SAYS}.*\))",
    "kotlin": rf"(?:return\s+)?TODO\(.*\)|throw\s+(?:[\w.]*NotImplemented\w*\(.*\)|{_ERROR}\(\s*{_SAYS}.*\))",
    "csharp": rf"throw\s+new\s+(?:[\w.]*NotImplemented\w*\(.*\)|{_ERROR}\(\s*{_SAYS}.*\))",
    "c": rf"assert\(\s*(?:!|(?:0|false)\s*&&)\s*{_SAYS}.*\)|\w*UNIMPLEMENTED\(.*\)",
    "ruby": rf"(?:raise|fail)\b[\s(]*(?:::)?NotImplementedError\b.*|(?:raise|fail)\b[\s(]*(?:[\w:]+\s*,\s*)?{_SAYS}.*",
    "php": rf"throw\s+new\s+(?:[\w\\]*NotImplemented\w*\(.*\)|{_ERROR}\(\s*{_SAYS}.*\))",
    "swift": rf"(?:fatalError|preconditionFailure|assertionFailure)\(\s*{_SAYS}.*\)",
    "shell": rf"(?:echo|printf|die|fail|error|abort)\s+{_SAYS}.*|exit\s+\d+|return\s+[1-9]\d*",
}
_SAID["cpp"] = rf"{_SAID['c']}|throw\s+[\w:]+[({{]\s*{_SAYS}.*[)}}]"
_SAID["typescript"] = _SAID["tsx"] = _SAID["javascript"]

# Those that mean missing code in the middle of other code too, where "not implemented" without "yet" may be final.
_PARTIAL: Final[dict[str, str]] = {
    "python": rf"raise\s+{_ERROR}\(\s*{_SAYS_SOON}.*\)",
    "javascript": rf"throw\s+(?:new\s+)?(?:{_ERROR}\(\s*)?{_SAYS_SOON}.*",
    "go": _SAID["go"].partition("|return")[0],
    "rust": _SAID["rust"],
    "java": rf"throw\s+new\s+{_ERROR}\(\s*{_SAYS_SOON}.*\)",
    "kotlin": r"(?:.*(?:=|->|\breturn|\belse)\s*)?TODO\(.*\)",
    "csharp": r"(?:.*=>\s*)?throw\s+new\s+[\w.]*NotImplementedException\(.*\),?",
    "c": rf"assert\(\s*(?:!|(?:0|false)\s*&&)\s*{_SAYS_SOON}.*\)",
    "cpp": rf"throw\s+[\w:]+[({{]\s*{_SAYS_SOON}.*[)}}]",
    "ruby": rf"(?:raise|fail)\b[\s(]*(?:[\w:]+\s*,\s*)?{_SAYS_SOON}.*",
    "php": rf"throw\s+new\s+{_ERROR}\(\s*{_SAYS_SOON}.*\)",
    "swift": rf"(?:fatalError|preconditionFailure)\(\s*{_SAYS_SOON}.*\)",
}
_PARTIAL["typescript"] = _PARTIAL["tsx"] = _PARTIAL["javascript"]
# Rust's macros are expressions: `let x = todo!();`, `_ => todo!(),`, `None => { unimplemented!() }`.
_PARTIAL["rust"] = rf"(?:.*(?:=>?|\{{|\breturn)\s*)?(?:{_SAID['rust']})[\s}},]*"

# A body that is only there to compile.
_TRIVIAL: Final = re.compile(
    r"(?:return|yield)?\s*\(?(?:None|null|NULL|nullptr|nil|undefined|false|False|true|True|0|0\.0|-1|\"\"|''|\[\]|\{\}|\(\)"
    r"|default|Ok\(\(\)\)|Default::default\(\)|String::new\(\)|Vec::new\(\)|Promise\.resolve\(\)|\w*NOT_?IMPL\w*)\)?"
    r"|return|\(void\)\s*\w+|(?:let\s+)?_\s*=\s*[\w.&, ()]+|:|true|noop"
)
_TODO: Final = re.compile(r"\b(?:TODO|FIXME|XXX|TBD)\b|\b(?:todo|fixme|Todo)\s*[:(]")
_ASKS: Final = re.compile(
    r"""\b(?:todo|fixme|xxx)\b(?:\([^)]*\))?[\s:,.-]*(?:\w+\s+){0,2}?
        (?:implement|finish|complete|fill\s+(?:\w+\s+)?in|write\s+(?:this|me|the\s+(?:code|body|implementation))|stub)\b
      | \b(?:your|add|insert|put)\s+(?:\w+\s+){0,2}?(?:code|logic|implementation)\s+(?:goes\s+)?here\b
      | \bimplementation\s+(?:goes\s+)?here\b
      | ^\W*(?:not\s+(?:yet\s+)?implemented(?:\s+yet)?|placeholder|stub)\W*$
      | (?:\.\.\.|…)\s*\(?(?:the\s+)?(?:rest\s+of|existing|remaining|same\s+as|previous|other)\b
        .*\b(?:code|implementation|methods?|functions?|logic|unchanged|before|above)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_DOCUMENTATION: Final = ("*", "///", "//!")
_MAX_CHARS: Final = 1000  # of a placeholder
_MAX_COMMENT: Final = 500  # characters of a comment that are read
_OPENING: Final = {"(": ")", "[": "]", "{": "}"}


def is_placeholder(language: str, code: str) -> bool:
    """Whether some code, without its comments, is only a placeholder."""
    return kind_of(language, code) is not None


def kind_of(language: str, code: str) -> Kind | None:
    """The kind of placeholder that some code is; None for real code and for code that only returns a constant."""
    if not code.strip():
        return Kind.EMPTY
    if len(code) > _MAX_CHARS:
        return None
    statements = [part for part in split(language, code) if not is_trivial(part) or part == ":"]
    if not statements:
        return None
    kinds = {_statement_kind(language, statement) for statement in statements}
    return kinds.pop() if len(kinds) == 1 else None


def is_trivial(statement: str) -> bool:
    """Whether a statement is only there to compile, such as ``return None``."""
    return len(statement) <= _MAX_CHARS and _TRIVIAL.fullmatch(statement.strip().rstrip(";").strip()) is not None


def only_trivial(language: str, code: str) -> bool:
    """Whether every statement of some code is trivial."""
    return len(code) <= _MAX_CHARS and all(is_trivial(statement) for statement in split(language, code))


def has_todo(text: str) -> bool:
    """Whether a comment has a TODO mark or asks for code."""
    text = text[:_MAX_COMMENT]
    return bool(_TODO.search(text) or _ASKS.search(text))


def asks_for_code(language: str, line: str) -> bool:
    """Whether a line has a comment which says that code is missing there."""
    comment = comment_of(language, line)
    # Documentation, and a comment in a comment, may be about the reader's code.
    if comment is None or line.lstrip().startswith(_DOCUMENTATION) or comment.startswith(("#", "//")):
        return False
    return _ASKS.search(comment[:_MAX_COMMENT]) is not None


def stands_for_code(language: str, line: str) -> bool:
    """Whether a line is a placeholder statement even in the middle of other code."""
    pattern, statement = _compiled("partial", language), line.strip()
    if pattern is None or len(statement) > _MAX_CHARS:
        return False
    return pattern.fullmatch(statement.rstrip(";").strip()) is not None


def comment_of(language: str, line: str) -> str | None:
    """The text of the comment on a line, which may be inside a block comment; None without one."""
    match = _comment(language).search(line)
    if match is None:
        return None
    text = line[match.end() :].rstrip()
    return next((text.removesuffix(end) for end in ("*/", "-->") if text.endswith(end)), text).strip()


def without_comment(language: str, line: str) -> str:
    """A line up to its comment."""
    match = _comment(language).search(line)
    return line if match is None else line[: match.start()]


def stands_alone(language: str, line: str) -> bool:
    """Whether a line is only a comment."""
    match = _comment(language).search(line)
    return match is not None and not line[: match.start()].strip()


def split(language: str, code: str) -> list[str]:
    """Split code into statements at semicolons and line ends outside of brackets and quotes."""
    parts, depth, quote, start = [], [], "", 0
    index = 0
    while index < len(code):
        char = code[index]
        if quote:
            index += char == "\\"
            quote = "" if char == quote else quote
        elif char in '"`' or (char == "'" and language not in ("rust", "c", "cpp")):
            quote = char
        elif char in _OPENING:
            depth.append(_OPENING[char])
        elif depth and char == depth[-1]:
            depth.pop()
        elif not depth and char in ";\n":
            parts.append(code[start:index])
            start = index + 1
        index += 1
    parts.append(code[start:])
    return [part.strip() for part in parts if part.strip()]


def _statement_kind(language: str, statement: str) -> Kind | None:
    if (language, statement) in (("python", "pass"), ("shell", ":")):
        return Kind.PASS
    if (language, statement) == ("python", "..."):
        return Kind.ELLIPSIS
    pattern = _compiled("said", language)
    return Kind.NOT_IMPLEMENTED if pattern is not None and pattern.fullmatch(statement) else None


@lru_cache
def _compiled(table: str, language: str) -> re.Pattern[str] | None:
    source = {"said": _SAID, "partial": _PARTIAL}[table].get(language)
    return None if source is None else re.compile(source, re.DOTALL)


@lru_cache
def _comment(language: str) -> re.Pattern[str]:
    value = LANGUAGES[language]
    marks = [re.escape(value.line_comment)] if value.line_comment else []
    if language == "php":
        marks.append("#(?!\\[)")
    if value.block_comment:
        marks += [re.escape(value.block_comment[0]), r"^\s*\*(?=\s)"]
    # A mark within a word or after a colon does not start a comment: `$#`, `https://`.
    return re.compile(rf"(?<![\w:$\"'])(?:{'|'.join(marks) or '(?!)'})[*/!#]*")
