"""Recognizes bodies that are empty, or refuse to work, on purpose. When in doubt, a body is intended."""

from __future__ import annotations

import dataclasses
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from reviewer.unfinished.placeholders import Kind

if TYPE_CHECKING:
    from reviewer.syntax import Function
    from reviewer.unfinished.bodies import Body, Source

_DECORATORS: Final = re.compile(
    r"@\s*(?:[\w.]*\.)?(?:abstract\w*|overload|override|singledispatch\w*|hookspec\w*|final_stub|implements)\b"
    r"|@[\w.]+\.(?:group|callback)\b"
)
_INTERFACE: Final = re.compile(
    r"\b(?:Protocol|ABC|ABCMeta|Interface)\b|^(?:[\w@]+\s+){0,9}(?:interface|trait)\b"
    r"|\babstract\s+(?:\w+\s+){0,9}class\b"
)
_BASE_NAME: Final = re.compile(r"(?:^|[a-z_])(?:Abstract|Base)(?=[A-Z_]|$)|(?:Mixin|Interface|Protocol|ABC)$")
_LEFT_TO_OTHERS: Final = re.compile(
    r"\b(?:subclass\w*|sub-class\w*|overrid\w+|abstract|derived|child class\w*|must (?:be )?implement\w*)\b",
    re.IGNORECASE,
)
_CONSTRUCTORS: Final = frozenset(
    (
        *("constructor", "__construct", "__destruct", "initialize", "init", "deinit"),
        *("main", "finalize", "drop", "Drop", "Dispose"),
    )
)
_NOTHING: Final = re.compile(
    r"^tests?\.|(?:^|[a-z_.])(?:no_?op|nop|null|dummy|fake|mock|stub|discard|silent|ignore|empty|unused)", re.IGNORECASE
)
# Another class fills these bodies or requires them.
_HOOK: Final = re.compile(
    r"@?\b(?:override|default|virtual|open|abstract)\b|\bnoexcept\s*$|#\[\\?override\]", re.IGNORECASE
)
_CALLBACK: Final = re.compile(
    r"^(?:a?close|flush|clean_?up|set_?up\w*|tear_?down\w*|log_message|(?:visit|on)_\w+|on[A-Z]\w*)$", re.IGNORECASE
)
# A receiver or parameter without a name is unused on purpose.
_NAMELESS: Final = re.compile(
    r"^func\s*\(\s*\*?[\w.\[\]]+\s*\)|^func\b.*\(\s*(?:_ |[\w.*\[\]]+\s*[,)])|/\*\s*\w+\s*\*/\s*[,)]|\(\s*_\w*\s*[:,)]"
)
_CPP_INITIALIZERS: Final = re.compile(r"\)[^()?:]{0,80}:(?!:)\s*[\w:<>, ]{1,200}[({]")
_MARKER_METHOD: Final = re.compile(r"^is[A-Z]\w*$")
_IMPLEMENTS: Final = re.compile(r"^(?:unsafe\s+)?impl\b.*\bfor\b")
_RETURNS: Final = re.compile(r"->\s*(?!None\b|NoReturn\b|Never\b)\S")
_TEST_PATH: Final = re.compile(
    r"(?:^|/)(?:[tT]ests?|\w+Tests?|specs?|__tests__)/|(?:^|/)(?:test_|conftest)|(?:[._-](?:test|spec)|Tests?)\.\w+$"
)
_TEST: Final = re.compile(r"^[tT]est|@Test\b|#\[test\]")
_SUBCLASS: Final = re.compile(
    r"^[ \t]*class[ \t]+\w+[ \t]*(?:\((?P<bases>[^)]{0,500})|<[ \t]*(?P<base>\w+))", re.MULTILINE
)
_MAX_SIGNATURE: Final = 2000


def is_intended(source: Source, function: Function, body: Body) -> bool:
    """Whether a body that looks like a gap is intended."""
    if body.kind is Kind.TODO:
        return False
    function = _shortened(function)
    if any(_DECORATORS.search(decorator) for decorator in function.decorators):
        return True
    if _is_left_to_others(source, function, body) or is_fake(function, source.path):
        return True
    return body.kind is not Kind.NOT_IMPLEMENTED and (
        bool(body.comments)  # somebody explained it
        or _is_quiet_by_nature(source.language, function, body)
    )


def _is_left_to_others(source: Source, function: Function, body: Body) -> bool:
    """Whether the language or the class leaves this method to subclasses."""
    said = "\n".join((function.body_code, body.docstring, *body.comments))
    if _LEFT_TO_OTHERS.search(said):
        return True
    if source.language not in ("python", "ruby"):
        return body.kind is not Kind.NOT_IMPLEMENTED and _INTERFACE.search(function.owner) is not None
    owner = function.name.rpartition(".")[0].rpartition(".")[2]
    return bool(owner) and (
        _INTERFACE.search(function.owner) is not None
        or _BASE_NAME.search(owner) is not None
        or owner in _base_classes(source.text)
    )


@lru_cache(maxsize=1)
def _base_classes(text: str) -> frozenset[str]:
    """The names that classes of a Python or Ruby file are derived from."""
    return frozenset(
        name for found in _SUBCLASS.finditer(text) for name in re.findall(r"\w+", found[1] or found[2] or "")
    )


def _shortened(function: Function) -> Function:
    return dataclasses.replace(
        function,
        signature=function.signature[:_MAX_SIGNATURE],
        owner=function.owner[:_MAX_SIGNATURE],
        decorators=tuple(decorator[:_MAX_SIGNATURE] for decorator in function.decorators),
    )


def _is_quiet_by_nature(language: str, function: Function, body: Body) -> bool:
    own = function.name.rpartition(".")[2]
    owner = function.name.rpartition(".")[0].rpartition(".")[2]
    if language == "python":
        dunder = own.startswith("__") and own.endswith("__")
        # Commands, hooks and deliberate no-ops often have only a docstring, but not functions that return a value.
        only_docstring = body.kind is Kind.EMPTY and _RETURNS.search(function.signature) is None
        return body.kind is not Kind.ELLIPSIS and (dunder or only_docstring or _is_callback(function))
    if body.kind is not Kind.EMPTY:
        return False
    return (
        own in _CONSTRUCTORS
        or _is_callback(function)
        or own.lstrip("~") == owner
        or own.startswith(("~", "operator"))
        or _HOOK.search(function.signature) is not None
        or function.signature.rstrip().endswith("=>")  # a callback that does nothing
        or _IMPLEMENTS.search(function.owner) is not None
        or _NAMELESS.search(function.signature) is not None
        or (language == "cpp" and _CPP_INITIALIZERS.search(function.signature) is not None)
        or (language == "go" and _MARKER_METHOD.search(own) is not None)
        or (language == "ruby" and owner.endswith("Controller"))
    )


def _is_callback(function: Function) -> bool:
    """Whether it is a method that a protocol requires and that often does nothing."""
    owner, _, own = function.name.rpartition(".")
    return bool(owner) and _CALLBACK.search(own) is not None


def is_fake(function: Function, path: str) -> bool:
    """Whether its name says that it does nothing, or it is a helper of a test."""
    if _NOTHING.search(function.name[:_MAX_SIGNATURE]):
        return True
    if not path or not _TEST_PATH.search(path):
        return False
    return not _TEST.search(function.name.rpartition(".")[2]) and not _TEST.search(function.signature[:_MAX_SIGNATURE])
