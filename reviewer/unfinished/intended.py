"""Bodies that are empty, or refuse to work, on purpose.

A wrong report costs more here than a missed one: people stop reading.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
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
    r"\b(?:Protocol|ABC|ABCMeta|Interface)\b|^(?:[\w@]+\s+)*(?:interface|trait)\b|\babstract\s+(?:\w+\s+)*class\b"
)
_BASE_NAME: Final = re.compile(r"^(?:Abstract|Base)[A-Z_]|(?:Base|Mixin|Interface|Protocol|ABC)$")
_LEFT_TO_OTHERS: Final = re.compile(
    r"\b(?:subclass\w*|sub-class\w*|overrid\w+|abstract|derived|child class\w*|must (?:be )?implement\w*)\b",
    re.IGNORECASE,
)
_CONSTRUCTORS: Final = frozenset(
    (
        "constructor",
        "__construct",
        "__destruct",
        "initialize",
        "init",
        "deinit",
        "main",
        "finalize",
        "drop",
        "Drop",
        "Dispose",
    )
)
_NOTHING: Final = re.compile(
    r"(?:^|[a-z_.])(?:no_?op|nop|null|dummy|fake|mock|stub|discard|silent|ignore|empty|unused)", re.IGNORECASE
)
# Bodies that may be left empty because another class fills or asks for them.
_HOOK: Final = re.compile(
    r"@?\b(?:override|default|virtual|open|abstract)\b|\bnoexcept\s*$|#\[\\?override\]", re.IGNORECASE
)
_NAMELESS_RECEIVER: Final = re.compile(r"^func\s*\(\s*\*?[\w.\[\]]+\s*\)")
_MARKER_METHOD: Final = re.compile(r"^is[A-Z]\w*$")
_IMPLEMENTS: Final = re.compile(r"^(?:unsafe\s+)?impl\b.*\bfor\b")
_RETURNS: Final = re.compile(r"->\s*(?!None\b|NoReturn\b|Never\b)\S")
_TEST_PATH: Final = re.compile(
    r"(?:^|/)(?:tests?|specs?|__tests__)/|(?:^|/)(?:test_|conftest)|[._-](?:test|spec)\.\w+$", re.IGNORECASE
)


def is_intended(source: Source, function: Function, body: Body) -> bool:
    """Whether a body that looks like a gap is meant to be so."""
    if body.kind is Kind.TODO:
        return False
    if any(_DECORATORS.search(decorator) for decorator in function.decorators):
        return True
    if body.kind is Kind.NOT_IMPLEMENTED:
        return _is_abstract(source, function, body)
    return (
        bool(body.comments)  # somebody explained it
        or _INTERFACE.search(function.owner) is not None
        or _is_quiet_by_nature(source.language, function, body)
        or _is_fake(function, source.path)
    )


def _is_abstract(source: Source, function: Function, body: Body) -> bool:
    """Whether a refusal is how the language, or the class, declares an abstract method."""
    if source.language not in ("python", "ruby"):
        return _LEFT_TO_OTHERS.search(function.body_code) is not None
    owner = function.name.rpartition(".")[0].rpartition(".")[2]
    said = "\n".join((function.body_code, body.docstring, *body.comments))
    return bool(owner) and (
        _LEFT_TO_OTHERS.search(said) is not None
        or _INTERFACE.search(function.owner) is not None
        or _BASE_NAME.search(owner) is not None
        or _has_subclass(owner, source.text)
    )


def _has_subclass(owner: str, text: str) -> bool:
    name = re.escape(owner)
    return re.search(rf"^\s*class\s+\w+\s*(?:\([^)]*\b{name}\b|<\s*{name}\b)", text, re.MULTILINE) is not None


def _is_quiet_by_nature(language: str, function: Function, body: Body) -> bool:
    own = function.name.rpartition(".")[2]
    owner = function.name.rpartition(".")[0].rpartition(".")[2]
    if language == "python":
        dunder = own.startswith("__") and own.endswith("__")
        # A docstring alone is how commands, hooks and deliberate silence are often written; a promised value is none.
        only_docstring = body.kind is Kind.EMPTY and _RETURNS.search(function.signature) is None
        return (dunder and body.kind is Kind.PASS) or only_docstring
    if body.kind is not Kind.EMPTY:
        return False
    return (
        own in _CONSTRUCTORS
        or own.lstrip("~") == owner
        or own.startswith(("~", "operator"))
        or _HOOK.search(function.signature) is not None
        or function.signature.rstrip().endswith("=>")  # a callback that does nothing
        or _IMPLEMENTS.search(function.owner) is not None
        or _NAMELESS_RECEIVER.search(function.signature) is not None
        or (language == "go" and _MARKER_METHOD.search(own) is not None)
        or (language == "ruby" and owner.endswith("Controller"))
    )


def _is_fake(function: Function, path: str) -> bool:
    if _NOTHING.search(function.name):
        return True
    in_test = path and _TEST_PATH.search(str(PurePosixPath(path)))
    return bool(in_test) and not function.name.rpartition(".")[2].lower().startswith("test")
