"""The clauses of a ``try`` that handle errors, and which of them can never run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.syntax.tree import decoded, nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tree_sitter import Node, Tree

_CLAUSES = {
    **dict.fromkeys(("cpp", "csharp", "java", "php"), frozenset({"catch_clause"})),
    "kotlin": frozenset({"catch_block"}),
    "python": frozenset({"except_clause"}),
    "ruby": frozenset({"rescue"}),
}
# Where a clause names its types; Python has them right after the keyword.
_TYPES = ("catch_formal_parameter", "catch_declaration", "type_list", "exceptions", "parameter_list", "user_type")
_NAME = re.compile(r"[\w.:\\]+")

_EVERYTHING = "..."
_ALL = frozenset({_EVERYTHING, "BaseException", "Throwable"})
_MOST = frozenset({"Exception", "StandardError"})
# What a clause for ``Exception`` or ``StandardError`` does not catch.
_BESIDE = {
    "python": re.compile(r"BaseException\w*|KeyboardInterrupt|SystemExit|GeneratorExit|CancelledError"),
    "ruby": re.compile(
        r"Exception|Interrupt|SystemExit|Signal\w*|NoMemoryError|ScriptError|LoadError|NotImplementedError"
        r"|Security\w*|SystemStackError|SyntaxError"
    ),
}
_BESIDE_ELSEWHERE = re.compile(r"Throwable|\w*Error")


@dataclass(frozen=True, slots=True)
class Handler:
    """One clause.

    Attributes:
        line: Its first line, 1-based.
        types: What it catches, without namespaces; ``"..."`` is everything.
    """

    line: int
    types: tuple[str, ...]


def unreachable(tree: Tree, data: bytes, language: str) -> tuple[Handler, ...]:
    """Return the clauses that can never run, because earlier ones of the same ``try`` catch all that they would.

    Args:
        tree: The parsed text.
        data: The text, as ``tree.encoded`` gives it.
        language: The name of its language.
    """
    clauses: dict[int, list[Handler]] = {}
    found = []
    for node in nodes(tree, _CLAUSES.get(language, frozenset())):
        # A filter may let the error pass.
        if node.parent is None or any(child.type == "catch_filter_clause" for child in node.children):
            continue
        handler = Handler(node.start_point[0] + 1, _types(node, data, language))
        earlier = clauses.setdefault(node.parent.id, [])
        if _is_covered(handler, earlier, language):
            found.append(handler)
        earlier.append(handler)
    return tuple(found)


def _is_covered(handler: Handler, earlier: Sequence[Handler], language: str) -> bool:
    caught = {name for one in earlier for name in one.types}
    if caught & (_ALL | {"Exception"} if language in {"csharp", "ruby"} else _ALL):
        return True
    most = not _MOST.isdisjoint(caught)
    beside = _BESIDE.get(language, _BESIDE_ELSEWHERE)
    return bool(handler.types) and all(
        name in caught or (most and name != _EVERYTHING and not beside.fullmatch(name)) for name in handler.types
    )


def _types(node: Node, data: bytes, language: str) -> tuple[str, ...]:
    within = next((child for child in node.children if child.type in _TYPES), None)
    if within is None and language == "python":
        within = next(
            (child for child in node.children if child.is_named and child.type not in {"block", "comment"}), None
        )
    if within is None:
        return ("StandardError",) if language == "ruby" else (_EVERYTHING,)
    text = decoded(data[within.start_byte : within.end_byte])
    if _EVERYTHING in text:
        return (_EVERYTHING,)
    names = [re.split(r"[.:\\]", name)[-1] for name in _NAME.findall(re.split(r"\bas\b", text)[0])]
    if language == "cpp":
        return tuple(name for name in names if name != "const")[:1]
    # The name of the variable comes last.
    return tuple(name for name in names if language not in {"java", "csharp"} or name[:1].isupper())
