"""Replacements with which a rule no longer matches although the fault stays.

An error that is only printed, a clause that never runs, another size that is still not that of the data.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from reviewer import syntax
from reviewer.languages import LANGUAGES

if TYPE_CHECKING:
    from reviewer.finding import Suggestion

# Output that a program's user sees or nobody; a log and standard error are places for an error.
_PRINT = re.compile(
    r"(?:sudo\s+)?(?:print|println|puts|pp?|printf|echo|print_r|var_dump|dump|write-host|putStrLn)\b(?![^\n]*\b(?:stderr|STDERR)\b)"
    r"|(?:System\.out\.print\w*|Console\.Write\w*|fmt\.Print\w*|console\.(?:log|debug|info)|Debug\.Write\w*|print!"
    r"|println!|dbg!|std::cout\b|cout\s*<<|\w+\.printStackTrace)(?=\W)",
)
# Lines that hold no code of their own, or end the handler without doing anything about the error.
_IDLE = re.compile(
    r"[\[\](){};,\s]*|(?:\}\s*)?(?:try|catch|except|rescue|finally|ensure|else|end|begin|do|then)\b[^;]*"
    r"|(?:return|nil|null|None|false|true|pass|continue|next|break)\b[\s\w\[\](){};.]*"
)

_ERASED = re.compile(r"\b(\w+)\s*=\s*[\w.>-]+\berase\(\s*\1\b")
_COPIED = re.compile(r"\bauto\s+(\w+)\s*=\s*(\w+)\s*;")
_FOR = re.compile(r"\bfor\s*\(([^{}\n]{1,200})")
_INCREMENTS = re.compile(r"\+\+")
_LOOP_LINES = 20
_LAMBDA = re.compile(r"\blambda\b([^:\n]{0,200}):")

_SIZEOF = re.compile(
    r"\bsizeof\s*(?:\(\s*(?P<inner>[^()]{1,80}?)\s*\)|(?P<bare>(?:\*\s{0,9}){0,4}[\w&.\->\[\]]{1,80}))"
)
_ALLOCATES = re.compile(r"alloc\w{0,20}\s{0,9}\(|\bnew\b", re.IGNORECASE)
_SCALAR = (
    r"(?:char|short|int|long|float|double|bool|void|byte|size_t|u?int\d+_t|u?int\d*|u(?:char|short|long)|wchar_t"
    r"|char\d+_t)"
)
_POINTED = (
    rf"\b{_SCALAR}(?:\s+const)?\s*(?:\*+\s*(?:const\s+|restrict\s+|__restrict\s+)?{{0}}\b|(?:const\s+)?{{0}}\s*\[)"
)
_C_COMMENT = re.compile(r"//[^\n]*|/\*.{0,500}?\*/", re.DOTALL)
_POINTED_TO = re.compile(r",\s*\*+\s*\w{1,80}\s*[,)]")
_SCALAR_POINTER = re.compile(rf"(?:const\s+)?(?:(?:un)?signed\s+)?{_SCALAR}(?:\s+const)?\s*\**")


def unmended(suggestion: Suggestion, text: str, after: str, language: str) -> str | None:
    """Return why a fault stays with a replacement, as a clause; None where nothing shows that it does.

    Args:
        suggestion: The replacement.
        text: The whole text before it.
        after: The whole text with it.
        language: The name of their language.
    """
    if _only_prints(suggestion, language):
        return "it prints the error instead of handling it"
    if syntax.unreachable_handlers(language, after) > syntax.unreachable_handlers(language, text):
        return "it adds a clause that an earlier one shadows"
    if language in {"c", "cpp"} and (_only_resizes(suggestion, after) or _element_as_size(suggestion)):
        return "the size is still not that of the data"
    if language == "cpp" and _still_increments(suggestion, after):
        return "the loop still moves the iterator on, and skips an element"
    if language == "python" and _required(suggestion.replacement) > _required(suggestion.original):
        return "it changes how a function is called"
    return None


def _still_increments(suggestion: Suggestion, after: str) -> bool:
    """Whether an iterator is erased in another way within a loop whose head increments it as before.

    It is set to what ``erase`` returns, which skips an element, or a copy of it is erased, which leaves it invalid.
    """
    new = Counter(_erased(suggestion.replacement)) - Counter(_erased(suggestion.original))
    last = suggestion.start + suggestion.replacement.count("\n")
    above = "\n".join(after.split("\n")[max(0, last - _LOOP_LINES) : last])
    return any(_INCREMENTS.search(head) and name in head for name in new for head in _FOR.findall(above)[-1:])


def _erased(code: str) -> list[str]:
    """The iterators that are set to what ``erase`` returns, or of which a copy is erased."""
    copies = (name for copy, name in _COPIED.findall(code) if re.search(rf"\berase\(\s*{copy}\s*\)", code))
    return [*_ERASED.findall(code), *copies]


def _required(code: str) -> int:
    """The number of parameters without a default of all lambdas."""
    lists = (found.split(",") for found in _LAMBDA.findall(code))
    return sum(1 for names in lists for name in names if name.strip() and "=" not in name and "*" not in name)


def _only_prints(suggestion: Suggestion, language: str) -> bool:
    """Whether the lines that are new do nothing but print, and do not merely print in another way."""
    old, new = _code(suggestion.original, language), _code(suggestion.replacement, language)
    gone, come = (list((one - other).elements()) for one, other in ((old, new), (new, old)))
    more = sum(_PRINT.match(line) is not None for line in come) > sum(_PRINT.match(line) is not None for line in gone)
    return more and all(_PRINT.match(line) or _IDLE.fullmatch(line) for line in come)


def _code(code: str, language: str) -> Counter[str]:
    comment = LANGUAGES[language].line_comment if language in LANGUAGES else None
    lines = (line.strip() for line in code.split("\n"))
    return Counter(line for line in lines if line and not (comment and line.startswith(comment)))


def _only_resizes(suggestion: Suggestion, after: str) -> bool:
    """Whether nothing but operands of ``sizeof`` differ, and the new ones are of a pointer or of one element."""
    # A remark that the line is right now does not make it so.
    old, new = (_C_COMMENT.sub("", code) for code in (suggestion.original, suggestion.replacement))
    blank = ["".join(_SIZEOF.sub("sizeof", code).split()) for code in (old, new)]
    if blank[0] != blank[1] or _ALLOCATES.search(new):
        return False
    changed = Counter(map(_operand, _SIZEOF.finditer(new))) - Counter(map(_operand, _SIZEOF.finditer(old)))
    before = after.split("\n")[: suggestion.start + new.count("\n")]
    return all(_is_small(operand, "\n".join(before)) for operand in changed)


def _element_as_size(suggestion: Suggestion) -> bool:
    """Whether what a pointer points to is the size now, in place of a ``sizeof``."""
    old, new = suggestion.original, suggestion.replacement
    fewer = len(_SIZEOF.findall(new)) < len(_SIZEOF.findall(old))
    return fewer and len(_POINTED_TO.findall(new)) > len(_POINTED_TO.findall(old))


def _operand(found: re.Match[str]) -> str:
    return " ".join((found["inner"] or found["bare"]).split())


def _is_small(operand: str, text: str) -> bool:
    """Whether an operand is a scalar, a pointer to scalars or what one such points to."""
    if _SCALAR_POINTER.fullmatch(operand):
        return True
    name = operand.lstrip("*&( ").rstrip(") ").removesuffix("[0]")
    if not name.isidentifier():
        return False
    return re.search(_POINTED.format(name), text) is not None
