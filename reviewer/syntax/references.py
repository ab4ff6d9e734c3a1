"""Finds the names that the lines of a file use, and the calls."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.syntax.tree import decoded

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

# The fields of a call that name the callee, by node type; the first child if a grammar has no field for it.
_CALLEES: dict[str, tuple[str, ...]] = {
    "call": ("function", "method"),  # Python; Ruby
    "call_expression": ("function",),
    "command": ("name",),
    "composite_literal": ("type",),
    "function_call_expression": ("function",),
    "invocation_expression": ("function",),
    "jsx_opening_element": ("name",),
    "jsx_self_closing_element": ("name",),
    "macro_invocation": ("macro",),
    "member_call_expression": ("name",),
    "method_invocation": ("name",),
    "new_expression": ("constructor", "type"),
    "nullsafe_member_call_expression": ("name",),
    "object_creation_expression": ("type",),
    "scoped_call_expression": ("name",),
    "struct_expression": ("name",),
}
_RECEIVERS = ("receiver", "object", "scope")
_SAYS = frozenset(
    (
        *("identifier", "type_identifier", "field_identifier", "property_identifier", "package_identifier", "constant"),
        *("namespace_identifier", "shorthand_property_identifier", "name", "word", "variable_name"),
    )
)
_BRACKETS = re.compile(r"(?:::)?<[^<>]*>|\[[^\[\]]*\]|\([^()]*\)|\{[^{}]*\}")
_NESTED = 8  # levels of brackets that are removed; a callee with more is unknown
# Ruby's names may end in `?` or `!`; before a dot these are operators in other languages.
_WORD = re.compile(r"\$?[^\W\d][\w$]*(?:[?!](?!\.))?")
_LONGEST = 2_000  # bytes of a callee, from its end


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        name: The last name of the callee.
        receiver: The names before it: ``("os", "path")`` for ``os.path.join()``.
        start, end: Its lines, 1-based.
    """

    name: str
    receiver: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class References:
    """The names of a file.

    Attributes:
        calls: The calls, in order of their first lines.
        said: The names on each line; not those in comments and strings, nor ``b`` in ``a.b``.
    """

    calls: tuple[Call, ...]
    said: dict[int, frozenset[str]]


def read(tree: Tree, data: bytes) -> References:
    """Read the names of a tree in one walk."""
    calls: list[Call] = []
    said: dict[int, set[str]] = {}
    cursor = tree.walk()
    while True:
        node = cursor.node
        if node is not None and node.is_named:
            kind = node.type
            if kind in _SAYS and not _is_member(data, node.start_byte):
                said.setdefault(node.start_point.row + 1, set()).add(decoded(data[node.start_byte : node.end_byte]))
            elif kind in _CALLEES:
                call = _call(node, data)
                if call is not None:
                    calls.append(call)
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return References(tuple(calls), {line: frozenset(names) for line, names in said.items()})


def _is_member(data: bytes, start: int) -> bool:
    """Whether a name follows a dot, as in ``a.b`` but not in ``...b``."""
    before = data[max(0, start - 2) : start]
    return before in (b"->", b"::") or (before.endswith(b".") and before != b"..")


def _call(node: Node, data: bytes) -> Call | None:
    fields = _CALLEES[node.type]
    callee = next((found for name in fields if (found := node.child_by_field_name(name)) is not None), None)
    if callee is None:
        callee = next(iter(node.named_children), None)
    if callee is None:
        return None
    words = _chain(callee, data)
    if not words:
        return None
    before = next((found for name in _RECEIVERS if (found := node.child_by_field_name(name)) is not None), None)
    receiver = (*(() if before is None or before == callee else _chain(before, data)), *words[:-1])
    return Call(words[-1], receiver, node.start_point.row + 1, node.end_point.row + 1)


def _chain(node: Node, data: bytes) -> tuple[str, ...]:
    """The names of ``a.b(1).c<T>``, without the contents of brackets."""
    text = data[max(node.start_byte, node.end_byte - _LONGEST) : node.end_byte].decode("utf-8", "replace")
    for _ in range(_NESTED):
        shorter = _BRACKETS.sub("", text)
        if shorter == text:
            return tuple(word.lstrip("$") for word in _WORD.findall(text))
        text = shorter
    return ()
