"""Finds the names that a file's imports bind.

One reader serves most grammars: an import is a path of names with separators, and the last name of a path is bound.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from reviewer.syntax.tree import decoded, nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tree_sitter import Node, Tree

# Separators between the names of a path. ``import`` is one in Python: ``from a.b import c``.
_JOINS = frozenset((".", "::", "\\", "import", "?."))
_RENAMES = frozenset(("as", ":"))
_NAMES = frozenset(
    (
        *("identifier", "type_identifier", "package_identifier", "namespace_identifier", "property_identifier"),
        *("shorthand_property_identifier_pattern", "name"),
    )
)
_PARTS = re.compile(r"[\w$@.-]+")
_GO_VERSION = re.compile(r"v\d+")
_MOST_WORDS = 2_000


@dataclass(frozen=True, slots=True)
class Import:
    """One import.

    Attributes:
        start, end: Its lines, 1-based.
        names: The names that it binds; empty if unknown, as for ``import a.b.*``.
    """

    start: int
    end: int
    names: tuple[str, ...]


def read(grammar: str, tree: Tree, data: bytes) -> Iterator[Import]:
    """Yield the imports of a tree that bind names, in order."""
    special = _GRAMMARS.get(grammar.partition(":")[0], {})
    for node in nodes(tree, frozenset(special)):
        names = special[node.type](node, data)
        if names:
            yield Import(_first_row(node) + 1, node.end_point.row + 1, tuple(names))


def _paths(node: Node, data: bytes) -> list[str]:
    """Read an import that consists of paths of names."""
    words = [*((leaf.type, _text(leaf, data)) for leaf in _leaves(node)), ("", "")]
    # Python's `import a.b` binds `a`.
    reading = _Reading(binds_first=node.type == "import_statement" and words[0][1] == "import")
    for (kind, text), (_, following) in pairwise(words):
        if kind in _NAMES:
            reading.name(text, following)
        else:
            reading.sign(kind, text)
    return reading.bound


class _Reading:
    """The state while reading one import word by word; ``bound`` are the names found."""

    def __init__(self, *, binds_first: bool) -> None:
        self.bound: list[str] = []
        self._binds_first = binds_first
        self._opened: list[tuple[str, ...]] = []
        self._base: tuple[str, ...] = ()  # the common path of all names in a list
        self._path: list[str] = []
        self._renamed = False

    def name(self, text: str, following: str) -> None:
        renames = following in _RENAMES
        if renames or following in _JOINS:
            self._path.append(text)
        else:
            self.bound.append(self._path[0] if self._binds_first and self._path and not self._renamed else text)
        self._renamed = renames

    def sign(self, kind: str, text: str) -> None:
        if text == "import" and self._path:
            self._base = tuple(self._path)
        elif text == "{":
            self._opened.append(self._base)
            self._base, self._renamed = tuple(self._path), False
        elif text == "}" and self._opened:
            self._base = self._opened.pop()
        elif text == "," or kind == "self":
            if kind == "self" and self._opened and self._base:  # Rust's `use std::fmt::{self, Write}`
                self.bound.append(self._base[-1])
            self._path, self._renamed = list(self._base), False


def _go(node: Node, data: bytes) -> list[str]:
    own, path = node.child_by_field_name("name"), node.child_by_field_name("path")
    if own is not None:
        return [_text(own, data)] if _text(own, data) not in "._" else []
    parts = [] if path is None else _PARTS.findall(_text(path, data).strip('"`'))
    if len(parts) > 1 and _GO_VERSION.fullmatch(parts[-1]):
        parts.pop()
    return parts[-1:]


def _aliased(node: Node, data: bytes) -> list[str]:
    """C#'s ``using`` binds a name only if it renames one; otherwise it opens a namespace."""
    own = node.child_by_field_name("name")
    return [] if own is None else [_text(own, data)]


def _required(node: Node, data: bytes) -> list[str]:
    """JavaScript's ``const a = require("b")``."""
    names, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    called = value.child_by_field_name("function") if value is not None and value.type == "call_expression" else None
    return _paths(names, data) if names is not None and called is not None and _text(called, data) == "require" else []


def _leaves(node: Node) -> list[Node]:
    """The tokens of a node in order, up to a limit."""
    found: list[Node] = []
    waiting = [node]
    while waiting and len(found) < _MOST_WORDS:
        part = waiting.pop()
        if part.child_count:
            waiting.extend(reversed(part.children))
        else:
            found.append(part)
    return found


def _first_row(node: Node) -> int:
    """The first row of an import; of JavaScript's ``require`` that of its declaration."""
    whole = node.parent if node.type == "variable_declarator" and node.parent is not None else node
    return int(whole.start_point.row)


def _text(node: Node, data: bytes) -> str:
    return decoded(data[node.start_byte : node.end_byte])


_SCRIPT: dict[str, Callable[[Node, bytes], list[str]]] = {"import_statement": _paths, "variable_declarator": _required}
_GRAMMARS: dict[str, dict[str, Callable[[Node, bytes], list[str]]]] = {
    "tree_sitter_python": {"import_statement": _paths, "import_from_statement": _paths},
    "tree_sitter_javascript": _SCRIPT,
    "tree_sitter_typescript": _SCRIPT,
    "tree_sitter_go": {"import_spec": _go},
    "tree_sitter_rust": {"use_declaration": _paths},
    "tree_sitter_java": {"import_declaration": _paths},
    "tree_sitter_kotlin": {"import": _paths},
    "tree_sitter_cpp": {"using_declaration": _paths},
    "tree_sitter_c_sharp": {"using_directive": _aliased},
    "tree_sitter_php": {"namespace_use_declaration": _paths},
}
